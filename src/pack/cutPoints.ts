/** Where a file may be cut, best first: between definitions, at blank lines, between lines. */
import type { FileSymbols } from "../shared/fileSymbols.js";
import type { LineIndex } from "./lineIndex.js";

/** Depths from here on are cut alike. */
const DEEPEST = 3;
const AFTER_BLANK_LINE = DEEPEST + 1;
const BETWEEN_LINES = DEEPEST + 2;

/** Per line start of a file: how good a cut before it is, 0 the best. */
export interface CutPoints {
  /** Byte offset, ascending; without the file's start and end. */
  readonly bytes: Uint32Array;
  readonly ranks: Uint8Array;
}

export function findCutPoints(bytes: Uint8Array, lines: LineIndex, found: FileSymbols): CutPoints {
  const ranks = new Uint8Array(Math.max(0, lines.count - 1)).fill(BETWEEN_LINES);
  for (let line = 2; line <= lines.count; line++) {
    if (isBlank(bytes, lines, line - 1) && !isBlank(bytes, lines, line)) {
      ranks[line - 2] = AFTER_BLANK_LINE;
    }
  }
  found.cutLines.forEach((line, index) => {
    if (line < 2 || line > lines.count) return;
    const depth = Math.min(DEEPEST, found.cutDepths[index] as number);
    ranks[line - 2] = Math.min(ranks[line - 2] as number, depth);
  });
  return { bytes: lines.starts.subarray(1), ranks };
}

function isBlank(bytes: Uint8Array, lines: LineIndex, line: number): boolean {
  const end = line < lines.count ? (lines.starts[line] as number) : bytes.length;
  for (let at = lines.starts[line - 1] as number; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return false;
  }
  return true;
}
