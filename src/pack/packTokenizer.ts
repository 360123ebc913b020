/** What packing knows of a tokenizer, and the two services it is given. */
import type { TokenizerInfo } from "../shared/model.js";
import { HeaderTemplate } from "./header.js";

/** Most tokens of a segment in the independent layout: positions 128 to 2047. */
const INDEPENDENT_SEGMENT_TOKENS = 1920;

export interface PackTokenizer {
  readonly info: TokenizerInfo;
  readonly header: HeaderTemplate;
  /** Token ids of block 0; part of the pack id. */
  readonly prefix: readonly number[];
  /** Most tokens of a segment, header included. */
  readonly segmentTokens: number;
}

/** The reply of the engine's `tokenize`: per text its ids and their exclusive byte end offsets. */
interface Tokenized {
  readonly ids: readonly Uint32Array[];
  readonly ends: readonly Uint32Array[];
}

/** `tokenizer` is a `TokenizerInfo.hash`; special tokens are never parsed. */
export type Tokenize = (tokenizer: string, texts: readonly Uint8Array[]) => Promise<Tokenized>;

/** What a model's metadata may say; without it the defaults of a model without an adapter hold. */
export interface PackLayout {
  readonly header?: string;
  readonly part?: string;
  readonly prefix?: readonly number[];
  readonly segmentTokens?: number;
}

export function packTokenizer(info: TokenizerInfo, layout: PackLayout = {}): PackTokenizer {
  const header = layout.header ?? `${fileToken(info)}{path}{part}\n`;
  return {
    info,
    header: new HeaderTemplate(header, layout.part ?? " (part {k} of {n})", info.special),
    prefix: layout.prefix ?? [],
    segmentTokens: layout.segmentTokens ?? INDEPENDENT_SEGMENT_TOKENS,
  };
}

/** The token that opens a header: the tokenizer's own for a file, or a plain mark. */
function fileToken({ special }: TokenizerInfo): string {
  return ["<|file_sep|>", "<file_sep>"].find((text) => special[text] !== undefined) ?? "# ";
}
