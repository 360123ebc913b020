/** Which lines each block of a segment shows. */
import { BLOCK_TOKENS, blocksOf } from "../shared/blocks.js";
import type { LineIndex } from "./lineIndex.js";

/**
 * First and last line of each block, `[start0, end0, start1, end1, …]`, 0, 0 for a block of header
 * tokens alone. `ends` are the body's exclusive token ends from the segment's start at `startByte`.
 * A block's lines are those of its first and its last byte, so a line cut by a block edge is in both.
 */
export function blockLinesOf(
  headerTokens: number,
  ends: Uint32Array,
  startByte: number,
  lines: LineIndex,
): Uint32Array {
  const blocks = blocksOf(headerTokens + ends.length);
  const table = new Uint32Array(blocks * 2);
  for (let block = 0; block < blocks; block++) {
    const first = Math.max(0, block * BLOCK_TOKENS - headerTokens);
    const last = Math.min(ends.length, (block + 1) * BLOCK_TOKENS - headerTokens) - 1;
    if (last < first) continue;
    const from = first === 0 ? 0 : (ends[first - 1] as number);
    table[block * 2] = lines.lineAt(startByte + from);
    table[block * 2 + 1] = lines.lineAt(startByte + (ends[last] as number) - 1);
  }
  return table;
}
