/**
 * The measures, one definition for command line, views, exports and evaluation.
 *
 * A sum runs over any span of steps, any subset of lanes and any grouping of blocks into units, and
 * reads the trace once: 1,000 steps of 228 lanes are 3.6 million entries. Only file blocks count.
 * The forced blocks (prefix, conversation) belong to no file, so leaving out what has no unit
 * leaves out exactly them.
 */
import type { QuestionHead, StepShape } from "../shared/model.js";
import type { BlockTable, Units } from "./blockTable.js";
import { CHUNK_STEPS, type ModelTrace, type StepSpan } from "./traceStore.js";

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

/** Visits each selected block of a unit. The one loop that all sums share. */
function visit(
  trace: ModelTrace,
  span: StepSpan,
  lanes: Uint32Array,
  units: Units,
  onEntry: (unit: number, mass: number, step: number, lane: number, score: number) => void,
): void {
  const { from, to } = trace.clip(span);
  const { k } = trace.shape;
  const { ofBlock } = units;
  for (let step = from; step < to; step++) {
    const { blocks, mass, score } = trace.chunk(step);
    const start = (step % CHUNK_STEPS) * trace.stride;
    for (const lane of lanes) {
      const first = start + lane * k;
      for (let at = first; at < first + k; at++) {
        const block = blocks[at] as number;
        if (block >= ofBlock.length) continue; // the conversation's blocks and unused entries
        const unit = ofBlock[block] as number;
        if (unit >= 0) onEntry(unit, mass[at] as number, step, lane, score[at] as number);
      }
    }
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
  visit(trace, span, lanes, units, (unit, weight) => {
    selections[unit] = (selections[unit] as number) + 1;
    mass[unit] = (mass[unit] as number) + weight;
  });
  const { from, to } = trace.clip(span);
  return { selections, mass, steps: to - from, lanes: lanes.length };
}

/** What a cell of a map counts. */
export type CellMeasure = "selections" | "mass" | "score";

/**
 * `[step - from][unit]`: the heat map of a span. Selections and mass add up; of index scores, which
 * compare within a lane only, the highest stands, and NaN where nothing was selected.
 */
export function readsByStep(
  trace: ModelTrace,
  span: StepSpan,
  lanes: Uint32Array,
  units: Units,
  measure: CellMeasure,
): Float32Array {
  const { from, to } = trace.clip(span);
  const cells = new Float32Array((to - from) * units.count);
  if (measure === "score") {
    cells.fill(NaN);
    visit(trace, span, lanes, units, (unit, _weight, step, _lane, score) => {
      const cell = (step - from) * units.count + unit;
      if (!((cells[cell] as number) >= score)) cells[cell] = score;
    });
    return cells;
  }
  visit(trace, span, lanes, units, (unit, weight, step) => {
    const cell = (step - from) * units.count + unit;
    cells[cell] = (cells[cell] as number) + (measure === "mass" ? weight : 1);
  });
  return cells;
}

/** `[lane]`: which (layer, group) pairs read one unit in a span. */
export function readsByLane(
  trace: ModelTrace,
  span: StepSpan,
  units: Units,
  unit: number,
  measure: CellMeasure,
): Float32Array {
  const cells = new Float32Array(trace.lanes);
  visit(trace, span, allLanes(trace.shape), units, (read, weight, _step, lane) => {
    if (read === unit) cells[lane] = (cells[lane] as number) + (measure === "mass" ? weight : 1);
  });
  return cells;
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
  visit(trace, span, lanes, units, (_unit, weight, _step, lane) => {
    ofLane[lane] = (ofLane[lane] as number) + weight;
  });
  const focus = new Float64Array(units.count);
  visit(trace, span, lanes, units, (unit, weight, _step, lane) => {
    const total = ofLane[lane] as number;
    if (total > 0) focus[unit] = (focus[unit] as number) + weight / total / lanes.length;
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
