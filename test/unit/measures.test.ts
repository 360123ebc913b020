import { describe, expect, it } from "vitest";
import { NO_BLOCK } from "../../src/shared/blocks.js";
import type { StepShape } from "../../src/shared/model.js";
import type { Step, StepKind } from "../../src/shared/step.js";
import {
  type BlockTable,
  blockUnits,
  blocksInSight,
  groupUnits,
  segmentUnits,
} from "../../src/trace/blockTable.js";
import {
  allLanes,
  focusOfUnits,
  lanesOf,
  questionLanes,
  sumReads,
  unitMeasures,
} from "../../src/trace/measures.js";
import { readsByLane, readsByStep, sumLanes, sumSteps } from "../../src/trace/readTables.js";
import { CHUNK_STEPS, ModelTrace } from "../../src/trace/traceStore.js";

const SHAPE: StepShape = { sparseLayers: 2, groups: 2, k: 4 };

/** Three segments: blocks 1-2, 3, 4-6; the conversation starts at 7. */
const TABLE: BlockTable = {
  tokenizer: "",
  firstBlock: Uint32Array.of(1, 3, 4),
  segmentTokens: Uint32Array.of(200, 100, 300),
  blockCount: 7,
  segmentOfBlock: Uint32Array.of(NO_BLOCK, 0, 0, 1, 2, 2, 2),
  startLine: new Uint32Array(7),
  endLine: new Uint32Array(7),
  tokenCount: 600,
  paddingTokens: 0,
};

type Entry = readonly [block: number, mass: number];

/** One step; `lanes[lane]` are the entries, the rest is unused. */
function step(lanes: readonly (readonly Entry[])[], kind: StepKind = "answer"): Step {
  const size = SHAPE.sparseLayers * SHAPE.groups * SHAPE.k;
  const blocks = new Uint32Array(size).fill(NO_BLOCK);
  const mass = new Float32Array(size);
  for (const [lane, entries] of lanes.entries()) {
    for (const [at, [block, weight]] of entries.entries()) {
      blocks[lane * SHAPE.k + at] = block;
      mass[lane * SHAPE.k + at] = weight;
    }
  }
  return {
    requestId: 1,
    index: 0,
    model: "coder",
    kind,
    tokenId: 0,
    bytes: new Uint8Array(),
    blocks,
    score: new Float32Array(size),
    mass,
  };
}

function traceOf(...steps: readonly Step[]): ModelTrace {
  const trace = new ModelTrace("coder", SHAPE);
  for (const one of steps) trace.append(one);
  return trace;
}

const PREFIX: Entry = [0, 0.5];
const CONVERSATION: Entry = [7, 0.25];

describe("sums", () => {
  const trace = traceOf(
    step([
      [PREFIX, [1, 0.25], CONVERSATION],
      [
        [1, 0.5],
        [3, 0.5],
      ],
    ]),
    step([[[4, 1]], [], [], [[6, 0.5]]]),
  );

  it("count file blocks and leave out the prefix, the conversation and unused entries", () => {
    const reads = sumReads(trace, trace.all, allLanes(SHAPE), blockUnits(TABLE));
    expect([...reads.selections]).toEqual([0, 2, 0, 1, 1, 0, 1]);
    expect([...reads.mass]).toEqual([0, 0.75, 0, 0.5, 1, 0, 0.5]);
  });

  it("keep to a span of steps and a subset of lanes", () => {
    const lanes = lanesOf(SHAPE, [{ layer: 1, group: 1 }]);
    const reads = sumReads(trace, { from: 1, to: 99 }, lanes, segmentUnits(TABLE));
    expect([...reads.selections]).toEqual([0, 0, 1]);
    expect(reads).toMatchObject({ steps: 1, lanes: 1 });
  });

  it("go by any grouping, folders for example", () => {
    const pack = {
      packId: "",
      roots: [],
      skipped: [],
      files: [],
      segments: [0, 1, 2].map((file) => ({ file })),
    } as unknown as Parameters<typeof groupUnits>[1];
    const units = groupUnits(TABLE, pack, Int32Array.of(0, 1, 0), 2);
    // Files are given by segments here; two of three lie in the first folder.
    const files = { ...pack, files: [{}, {}, {}] } as unknown as typeof pack;
    expect(units.count).toBe(2);
    const reads = sumReads(
      trace,
      trace.all,
      allLanes(SHAPE),
      groupUnits(TABLE, files, Int32Array.of(0, 1, 0), 2),
    );
    expect([...reads.selections]).toEqual([4, 1]);
  });

  it("are the same from a table of steps, of which only what was read has an entry", () => {
    const units = segmentUnits(TABLE);
    const table = readsByStep(trace, trace.all, allLanes(SHAPE), units);
    expect([...table.start]).toEqual([0, 2, 3]);
    const whole = sumSteps(table, trace.all, units.count);
    const reads = sumReads(trace, trace.all, allLanes(SHAPE), units);
    expect([...whole.selections]).toEqual([...reads.selections]);
    expect([...whole.mass]).toEqual([0.75, 0.5, 1.5]);
    expect([...whole.steps]).toEqual([1, 1, 1]);
    const second = sumSteps(table, { from: 1, to: 2 }, units.count);
    expect([...second.selections]).toEqual([0, 0, 2]);
  });

  it("keep a step's highest index score, also below zero", () => {
    const scored = step([[[1, 0.1]], [[2, 0.1]]]);
    scored.score.set([-3], 0);
    scored.score.set([-2], SHAPE.k);
    const table = readsByStep(
      traceOf(scored),
      { from: 0, to: 1 },
      allLanes(SHAPE),
      segmentUnits(TABLE),
    );
    expect([...table.score]).toEqual([-2]);
  });

  it("are the same from a table of steps and lanes", () => {
    const third = {
      ofBlock: segmentUnits(TABLE).ofBlock.map((at) => (at === 2 ? 0 : -1)),
      count: 1,
    };
    const { selections, mass } = readsByLane(trace, trace.all, third);
    expect([...sumLanes(selections, trace.all, 4)]).toEqual([1, 0, 0, 1]);
    expect([...sumLanes(mass, { from: 1, to: 2 }, 4)]).toEqual([1, 0, 0, 0.5]);
  });
});

describe("share, lift and mass", () => {
  it("compare a unit's selections with its part of the blocks in sight", () => {
    const trace = traceOf(
      step([
        [
          [1, 0.4],
          [3, 0.4],
        ],
        [[3, 0.4]],
        [[3, 0.4]],
      ]),
    );
    const units = segmentUnits(TABLE);
    const inSight = blocksInSight(TABLE, units, [0, 1]);
    expect([...inSight]).toEqual([2, 1, 0]);
    const [first, second, third] = unitMeasures(
      sumReads(trace, trace.all, allLanes(SHAPE), units),
      inSight,
    );
    expect(first?.share).toBeCloseTo(1 / 4);
    expect(first?.lift).toBeCloseTo(1 / 4 / (2 / 3));
    expect(second?.lift).toBeCloseTo(3 / 4 / (1 / 3));
    // Over one step and four lanes.
    expect(second?.mass).toBeCloseTo(1.2 / 4);
    expect(third).toEqual({ share: 0, lift: 0, mass: 0 });
  });

  it("are zero for a trace without steps", () => {
    const units = segmentUnits(TABLE);
    const reads = sumReads(traceOf(), { from: 0, to: 0 }, allLanes(SHAPE), units);
    const all = unitMeasures(reads, blocksInSight(TABLE, units, [0, 1, 2]));
    expect(all).toEqual(Array(3).fill({ share: 0, lift: 0, mass: 0 }));
  });
});

describe("focus", () => {
  it("weighs each lane alike, however much mass it put on files", () => {
    const trace = traceOf(
      step([[PREFIX, [1, 0.01]], [[3, 0.9]]], "question"),
      step([[[5, 0.5]]], "answer"),
    );
    const lanes = lanesOf(SHAPE, [
      { layer: 0, group: 0 },
      { layer: 0, group: 1 },
    ]);
    const focus = focusOfUnits(trace, trace.question, lanes, segmentUnits(TABLE));
    expect([...focus]).toEqual([0.5, 0.5, 0]);
  });

  it("takes all lanes where a model names no question heads", () => {
    expect([...questionLanes(SHAPE, [])]).toEqual([0, 1, 2, 3]);
    expect([...questionLanes(SHAPE, [{ layer: 1, group: 0 }])]).toEqual([2]);
  });

  it("leaves out heads that the shape does not have", () => {
    const heads = [
      { layer: 9, group: 0 },
      { layer: 0, group: 2 },
      { layer: 1, group: 1 },
    ];
    expect([...lanesOf(SHAPE, heads)]).toEqual([3]);
  });
});

describe("a model's trace", () => {
  it("gives every step back across chunks", () => {
    const trace = new ModelTrace("coder", SHAPE);
    const count = 2 * CHUNK_STEPS + 3;
    for (let at = 0; at < count; at++) trace.append(step([[[1, at / count]]]));
    expect(trace.length).toBe(count);
    for (const at of [0, CHUNK_STEPS - 1, CHUNK_STEPS, count - 1]) {
      expect(trace.step(at).mass[0]).toBeCloseTo(at / count);
      expect(trace.step(at).blocks[0]).toBe(1);
    }
  });

  it("keeps what it was given when the sender reuses its arrays", () => {
    const one = step([[[1, 0.5]]]);
    const trace = traceOf(one);
    one.blocks.fill(9);
    expect(trace.step(0).blocks[0]).toBe(1);
  });

  it("refuses a step of another shape", () => {
    const trace = traceOf();
    const small = { ...step([]), blocks: new Uint32Array(3) };
    expect(() => trace.append(small)).toThrow("A coder step has 3 entries where 16 belong.");
  });

  it("ends the question where the answer begins", () => {
    const trace = traceOf(step([], "question"), step([], "question"), step([]), step([]));
    expect(trace.question).toEqual({ from: 0, to: 2 });
  });
});
