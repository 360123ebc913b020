/**
 * A tokenizer by a simple rule: words in pieces of at most `pieceBytes` bytes, one leading space kept
 * with its word, digits and everything else byte by byte, runs of line ends together. An id is a hash
 * of the token's bytes, so the same text has the same ids whatever was tokenized before.
 */
import type { TokenizerInfo } from "../../src/shared/model.js";

const VOCAB_SIZE = 1 << 22;
/** Ids below are special tokens. */
const FIRST_TEXT_ID = 16;

export interface Tokens {
  readonly ids: Uint32Array;
  /** Exclusive byte end of each token. */
  readonly ends: Uint32Array;
}

const isWordByte = (byte: number): boolean =>
  (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f || byte >= 0x80;
const isLineEnd = (byte: number): boolean => byte === 0x0a || byte === 0x0d;

/** FNV-1a over the bytes, folded into the vocabulary. */
function idOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return FIRST_TEXT_ID + (hash % (VOCAB_SIZE - FIRST_TEXT_ID));
}

export class FakeTokenizer {
  readonly info: TokenizerInfo;

  constructor(
    name: string,
    private readonly pieceBytes: number,
    special: Readonly<Record<string, number>>,
  ) {
    this.info = {
      name,
      pre: "fake",
      vocabSize: VOCAB_SIZE,
      hash: `fake-${name}-${pieceBytes}`,
      special,
      chatTemplate: "",
    };
  }

  /** Special tokens are never parsed: text is text. */
  encode(text: Uint8Array): Tokens {
    const ids: number[] = [];
    const ends: number[] = [];
    let start = 0;
    while (start < text.length) {
      const end = this.tokenEnd(text, start);
      ids.push(idOf(text.subarray(start, end)));
      ends.push(end);
      start = end;
    }
    return { ids: Uint32Array.from(ids), ends: Uint32Array.from(ends) };
  }

  private tokenEnd(text: Uint8Array, start: number): number {
    const at = (i: number): number => text[i] ?? 0;
    let i = start;
    if (isLineEnd(at(i))) {
      while (i < text.length && isLineEnd(at(i))) i++;
      return i;
    }
    if (at(i) === 0x20 && i + 1 < text.length && isWordByte(at(i + 1))) i++;
    if (!isWordByte(at(i))) return i + 1;
    const limit = i + this.pieceBytes;
    while (i < text.length && i < limit && isWordByte(at(i))) i++;
    return i;
  }
}
