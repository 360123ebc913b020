import { describe, expect, it } from "vitest";
import type { EvidenceMeta, FileReads } from "../../src/shared/evidence.js";
import { heatRamp, inkOn, parseColor } from "../../webview/evidence/colors.js";
import { differences } from "../../webview/evidence/differences.js";
import { hitHeat, layoutHeat } from "../../webview/evidence/heatLayout.js";
import { rankedFiles } from "../../webview/evidence/rankedFiles.js";
import {
  effectiveSort,
  type EvidenceAction,
  filterOf,
  INITIAL,
  lensTarget,
  reduce,
} from "../../webview/evidence/store.js";
import { spanSummary } from "../../webview/evidence/summary.js";
import { treemap } from "../../webview/evidence/treemapLayout.js";

const step = { text: "x", kind: "answer", concentration: 0.5 } as const;
const meta: EvidenceMeta = {
  source: "id",
  question: "q",
  files: [],
  sight: { segments: 1, ofSegments: 1 },
  notices: [],
  live: false,
  hasFiles: true,
  models: [
    {
      role: "coder",
      name: "m",
      quantization: "Q4",
      indexSource: "trained",
      layout: "independent",
      denseLayers: 0,
      sparseLayers: 2,
      groups: 2,
      k: 16,
      questionHeads: [],
      steps: Array.from({ length: 10 }, () => step),
    },
  ],
};

function after(...actions: readonly EvidenceAction[]) {
  return actions.reduce(reduce, reduce(INITIAL, { t: "opened", meta, reset: true }));
}

describe("the evidence view's state", () => {
  it("is over all tokens and lanes until something is chosen", () => {
    expect(filterOf(after())).toEqual({
      model: "coder",
      span: { from: 0, to: 10 },
      lanes: undefined,
    });
  });

  it("extends a span from where it was started, in both directions", () => {
    const pick = { t: "pick", step: 5, extend: false } as const;
    expect(after(pick, { t: "pick", step: 7, extend: true }).span).toEqual({ from: 5, to: 8 });
    expect(after(pick, { t: "pick", step: 2, extend: true }).span).toEqual({ from: 2, to: 6 });
  });

  it("moves by keys and stays inside", () => {
    const moved = after(
      { t: "pick", step: 8, extend: false },
      { t: "move", by: 10, extend: false },
    );
    expect(moved.span).toEqual({ from: 9, to: 10 });
  });

  it("chooses one lane, adds others, and lets go of the only one", () => {
    expect(after({ t: "lane", lane: 3, add: false }).lanes).toEqual([3]);
    expect(
      after({ t: "lane", lane: 3, add: false }, { t: "lane", lane: 1, add: true }).lanes,
    ).toEqual([1, 3]);
    expect(
      after({ t: "lane", lane: 3, add: false }, { t: "lane", lane: 3, add: false }).lanes,
    ).toBeUndefined();
  });

  it("ranks by mass where focus has no meaning", () => {
    expect(effectiveSort(after())).toBe("focus");
    expect(effectiveSort(after({ t: "pick", step: 1, extend: false }))).toBe("mass");
  });

  it("says in one sentence what was read most: by focus of all, by share of a span", () => {
    const file = { blocks: 1, inSight: true, scoutFocus: undefined, changed: false };
    const files = [
      { ...file, path: "a.ts", focus: 0.7 },
      { ...file, path: "b.ts", focus: 0.3 },
    ];
    const reads = {
      files: Uint32Array.of(0, 1),
      share: Float64Array.of(0.4, 0.6),
    } as unknown as FileReads;
    const all = after({ t: "opened", meta: { ...meta, files }, reset: true });
    expect(spanSummary(all, reads)).toBe("All 10 tokens: 2 files read, most of all a.ts (70%)");
    const one = reduce(all, { t: "pick", step: 2, extend: false });
    expect(spanSummary(one, reads)).toBe("Token 3: 2 files read, most of all b.ts (60%)");
  });

  it("keeps the last two pins", () => {
    const pin = (at: number): EvidenceAction[] => [
      { t: "pick", step: at, extend: false },
      { t: "pin" },
    ];
    const { pins } = after(...pin(1), ...pin(2), ...pin(3));
    expect(pins.map(({ span }) => span.from)).toEqual([2, 3]);
  });

  it("points the lens at what is chosen", () => {
    expect(lensTarget(after())).toEqual({ t: "all" });
    expect(lensTarget(after({ t: "file", file: 4 }))).toEqual({ t: "file", file: 4 });
    expect(lensTarget(after({ t: "file", file: 4 }, { t: "block", block: 9 }))).toEqual({
      t: "block",
      block: 9,
    });
  });

  it("keeps a span while the answer grows, and starts anew with another trace", () => {
    const chosen = after({ t: "pick", step: 2, extend: false });
    expect(reduce(chosen, { t: "opened", meta, reset: false }).span).toEqual({ from: 2, to: 3 });
    expect(reduce(chosen, { t: "opened", meta, reset: true }).span).toBeUndefined();
  });

  it("drops a chosen file that another trace does not have", () => {
    const chosen = after({ t: "file", file: 4 });
    expect(reduce(chosen, { t: "opened", meta, reset: false }).file).toBeUndefined();
  });
});

describe("the heat map's layout", () => {
  const heat = { rows: 2, columns: 6, cells: Float32Array.of(0, 1, 2, 0, 0, 4, 0, 0, 0, 0, 0, 0) };

  it("shows the highest cell of a bin, so that a single strong read does not vanish", () => {
    const grid = layoutHeat(heat, 3, 2, true);
    expect([grid.columns, grid.rows, grid.columnsPerBin]).toEqual([3, 2, 2]);
    expect([...grid.values.subarray(0, 3)]).toEqual([0.25, 0.5, 1]);
    expect(grid.values[4]).toBeNaN();
    expect(grid.highest).toBe(4);
  });

  it("spreads scores between the lowest and the highest", () => {
    const scores = { rows: 1, columns: 3, cells: Float32Array.of(-2, NaN, 2) };
    expect([...layoutHeat(scores, 10, 10, false).values]).toEqual([0, NaN, 1]);
  });

  it("survives a trace in which nothing was read", () => {
    const none = layoutHeat({ rows: 1, columns: 2, cells: new Float32Array(2) }, 9, 9, true);
    expect(none.highest).toBe(0);
    expect(
      layoutHeat({ rows: 0, columns: 0, cells: new Float32Array() }, 9, 9, true).values,
    ).toHaveLength(0);
  });

  it("finds the token and row under a pixel", () => {
    const grid = layoutHeat(heat, 3, 2, true);
    const size = { width: 300, height: 40 };
    expect(hitHeat(grid, heat, size, 299, 39)).toEqual({ row: 1, step: 4 });
    expect(hitHeat(grid, heat, size, 300, 10)).toBeUndefined();
    expect(hitHeat(grid, heat, size, -1, 10)).toBeUndefined();
  });
});

describe("colours of heat", () => {
  it("starts near the background and ends in the theme's heat", () => {
    const ramp = heatRamp([0, 0, 0], [255, 128, 0], false);
    expect((ramp[255] ?? 0) & 0xffffff).toBe(0x0080ff);
    expect((ramp[0] ?? 0) & 255).toBeLessThan(24);
  });

  it("has five steps in high contrast", () => {
    expect(new Set(heatRamp([0, 0, 0], [250, 250, 250], true)).size).toBe(5);
  });

  it("have the ink with the higher contrast on them", () => {
    const dark = [30, 30, 30] as const;
    const light = [204, 204, 204] as const;
    expect(inkOn([242, 166, 90], dark, light)).toBe(dark);
    expect(inkOn([90, 60, 35], dark, light)).toBe(light);
  });

  it("reads the colours that browsers give", () => {
    expect(parseColor("rgb(1, 2, 3)")).toEqual([1, 2, 3]);
    expect(parseColor("rgba(1, 2, 3, 0.5)")).toEqual([1, 2, 3]);
    expect(parseColor("#ff8000cc")).toEqual([255, 128, 0]);
  });
});

describe("the treemap", () => {
  it("fills its area with rectangles of the right size", () => {
    const weights = [6, 6, 4, 3, 2, 2, 1];
    const rects = treemap(weights, { x: 0, y: 0, width: 600, height: 400 });
    for (const [at, { width, height }] of rects.entries()) {
      expect(width * height).toBeCloseTo(((weights[at] ?? 0) / 24) * 240_000, 3);
    }
    const worst = Math.max(
      ...rects.map(({ width, height }) => Math.max(width / height, height / width)),
    );
    expect(worst).toBeLessThan(3);
  });

  it("gives nothing to nothing", () => {
    expect(treemap([0, 0], { x: 0, y: 0, width: 10, height: 10 })).toHaveLength(2);
    expect(treemap([], { x: 0, y: 0, width: 10, height: 10 })).toEqual([]);
  });
});

describe("files in order", () => {
  const file = (path: string, focus: number, inSight = true) => ({
    path,
    focus,
    inSight,
    blocks: 1,
    scoutFocus: undefined,
    changed: false,
  });
  const reads = (files: number[], share: number[]): FileReads => ({
    files: Uint32Array.from(files),
    selections: Float32Array.from(share),
    share: Float32Array.from(share),
    lift: Float32Array.from(share),
    mass: Float32Array.from(share),
    steps: Uint32Array.from(files, () => 1),
  });

  it("puts what is in sight first and keeps the rest", () => {
    const files = [file("hidden", 0.9, false), file("b", 0.1), file("a", 0.4)];
    expect(rankedFiles(files, undefined, "focus").map(({ path }) => path)).toEqual([
      "a",
      "b",
      "hidden",
    ]);
    expect(rankedFiles(files, reads([1], [0.7]), "share")[0]).toMatchObject({
      path: "b",
      share: expect.closeTo(0.7) as number,
    });
  });

  it("compares two spans by the largest difference", () => {
    const rows = differences(reads([0, 1], [0.5, 0.5]), reads([1, 2], [0.4, 0.6]));
    expect(rows.map(({ file: f }) => f)).toEqual([2, 0, 1]);
  });
});
