/** One model's blocks without its tokens: what a trace needs to give its ids a meaning. */
import { NO_BLOCK } from "../shared/blocks.js";
import type { ModelPack, Pack } from "../shared/pack.js";

export interface BlockTable {
  readonly tokenizer: string;
  /** Per segment: its first block id. */
  readonly firstBlock: Uint32Array;
  /** Per segment: its tokens, header included. */
  readonly segmentTokens: Uint32Array;
  /** Blocks in the pack with the prefix; ids from here on belong to the conversation. */
  readonly blockCount: number;
  /** Per block id: segment index, or NO_BLOCK for the prefix. */
  readonly segmentOfBlock: Uint32Array;
  /** Per block id: lines, 1-based and inclusive; 0, 0 for header tokens alone. */
  readonly startLine: Uint32Array;
  readonly endLine: Uint32Array;
  readonly tokenCount: number;
  readonly paddingTokens: number;
}

/** The pack without the models' tokens and the files' text. */
export type PackTable = Omit<Pack, "models" | "texts">;

export function blockTableOf(pack: ModelPack): BlockTable {
  const { tokens, ...rest } = pack;
  return { ...rest, segmentTokens: Uint32Array.from(tokens, (ids) => ids.length) };
}

/** The block id after a segment's last one. */
export function endBlockOf(table: BlockTable, segment: number): number {
  return table.firstBlock[segment + 1] ?? table.blockCount;
}

/** Marks what has no unit in the tables below: prefix and conversation. */
export const NO_UNIT = -1;

/** What a measure is taken over: a unit index per block id, NO_UNIT for blocks of no file. */
export interface Units {
  readonly ofBlock: Int32Array;
  readonly count: number;
}

/** The unit of a selected block; the conversation's blocks and unused entries have none. */
export function unitOf({ ofBlock }: Units, block: number): number {
  return block < ofBlock.length ? (ofBlock[block] as number) : NO_UNIT;
}

export function blockUnits(table: BlockTable): Units {
  const ofBlock = Int32Array.from(table.segmentOfBlock, (segment, block) =>
    segment === NO_BLOCK ? NO_UNIT : block,
  );
  return { ofBlock, count: table.blockCount };
}

export function segmentUnits(table: BlockTable): Units {
  const ofBlock = Int32Array.from(table.segmentOfBlock, (segment) =>
    segment === NO_BLOCK ? NO_UNIT : segment,
  );
  return { ofBlock, count: table.firstBlock.length };
}

export function fileUnits(table: BlockTable, pack: PackTable): Units {
  const ofBlock = Int32Array.from(
    table.segmentOfBlock,
    (segment) => pack.segments[segment]?.file ?? NO_UNIT,
  );
  return { ofBlock, count: pack.files.length };
}

/** Units for any grouping of files, folders for example: `groupOfFile` gives each file's group. */
export function groupUnits(
  table: BlockTable,
  pack: PackTable,
  groupOfFile: Int32Array,
  count: number,
): Units {
  const files = fileUnits(table, pack);
  const ofBlock = files.ofBlock.map((file) => groupOfFile[file] ?? NO_UNIT);
  return { ofBlock, count };
}

/** Per unit: its blocks among the segments in sight. */
export function blocksInSight(
  table: BlockTable,
  units: Units,
  sight: Iterable<number>,
): Uint32Array {
  const counts = new Uint32Array(units.count);
  for (const segment of sight) {
    const end = endBlockOf(table, segment);
    for (let block = table.firstBlock[segment] ?? end; block < end; block++) {
      const unit = units.ofBlock[block] ?? NO_UNIT;
      if (unit !== NO_UNIT) counts[unit] = (counts[unit] ?? 0) + 1;
    }
  }
  return counts;
}
