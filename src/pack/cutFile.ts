/** The greedy cut of one file: every segment as large as fits, ended where the file is best cut. */
import type { CutPoints } from "./cutPoints.js";

/** One tokenizer's view of the whole file. */
export interface TokenRuler {
  /** Exclusive end offset of each token of the whole file, ascending. */
  readonly ends: Uint32Array;
  /** Most tokens of a segment's body. */
  readonly bodyTokens: number;
}

/** A cut between definitions is preferred while it leaves a segment at least this full. */
const LEAST_FILL = 0.5;

/**
 * The end of the segment that starts at `start`: the best cut point that leaves the segment at least
 * half full, the latest among equals; without one, inside the line, between two characters.
 * `spared` tokens are left free: a piece alone can take more tokens than the same bytes in the file.
 */
export function segmentEnd(
  bytes: Uint8Array,
  start: number,
  rulers: readonly TokenRuler[],
  points: CutPoints,
  spared = 0,
): number {
  let most = bytes.length;
  let least = bytes.length;
  for (const { ends, bodyTokens } of rulers) {
    const fits = Math.max(1, bodyTokens - spared);
    const first = upperBound(ends, start);
    most = Math.min(most, ends[first + fits - 1] ?? bytes.length);
    least = Math.min(least, ends[first + Math.floor(fits * LEAST_FILL) - 1] ?? bytes.length);
  }
  if (most >= bytes.length) return bytes.length;
  let best = -1;
  for (let at = upperBound(points.bytes, most) - 1; at >= 0; at--) {
    const byte = points.bytes[at] as number;
    if (byte <= start || byte < least) break;
    if (best < 0 || (points.ranks[at] as number) < (points.ranks[best] as number)) best = at;
    if (points.ranks[best] === 0) break;
  }
  return best >= 0 ? (points.bytes[best] as number) : characterBoundary(bytes, start, most);
}

/** How many of `sorted` are at most `value`. */
function upperBound(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isContinuation = (byte: number | undefined): boolean => ((byte ?? 0) & 0xc0) === 0x80;

/**
 * The last offset in `(start, end]` that splits neither a UTF-8 character nor "\r\n". Bytes that are
 * no UTF-8 may be split anywhere; a first character longer than what fits is taken whole.
 */
function characterBoundary(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && end - at < 4 && isContinuation(bytes[at])) at -= 1;
  if (isContinuation(bytes[at])) return end;
  if (at > start + 1 && bytes[at] === 0x0a && bytes[at - 1] === 0x0d) at -= 1;
  if (at > start) return at;
  at = start + 1;
  while (at < bytes.length && at - start < 4 && isContinuation(bytes[at])) at += 1;
  return at;
}
