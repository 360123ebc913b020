/**
 * Reads kept apart by step, so that any span of steps is a sum over rows of a table and no walk over
 * the trace. Made in one pass for a filter of lanes.
 */
import { NO_UNIT, type Units, unitOf } from "./blockTable.js";
import { allLanes, eachRow } from "./measures.js";
import type { ModelTrace, StepSpan } from "./traceStore.js";

/**
 * What each step read of which unit. Only units that were read have an entry: a step reads a few
 * hundred files at most, and a repository may have 20,000.
 */
export interface StepReads {
  /** Entries of step `from + s` lie at `start[s]` to `start[s + 1]`. */
  readonly start: Uint32Array;
  readonly unit: Uint32Array;
  readonly selections: Uint32Array;
  readonly mass: Float32Array;
  /** The highest: index scores compare within a lane only, so that they do not add up. */
  readonly score: Float32Array;
}

export function readsByStep(
  trace: ModelTrace,
  span: StepSpan,
  lanes: Uint32Array,
  units: Units,
): StepReads {
  const { from, to } = trace.clip(span);
  const { k } = trace.shape;
  const most = (to - from) * Math.min(units.count, lanes.length * k);
  const start = new Uint32Array(to - from + 1);
  const unitIds = new Uint32Array(most);
  const selections = new Uint32Array(most);
  const mass = new Float32Array(most);
  const score = new Float32Array(most);
  /** Per unit: its entry, where that is one of the step at hand. */
  const entryOf = new Int32Array(units.count).fill(-1);
  let first = 0;
  let end = 0;
  for (let step = from; step < to; step++) {
    eachRow(trace, { from: step, to: step + 1 }, lanes, (chunk, row) => {
      for (let at = row; at < row + k; at++) {
        const unit = unitOf(units, chunk.blocks[at] as number);
        if (unit === NO_UNIT) continue;
        let entry = entryOf[unit] as number;
        if (entry < first) {
          entry = end++;
          entryOf[unit] = entry;
          unitIds[entry] = unit;
          score[entry] = NaN;
        }
        selections[entry] = (selections[entry] as number) + 1;
        mass[entry] = (mass[entry] as number) + (chunk.mass[at] as number);
        const value = chunk.score[at] as number;
        if (!((score[entry] as number) >= value)) score[entry] = value;
      }
    });
    first = end;
    start[step - from + 1] = end;
  }
  return {
    start,
    unit: unitIds.slice(0, end),
    selections: selections.slice(0, end),
    mass: mass.slice(0, end),
    score: score.slice(0, end),
  };
}

/** `[step][lane]`: how often each (layer, group) pair read any of the units, with what mass. */
export interface LaneReads {
  readonly selections: Float32Array;
  readonly mass: Float32Array;
}

export function readsByLane(trace: ModelTrace, span: StepSpan, units: Units): LaneReads {
  const clipped = trace.clip(span);
  const { k } = trace.shape;
  const selections = new Float32Array((clipped.to - clipped.from) * trace.lanes);
  const mass = new Float32Array(selections.length);
  eachRow(trace, clipped, allLanes(trace.shape), (chunk, first, step, lane) => {
    let count = 0;
    let weight = 0;
    for (let at = first; at < first + k; at++) {
      if (unitOf(units, chunk.blocks[at] as number) === NO_UNIT) continue;
      count++;
      weight += chunk.mass[at] as number;
    }
    const cell = (step - clipped.from) * trace.lanes + lane;
    selections[cell] = count;
    mass[cell] = weight;
  });
  return { selections, mass };
}

/** Sums over a span of a table's steps, per unit. */
export interface SpanReads {
  readonly selections: Float64Array;
  readonly mass: Float64Array;
  /** Steps of the span that read the unit. */
  readonly steps: Uint32Array;
}

/** `from` and `to` count from the table's first step. */
export function sumSteps(reads: StepReads, { from, to }: StepSpan, units: number): SpanReads {
  const sums: SpanReads = {
    selections: new Float64Array(units),
    mass: new Float64Array(units),
    steps: new Uint32Array(units),
  };
  const { selections, mass, steps } = sums;
  const end = reads.start[to] ?? 0;
  for (let entry = reads.start[from] ?? 0; entry < end; entry++) {
    const unit = reads.unit[entry] as number;
    selections[unit] = (selections[unit] as number) + (reads.selections[entry] as number);
    mass[unit] = (mass[unit] as number) + (reads.mass[entry] as number);
    steps[unit] = (steps[unit] as number) + 1;
  }
  return sums;
}

/** Per lane: the sum over a span of a `[step][lane]` table's steps. */
export function sumLanes(
  cells: Float32Array,
  { from, to }: StepSpan,
  lanes: number,
): Float32Array<ArrayBuffer> {
  const sums = new Float32Array(lanes);
  for (let step = from; step < to; step++) {
    const start = step * lanes;
    for (let lane = 0; lane < lanes; lane++) {
      sums[lane] = (sums[lane] as number) + (cells[start + lane] as number);
    }
  }
  return sums;
}
