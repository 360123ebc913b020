import { describe, expect, it } from "vitest";
import type { Measured, Measurements, StepResults } from "../../bench/measurements.js";
import { writeRandomIndex } from "../../bench/randomIndex.js";
import { formatValue, renderRows, verdictOf } from "../../bench/rows.js";
import { denseReadMs, fitLine, median } from "../../bench/statistics.js";
import { firstAnswerOn, peerReadRate, peerStepMs, rowsOf } from "../../bench/table.js";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const measured = (result: StepResults[keyof StepResults], load: number): Measured => ({
  ...{ commit: "abc", at: "2026-01-01T00:00:00Z", load, loadAfter: load, seconds: 1, result },
});

const peer = {
  peer: "peer 1",
  rows: [
    { length: 1000, partTokens: 1000, partMs: 1500, prefillTokensPerSecond: 667, decodeMs: 11 },
    { length: 3000, partTokens: 2000, partMs: 6000, prefillTokensPerSecond: 400, decodeMs: 13 },
  ],
};

describe("the benchmark's numbers", () => {
  it("takes the upper middle of an even number of runs, and nothing of none", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(3);
    expect(median([])).toBeNaN();
  });

  it("finds the line that points lie on, and a flat one through a single point", () => {
    expect(
      fitLine([
        [1, 3],
        [2, 5],
        [4, 9],
      ]),
    ).toEqual({ at0: 1, slope: 2 });
    expect(fitLine([[7, 3]])).toEqual({ at0: 3, slope: 0 });
  });

  it("gives back the time of parts that it was fitted to, and grows with the square beyond", () => {
    // A token after n others takes 1 + n / 1000 ms.
    const parts = [
      { from: 0, tokens: 1000, ms: 1500 },
      { from: 1000, tokens: 2000, ms: 6000 },
    ];
    expect(denseReadMs(parts, 3000)).toBeCloseTo(7500);
    expect(denseReadMs(parts, 100_000)).toBeCloseTo(100_000 + 5_000_000);
  });

  it("extends the peer's reading and steps along the same lines", () => {
    expect(peerReadRate(peer, 3000)).toBeCloseTo(400);
    expect(peerStepMs(peer, 65_000)).toBeCloseTo(75);
  });

  it("divides reading alone by what each doubling of threads gave", () => {
    const first = { sinceStartMs: 100_000, scoutMs: 64_000, prefillMs: 27_000 };
    const twice = { threads: 2, oneThread: 100, allThreads: 200 };
    const less = { threads: 2, oneThread: 10, allThreads: 15 };
    // 9 s that are no reading, 64 s through 2³; 27 s through 1.5³ are 8, and its budget is 10.
    expect(firstAnswerOn(16, first, { scout: twice, coder: less })).toBeCloseTo(27_000);
    // 37 s and 54 s, both through 1.5³.
    const longer = { ...first, scoutMs: 37_000, prefillMs: 54_000 };
    expect(firstAnswerOn(16, longer, { scout: less, coder: less })).toBeCloseTo(
      9_000 + 37_000 / 3.375 + 16_000,
    );
    const held = { ...first, scoutMs: 90_000, prefillMs: 1_000 };
    expect(firstAnswerOn(16, held, { scout: twice, coder: less })).toBeCloseTo(21_250);
    expect(firstAnswerOn(2, first, { scout: twice, coder: less })).toBeCloseTo(100_000);
  });

  it("judges a row only where there is a target", () => {
    expect(verdictOf({ value: 4, target: { least: 4 } })).toBe("met");
    expect(verdictOf({ value: 3.9, target: { least: 4 } })).toBe("missed");
    expect(verdictOf({ value: 0.6, target: { most: 0.5 } })).toBe("missed");
    expect(verdictOf({ value: NaN, target: { most: 0.5 } })).toBe("missed");
    expect(verdictOf({ value: 1 })).toBe("");
  });

  it("writes numbers with three digits and their unit", () => {
    expect(formatValue(12_345.6, "tokens/s")).toBe("12,346 tokens/s");
    expect(formatValue(0.456, "s")).toBe("0.46 s");
    expect(formatValue(12.34, "×")).toBe("12.3×");
    expect(formatValue(NaN, "s")).toBe("not measured");
  });
});

describe("the benchmark's table", () => {
  it("has a line for what was measured and none for what was not", () => {
    const packing = {
      ...{ bytes: 9_800_000, coldMs: [3000, 5000, 4500], unchangedMs: [400] },
      ...{ coldCommandMs: [6000], unchangedCommandMs: [900] },
    };
    const measurements: Measurements = {
      machine: { cpu: "a processor", cores: 2, memoryGb: 8, node: "v20" },
      steps: { packing: measured(packing, 0.25), "peer.scout": measured(peer, 9) },
    };
    const rows = rowsOf(measurements);
    expect(rows.map(({ id, value }) => [id, value])).toEqual([
      ["packing.cold", 4.5],
      ["packing.unchanged", 0.4],
    ]);
    expect(renderRows(rows)).toMatchInlineSnapshot(`
      "| what                            | target  | measured |        | load | note                 |
      |---------------------------------|---------|----------|--------|------|----------------------|
      | packing 9.8 MB of source, cold  | ≤ 4 s   | 4.50 s   | missed | 0.3  | whole command 6.00 s |
      | packing 9.8 MB, nothing changed | ≤ 0.5 s | 0.40 s   | met    | 0.3  | whole command 0.90 s |"
    `);
  });
});

describe("the random index", () => {
  it("changes the index of an adapter and nothing else, the same way every time", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "blocksight-bench-"));
    const [one, two] = ["one", "two"].map((name) => path.join(folder, name)) as [string, string];
    const adapter = path.join(import.meta.dirname, "../../media/models/scout.safetensors");
    writeRandomIndex(adapter, one, 32);
    writeRandomIndex(adapter, two, 32);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
    const header = (file: string): Record<string, { shape: number[] }> => {
      const bytes = readFileSync(file);
      return JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0)))) as never;
    };
    const [before, after] = [header(adapter), header(one)];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(after["layers.3.index_q.weight"]?.shape).toEqual([96, 576]);
    expect(after["layers.3.index_k.weight"]?.shape).toEqual([32, 576]);
    expect(after["layers.3.attn_q.lora_a"]?.shape).toEqual(before["layers.3.attn_q.lora_a"]?.shape);
    rmSync(folder, { recursive: true });
  });
});
