/**
 * Cuts as bytes, and back. What is read is hostile: a file that someone wrote may cost time, but what
 * comes out of it keeps every bound that the pack relies on, or it is refused whole.
 *
 * Layout, little-endian: magic, u32 version, identity (sha256), u32 CRC32 of the rest, u32 JSON
 * length, u32 words; JSON padded to four bytes; words: per file, model and segment the token ids,
 * then the block lines.
 */
import { createHash } from "node:crypto";
import { endianness } from "node:os";
import { crc32 } from "node:zlib";
import { blocksOf } from "../shared/blocks.js";
import type { SymbolSpan } from "../shared/pack.js";
import type { KnownCut } from "./cutMemory.js";
import type { CutFile, CutModel, CutSegment } from "./cutResult.js";

const MAGIC = "BSCUTS\r\n";
const VERSION = 1;
const CRC_AT = 44;
const HEADER_BYTES = 56;
const LONGEST_NAME = 200;
const LONGEST_KIND = 20;

/** What holds for a cut to be of use. */
export interface CutBounds {
  /** `cutIdentity`, and whatever else the cuts are kept for. */
  readonly identity: string;
  /** Per tokenizer: ids are below it. */
  readonly vocabSizes: readonly number[];
  /** Per tokenizer: most tokens of a segment. */
  readonly segmentTokens: readonly number[];
}

/** A file as JSON: path, hash, lines, segments, filler per model, token counts per model. */
type FileRow = [string, string, number, SegmentRow[], number[], number[][]];
type SegmentRow = [number, number, number, number, SymbolRow[]];
type SymbolRow = [string, string, number, number];

export function encodeCuts(cuts: ReadonlyMap<string, KnownCut>, identity: string): Uint8Array {
  const rows: FileRow[] = [];
  const arrays: Uint32Array[] = [];
  for (const [path, { contentHash, cut }] of cuts) {
    rows.push([
      path,
      contentHash,
      cut.lines,
      cut.segments.map((s) => [
        s.startByte,
        s.endByte,
        s.startLine,
        s.endLine,
        s.symbols.map((symbol) => [symbol.name, symbol.kind, symbol.startLine, symbol.endLine]),
      ]),
      cut.models.map(({ fillerTokens }) => fillerTokens),
      cut.models.map(({ tokens }) => tokens.map((ids) => ids.length)),
    ]);
    for (const { tokens, blockLines } of cut.models) {
      tokens.forEach((ids, segment) => {
        arrays.push(ids, blockLines[segment] as Uint32Array);
      });
    }
  }
  const json = Buffer.from(JSON.stringify(rows));
  const jsonBytes = Math.ceil(json.length / 4) * 4;
  const words = arrays.reduce((sum, array) => sum + array.length, 0);
  const bytes = Buffer.alloc(HEADER_BYTES + jsonBytes + words * 4, " ");
  bytes.write(MAGIC, 0, "latin1");
  bytes.writeUInt32LE(VERSION, 8);
  digestOf(identity).copy(bytes, 12);
  bytes.writeUInt32LE(json.length, 48);
  bytes.writeUInt32LE(words, 52);
  json.copy(bytes, HEADER_BYTES);
  const all = new Uint32Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES + jsonBytes, words);
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(CRC_AT + 4)), CRC_AT);
  return bytes;
}

/** The cuts, or undefined where the bytes are not whole, of another identity, or out of bounds. */
export function decodeCuts(
  input: Uint8Array,
  bounds: CutBounds,
): ReadonlyMap<string, KnownCut> | undefined {
  // Words are read in place; a machine of the other byte order cuts anew.
  if (endianness() !== "LE" || input.length < HEADER_BYTES) return undefined;
  const isAligned = input.byteOffset % 4 === 0;
  const bytes = isAligned
    ? Buffer.from(input.buffer, input.byteOffset, input.length)
    : Buffer.from(new Uint8Array(input).buffer);
  if (bytes.toString("latin1", 0, 8) !== MAGIC || bytes.readUInt32LE(8) !== VERSION)
    return undefined;
  if (!bytes.subarray(12, CRC_AT).equals(digestOf(bounds.identity))) return undefined;
  if (bytes.readUInt32LE(CRC_AT) !== crc32(bytes.subarray(CRC_AT + 4))) return undefined;
  const jsonLength = bytes.readUInt32LE(48);
  const wordCount = bytes.readUInt32LE(52);
  const wordsAt = HEADER_BYTES + Math.ceil(jsonLength / 4) * 4;
  if (wordsAt + wordCount * 4 !== bytes.length) return undefined;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + wordsAt, wordCount);
  try {
    const rows: unknown = JSON.parse(
      bytes.toString("utf8", HEADER_BYTES, HEADER_BYTES + jsonLength),
    );
    return readRows(rows, words, bounds);
  } catch {
    return undefined;
  }
}

function digestOf(identity: string): Buffer {
  return createHash("sha256").update(identity).digest();
}

class OutOfBounds extends Error {}

function check(condition: boolean): asserts condition {
  if (!condition) throw new OutOfBounds();
}

function list(value: unknown): readonly unknown[] {
  check(Array.isArray(value));
  return value as readonly unknown[];
}

function whole(value: unknown, low: number, high: number): number {
  check(typeof value === "number" && Number.isInteger(value) && value >= low && value <= high);
  return value;
}

function text(value: unknown, longest: number): string {
  check(typeof value === "string" && value.length <= longest);
  return value;
}

function readRows(
  rows: unknown,
  words: Uint32Array,
  bounds: CutBounds,
): ReadonlyMap<string, KnownCut> {
  const cuts = new Map<string, KnownCut>();
  const reader = new WordReader(words);
  for (const row of list(rows)) {
    const [path, hash, lineCount, segmentRows, filler, counts] = list(row);
    const contentHash = text(hash, 64);
    check(/^[0-9a-f]{64}$/.test(contentHash));
    const lines = whole(lineCount, 1, 0xffffffff);
    const segments = readSegments(list(segmentRows), lines);
    const models = bounds.vocabSizes.map((vocabSize, t): CutModel => {
      const fillerTokens = whole(list(filler)[t], 0, 0xffffffff);
      const most = bounds.segmentTokens[t] ?? 0;
      return {
        ...readModel(list(list(counts)[t]), segments, vocabSize, most, reader),
        fillerTokens,
      };
    });
    const cut: CutFile = { lines, segments, models };
    cuts.set(text(path, 10_000), { contentHash, cut });
  }
  check(reader.isAtEnd);
  return cuts;
}

/** Segments must follow each other without a gap, in bytes and in lines. */
function readSegments(rows: readonly unknown[], lines: number): readonly CutSegment[] {
  check(rows.length > 0);
  let byte = 0;
  let line = 1;
  return rows.map((row) => {
    const [start, end, first, last, symbols] = list(row);
    const startByte = whole(start, byte, byte);
    const endByte = whole(end, startByte + 1, 0xffffffff);
    const startLine = whole(first, line, Math.min(lines, line + 1));
    const endLine = whole(last, startLine, lines);
    byte = endByte;
    line = endLine;
    return {
      ...{ startByte, endByte, startLine, endLine },
      symbols: list(symbols).map((symbol): SymbolSpan => {
        const [name, kind, symbolStart, symbolEnd] = list(symbol);
        const startOfSymbol = whole(symbolStart, 1, lines);
        return {
          name: text(name, LONGEST_NAME),
          kind: text(kind, LONGEST_KIND),
          startLine: startOfSymbol,
          endLine: whole(symbolEnd, startOfSymbol, lines),
        };
      }),
    };
  });
}

function readModel(
  counts: readonly unknown[],
  segments: readonly CutSegment[],
  vocabSize: number,
  mostTokens: number,
  reader: WordReader,
): Omit<CutModel, "fillerTokens"> {
  check(counts.length === segments.length);
  const tokens: Uint32Array[] = [];
  const blockLines: Uint32Array[] = [];
  counts.forEach((value, index) => {
    const ids = reader.take(whole(value, 1, mostTokens));
    check(ids.every((id) => id < vocabSize));
    const lines = reader.take(blocksOf(ids.length) * 2);
    const { startLine, endLine } = segments[index] as CutSegment;
    check(
      lines.every((line, at) => {
        const isHeaderAlone = line === 0 && (at % 2 === 1 || lines[at + 1] === 0);
        return isHeaderAlone || (line >= startLine && line <= endLine);
      }),
    );
    tokens.push(ids);
    blockLines.push(lines);
  });
  return { tokens, blockLines };
}

class WordReader {
  private at = 0;

  constructor(private readonly words: Uint32Array) {}

  take(count: number): Uint32Array {
    check(this.at + count <= this.words.length);
    this.at += count;
    return this.words.subarray(this.at - count, this.at);
  }

  get isAtEnd(): boolean {
    return this.at === this.words.length;
  }
}
