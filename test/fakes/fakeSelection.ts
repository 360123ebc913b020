/**
 * Plausible selections for the fake engine: a block scores by the words of the question that it
 * holds, rare words more, so that focus finds the files that contain them.
 */
import { blocksOf, BLOCK_TOKENS, NO_BLOCK, PREFIX_BLOCK } from "../../src/shared/blocks.js";
import type { StepShape } from "../../src/shared/model.js";

/** One model's pack as block sets. */
export interface FakePack {
  /** Per segment: its first block id. */
  readonly firstBlock: Uint32Array;
  /** Per block id: the distinct tokens in it; empty for the prefix. */
  readonly tokensOfBlock: readonly ReadonlySet<number>[];
  readonly fileOfSegment: Uint32Array;
  readonly segmentTokens: readonly number[];
}

export function fakePack(tokens: readonly Uint32Array[], fileOfSegment: Uint32Array): FakePack {
  const firstBlock = new Uint32Array(tokens.length);
  const tokensOfBlock: Set<number>[] = [new Set()];
  for (const [segment, ids] of tokens.entries()) {
    firstBlock[segment] = tokensOfBlock.length;
    for (let start = 0; start < ids.length; start += BLOCK_TOKENS) {
      tokensOfBlock.push(new Set(ids.subarray(start, start + BLOCK_TOKENS)));
    }
  }
  return { firstBlock, tokensOfBlock, fileOfSegment, segmentTokens: tokens.map((t) => t.length) };
}

/** Block ids of the segments in sight, ascending. */
export function blocksInSight(pack: FakePack, sight: Uint32Array): readonly number[] {
  const blocks: number[] = [];
  for (const segment of [...sight].sort((a, b) => a - b)) {
    const first = pack.firstBlock[segment] ?? 0;
    for (let i = 0; i < blocksOf(pack.segmentTokens[segment] ?? 0); i++) blocks.push(first + i);
  }
  return blocks;
}

/** Score of each block in sight for a question: inverse document frequency of the words it holds. */
export function scoreBlocks(
  pack: FakePack,
  inSight: readonly number[],
  question: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const rarity = new Map<number, number>();
  for (const token of question) {
    const holders = inSight.filter(
      (block) => pack.tokensOfBlock[block]?.has(token) === true,
    ).length;
    if (holders > 0) rarity.set(token, Math.log(1 + inSight.length / holders));
  }
  const scores = new Map<number, number>();
  for (const block of inSight) {
    let score = 0;
    for (const [token, weight] of rarity) {
      if (pack.tokensOfBlock[block]?.has(token) === true) score += weight;
    }
    scores.set(block, score);
  }
  return scores;
}

/** A number in [0, 1) that depends on its arguments only. */
function noise(...values: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const value of values) {
    hash = Math.imul(hash ^ value, 0x85ebca6b) >>> 0;
    hash = (hash ^ (hash >>> 13)) >>> 0;
    hash = Math.imul(hash, 0xc2b2ae35) >>> 0;
  }
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}

export interface SelectionRow {
  readonly blocks: Uint32Array;
  readonly score: Float32Array;
  readonly mass: Float32Array;
}

/**
 * One step's arrays `[sparseLayers][groups][k]` for conversation row `row`. Forced are the prefix,
 * the first block of the current turn and the last two conversation blocks.
 */
export function selectRow(
  shape: StepShape,
  scores: ReadonlyMap<number, number>,
  position: { readonly row: number; readonly turnStart: number; readonly blockCount: number },
): SelectionRow {
  const { sparseLayers, groups, k } = shape;
  const size = sparseLayers * groups * k;
  const result = {
    blocks: new Uint32Array(size).fill(NO_BLOCK),
    score: new Float32Array(size),
    mass: new Float32Array(size),
  };
  const block = (row: number): number => position.blockCount + Math.floor(row / BLOCK_TOKENS);
  const own = block(position.row);
  const forced = [
    ...new Set([
      PREFIX_BLOCK,
      block(position.turnStart),
      Math.max(own - 1, position.blockCount),
      own,
    ]),
  ];
  for (let lane = 0; lane < sparseLayers * groups; lane++) {
    const scored = [...scores].map(([id, base]) => ({
      id,
      score: base * (0.8 + 0.4 * noise(lane, id)) + 0.1 * noise(position.row, lane, id),
    }));
    scored.sort((a, b) => b.score - a.score || a.id - b.id);
    const free = scored.slice(0, Math.max(0, k - forced.length));
    const total = free.reduce((sum, entry) => sum + entry.score ** 2, 0);
    const fileMass = free.length > 0 && total > 0 ? 0.6 : 0;
    const entries = [
      ...free.map((entry) => ({
        ...entry,
        mass: total > 0 ? (fileMass * entry.score ** 2) / total : 0,
      })),
      ...forced.map((id) => ({ id, score: 1, mass: (1 - fileMass) / forced.length })),
    ].sort((a, b) => a.id - b.id);
    for (const [i, entry] of entries.entries()) {
      result.blocks[lane * k + i] = entry.id;
      result.score[lane * k + i] = entry.score;
      result.mass[lane * k + i] = entry.mass;
    }
  }
  return result;
}
