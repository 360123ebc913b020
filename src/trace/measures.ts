/**
 * The measures, one definition for command line, views, exports and evaluation.
 *
 * A sum runs over any span of steps, any subset of lanes and any grouping of blocks into units, and
 * reads the trace once: 1,000 steps of 228 lanes are 3.6 million entries. Only file blocks count.
 * The forced blocks (prefix, conversation) belong to no file, so leaving out what has no unit
 * leaves out exactly them.
 */
import type { QuestionHead, StepShape } from "../shared/model.js";
import { type BlockTable, NO_UNIT, type Units, unitOf } from "./blockTable.js";
import { CHUNK_STEPS, type ModelTrace, type StepChunk, type StepSpan } from "./traceStore.js";

/** Sums over a span of steps and a set of lanes, per unit. */
export interface Reads {
  /** How often the unit's blocks were selected. */
  readonly selections: Float64Array;
  /** Softmax weight on the unit's blocks, summed. */
  readonly mass: Float64Array;
  readonly steps: number;
  readonly lanes: number;
}

/** Lanes of a set of (sparse layer, group) pairs, ascending; pairs outside the shape are left out. */
export function lanesOf(shape: StepShape, heads: readonly QuestionHead[]): Uint32Array {
  const lanes = heads
    .filter(
      ({ layer, group }) =>
        layer >= 0 && layer < shape.sparseLayers && group >= 0 && group < shape.groups,
    )
    .map(({ layer, group }) => layer * shape.groups + group);
  return Uint32Array.from(new Set(lanes)).sort();
}

export function allLanes(shape: StepShape): Uint32Array {
  return Uint32Array.from({ length: shape.sparseLayers * shape.groups }, (_, lane) => lane);
}

/** The lanes in which a model finds: its question heads, or all where it names none. */
export function questionLanes(shape: StepShape, heads: readonly QuestionHead[]): Uint32Array {
  const lanes = lanesOf(shape, heads);
  return lanes.length > 0 ? lanes : allLanes(shape);
}

/**
 * Visits the entries of every step and lane, `k` from `first` on. The one walk that all sums share;
 * each adds up in a loop of its own, because a call for each of 3.6 million entries takes longer
 * than everything else that is done with it.
 */
export function eachRow(
  trace: ModelTrace,
  { from, to }: StepSpan,
  lanes: Uint32Array,
  onRow: (chunk: StepChunk, first: number, step: number, lane: number) => void,
): void {
  const { k } = trace.shape;
  for (let step = from; step < to; step++) {
    const chunk = trace.chunk(step);
    const start = (step % CHUNK_STEPS) * trace.stride;
    for (const lane of lanes) onRow(chunk, start + lane * k, step, lane);
  }
}

export function sumReads(
  trace: ModelTrace,
  span: StepSpan,
  lanes: Uint32Array,
  units: Units,
): Reads {
  const selections = new Float64Array(units.count);
  const mass = new Float64Array(units.count);
  const { k } = trace.shape;
  const clipped = trace.clip(span);
  eachRow(trace, clipped, lanes, (chunk, first) => {
    for (let at = first; at < first + k; at++) {
      const unit = unitOf(units, chunk.blocks[at] as number);
      if (unit === NO_UNIT) continue;
      selections[unit] = (selections[unit] as number) + 1;
      mass[unit] = (mass[unit] as number) + (chunk.mass[at] as number);
    }
  });
  return { selections, mass, steps: clipped.to - clipped.from, lanes: lanes.length };
}

/** Reads by block as reads by a grouping of blocks: a walk over blocks, not over the trace. */
export function regrouped(byBlock: Reads, units: Units): Reads {
  const selections = new Float64Array(units.count);
  const mass = new Float64Array(units.count);
  for (const [block, unit] of units.ofBlock.entries()) {
    if (unit === NO_UNIT) continue;
    selections[unit] = (selections[unit] as number) + (byBlock.selections[block] ?? 0);
    mass[unit] = (mass[unit] as number) + (byBlock.mass[block] ?? 0);
  }
  return { ...byBlock, selections, mass };
}

export interface UnitMeasures {
  /** The unit's selections as a part of all file selections. */
  readonly share: number;
  /** `share` over the part that the unit's blocks are of all file blocks in sight. */
  readonly lift: number;
  /** Mean over steps and lanes of the softmax weight on the unit's blocks. */
  readonly mass: number;
}

/** `inSight` is `blocksInSight` for the same units. */
export function unitMeasures(reads: Reads, inSight: Uint32Array): readonly UnitMeasures[] {
  const allSelections = reads.selections.reduce((sum, count) => sum + count, 0);
  const allBlocks = inSight.reduce((sum, count) => sum + count, 0);
  const rows = reads.steps * reads.lanes;
  return Array.from(inSight, (blocks, unit) => {
    const selections = reads.selections[unit] ?? 0;
    const share = allSelections > 0 ? selections / allSelections : 0;
    return {
      share,
      lift: blocks > 0 ? share / (blocks / allBlocks) : 0,
      mass: rows > 0 ? (reads.mass[unit] ?? 0) / rows : 0,
    };
  });
}

/**
 * Focus by block: the mean over lanes of each block's mass summed over the span, each lane's mass
 * on file blocks scaled to sum to 1. A segment's focus is the sum over its blocks; a lane that read
 * no file block adds nothing. Defined for the question's steps in the question heads.
 */
export function focusOfUnits(
  trace: ModelTrace,
  span: StepSpan,
  lanes: Uint32Array,
  units: Units,
): Float64Array {
  const ofLane = new Float64Array(trace.lanes);
  const { k } = trace.shape;
  const clipped = trace.clip(span);
  eachRow(trace, clipped, lanes, ({ blocks, mass }, first, _step, lane) => {
    let sum = ofLane[lane] as number;
    for (let at = first; at < first + k; at++) {
      if (unitOf(units, blocks[at] as number) !== NO_UNIT) sum += mass[at] as number;
    }
    ofLane[lane] = sum;
  });
  const focus = new Float64Array(units.count);
  eachRow(trace, clipped, lanes, ({ blocks, mass }, first, _step, lane) => {
    const total = ofLane[lane] as number;
    if (total === 0) return;
    for (let at = first; at < first + k; at++) {
      const unit = unitOf(units, blocks[at] as number);
      if (unit === NO_UNIT) continue;
      focus[unit] = (focus[unit] as number) + (mass[at] as number) / total / lanes.length;
    }
  });
  return focus;
}

/** Per file: the largest focus of its segments. */
export function focusOfFiles(
  segmentFocus: Float64Array,
  pack: {
    readonly files: readonly unknown[];
    readonly segments: readonly { readonly file: number }[];
  },
): Float64Array {
  const focus = new Float64Array(pack.files.length);
  for (const [segment, { file }] of pack.segments.entries()) {
    focus[file] = Math.max(focus[file] ?? 0, segmentFocus[segment] ?? 0);
  }
  return focus;
}

/** The segment focus that a block focus adds up to. */
export function focusOfSegments(blockFocus: Float64Array, table: BlockTable): Float64Array {
  const focus = new Float64Array(table.firstBlock.length);
  for (const [block, segment] of table.segmentOfBlock.entries()) {
    if (segment < focus.length)
      focus[segment] = (focus[segment] as number) + (blockFocus[block] ?? 0);
  }
  return focus;
}
