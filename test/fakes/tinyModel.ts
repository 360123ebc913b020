/**
 * A made model of about 1 MB: a llama of two layers with random weights and a byte-level tokenizer,
 * written as GGUF v3. It knows nothing, but it loads, reads and answers in milliseconds.
 */
import { writeFile } from "node:fs/promises";

/** The merges are learnt from this, so that the engine's own system text fits one block. */
const TRAINING_TEXT = `You answer questions about the source code of one repository. Its files come
next, each part under a line with its path. Answer from these files, briefly and exactly, and name in
backticks the path of the file in which the answer stands. Quote names and signatures as they are
written in the code. Prefer the definition to its uses; if several files match, name the one that
defines it. If the repository does not contain the answer, say that it is not defined in this
repository.`.replaceAll("\n", " ");
const MERGES = 300;

const SPECIAL = ["<|im_start|>", "<|im_end|>", "<|file_sep|>"];
const CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

export interface TinyModelOptions {
  readonly architecture?: string;
  readonly preTokenizer?: string;
  readonly chatTemplate?: string;
  readonly layers?: number;
}

/** GPT-2's printable stand-ins for bytes, by byte. */
function byteCharacters(): readonly string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(isPrintable(byte) ? byte : next++),
  );
}

/** Byte-pair merges, the most frequent pair first, ties by text. */
function learnMerges(text: string, count: number): readonly (readonly [string, string])[] {
  const characters = byteCharacters();
  const words = (text.match(/ ?[A-Za-z]+|[^A-Za-z ]/g) ?? []).map((word) =>
    [...Buffer.from(word)].map((byte) => characters[byte] ?? ""),
  );
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1] ?? ""} ${word[i] ?? ""}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const best = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]?.[0];
    if (best === undefined) break;
    const [left = "", right = ""] = best.split(" ");
    merges.push([left, right]);
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        if (word[i - 1] === left && word[i] === right) word.splice(i - 1, 2, left + right);
      }
    }
  }
  return merges;
}

/** GGUF's value types. */
const U32 = 4;
const I32 = 5;
const F32 = 6;
const STRING = 8;
const ARRAY = 9;

type Value =
  | { readonly type: typeof U32; readonly value: number }
  | { readonly type: typeof F32; readonly value: number }
  | { readonly type: typeof STRING; readonly value: string }
  | { readonly type: typeof ARRAY; readonly of: typeof I32; readonly value: readonly number[] }
  | { readonly type: typeof ARRAY; readonly of: typeof STRING; readonly value: readonly string[] };

class Writer {
  private readonly parts: Buffer[] = [];
  size = 0;

  bytes(buffer: Buffer): void {
    this.parts.push(buffer);
    this.size += buffer.length;
  }
  u32(value: number): void {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32LE(value);
    this.bytes(buffer);
  }
  f32(value: number): void {
    const buffer = Buffer.alloc(4);
    buffer.writeFloatLE(value);
    this.bytes(buffer);
  }
  u64(value: number): void {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(BigInt(value));
    this.bytes(buffer);
  }
  text(text: string): void {
    const buffer = Buffer.from(text);
    this.u64(buffer.length);
    this.bytes(buffer);
  }
  value(value: Value): void {
    this.u32(value.type);
    if (value.type === STRING) this.text(value.value);
    else if (value.type === U32) this.u32(value.value);
    else if (value.type === F32) this.f32(value.value);
    else {
      this.u32(value.of);
      this.u64(value.value.length);
      for (const entry of value.value) {
        if (typeof entry === "string") this.text(entry);
        else this.u32(entry);
      }
    }
  }
  pad(alignment: number): void {
    this.bytes(Buffer.alloc((alignment - (this.size % alignment)) % alignment));
  }
  get result(): Buffer {
    return Buffer.concat(this.parts);
  }
}

/** Uniform in [-1, 1), the same numbers every time. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x8000_0000 - 1;
  };
}

const WIDTH = 64;
const FFN = 128;
const HEADS = 4;
const GROUPS = 2;
const HEAD_DIM = WIDTH / HEADS;

function tinyModel(options: TinyModelOptions = {}): Buffer {
  const { architecture = "llama", layers = 2 } = options;
  const merges = learnMerges(TRAINING_TEXT, MERGES);
  const merged = new Set(merges.map(([left, right]) => left + right));
  const tokens = [...SPECIAL, ...byteCharacters(), ...merged];
  const u32 = (value: number): Value => ({ type: U32, value });
  const text = (value: string): Value => ({ type: STRING, value });
  const metadata: Record<string, Value> = {
    "general.architecture": text(architecture),
    "general.name": text("Tiny"),
    "general.file_type": u32(0),
    [`${architecture}.block_count`]: u32(layers),
    [`${architecture}.context_length`]: u32(8192),
    [`${architecture}.embedding_length`]: u32(WIDTH),
    [`${architecture}.feed_forward_length`]: u32(FFN),
    [`${architecture}.attention.head_count`]: u32(HEADS),
    [`${architecture}.attention.head_count_kv`]: u32(GROUPS),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { type: F32, value: 1e-5 },
    [`${architecture}.rope.freq_base`]: { type: F32, value: 10_000 },
    "tokenizer.ggml.model": text("gpt2"),
    "tokenizer.ggml.pre": text(options.preTokenizer ?? "qwen2"),
    "tokenizer.ggml.tokens": { type: ARRAY, of: STRING, value: tokens },
    "tokenizer.ggml.token_type": {
      type: ARRAY,
      of: I32,
      value: tokens.map((_, i) => (i < SPECIAL.length ? 3 : 1)),
    },
    "tokenizer.ggml.merges": {
      type: ARRAY,
      of: STRING,
      value: merges.map(([left, right]) => `${left} ${right}`),
    },
    "tokenizer.ggml.eos_token_id": u32(1),
    "tokenizer.chat_template": text(options.chatTemplate ?? CHAT_TEMPLATE),
  };
  /** Name, rows, columns; a vector has no rows. */
  const tensors: (readonly [string, number | undefined, number])[] = [
    ["token_embd.weight", tokens.length, WIDTH],
    ["output_norm.weight", undefined, WIDTH],
  ];
  for (let i = 0; i < layers; i++) {
    tensors.push(
      [`blk.${i}.attn_norm.weight`, undefined, WIDTH],
      [`blk.${i}.attn_q.weight`, WIDTH, WIDTH],
      [`blk.${i}.attn_k.weight`, GROUPS * HEAD_DIM, WIDTH],
      [`blk.${i}.attn_v.weight`, GROUPS * HEAD_DIM, WIDTH],
      [`blk.${i}.attn_output.weight`, WIDTH, WIDTH],
      [`blk.${i}.ffn_norm.weight`, undefined, WIDTH],
      [`blk.${i}.ffn_gate.weight`, FFN, WIDTH],
      [`blk.${i}.ffn_up.weight`, FFN, WIDTH],
      [`blk.${i}.ffn_down.weight`, WIDTH, FFN],
    );
  }

  const writer = new Writer();
  writer.bytes(Buffer.from("GGUF"));
  writer.u32(3);
  writer.u64(tensors.length);
  writer.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    writer.text(key);
    writer.value(value);
  }
  let offset = 0;
  for (const [name, rows, columns] of tensors) {
    writer.text(name);
    writer.u32(rows === undefined ? 1 : 2);
    writer.u64(columns);
    if (rows !== undefined) writer.u64(rows);
    writer.u32(0); // F32
    writer.u64(offset);
    offset += Math.ceil(((rows ?? 1) * columns * 4) / 32) * 32;
  }
  writer.pad(32);
  const random = randomNumbers(7);
  for (const [, rows, columns] of tensors) {
    const scale = 2 / Math.sqrt(columns);
    const values = Float32Array.from({ length: (rows ?? 1) * columns }, () =>
      rows === undefined ? 1 : scale * random(),
    );
    writer.bytes(Buffer.from(values.buffer));
    writer.pad(32);
  }
  return writer.result;
}

export async function writeTinyModel(path: string, options?: TinyModelOptions): Promise<void> {
  await writeFile(path, tinyModel(options));
}
