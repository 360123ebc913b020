import { describe, expect, it } from "vitest";
import { concentrationOf, EvidenceService } from "../../src/evidence/evidenceService.js";
import type { Filter } from "../../src/shared/evidence.js";
import { rankFiles } from "../../src/trace/rankFiles.js";
import { syntheticTrace } from "../fakes/syntheticTrace.js";

const trace = syntheticTrace({
  steps: 60,
  files: 12,
  blocks: 80,
  sparseLayers: 5,
  layers: 7,
  groups: 2,
});
const service = new EvidenceService(trace, { hasFiles: false });
const whole: Filter = { model: "coder", span: { from: 0, to: 60 }, lanes: undefined };

describe("the evidence service", () => {
  it("says of the whole trace exactly what the table below an answer says", () => {
    const { files, share, lift, mass } = service.files(whole);
    const ranked = rankFiles(trace);
    for (const [at, file] of files.entries()) {
      const read = ranked.find(({ path }) => path === trace.pack.files[file]?.path);
      expect(share[at]).toBeCloseTo(read?.share ?? NaN, 6);
      expect(lift[at]).toBeCloseTo(read?.lift ?? NaN, 5);
      expect(mass[at]).toBeCloseTo(read?.mass ?? NaN, 6);
    }
    expect(share.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  });

  it("adds up over spans and over lanes", () => {
    const selections = (filter: Filter): number =>
      service.files(filter).selections.reduce((sum, value) => sum + value, 0);
    const parts = [0, 20, 40].map((from) =>
      selections({ ...whole, span: { from, to: from + 20 } }),
    );
    expect(parts.reduce((a, b) => a + b, 0)).toBe(selections(whole));
    const even = selections({ ...whole, lanes: Uint32Array.of(0, 2, 4, 6, 8) });
    const odd = selections({ ...whole, lanes: Uint32Array.of(1, 3, 5, 7, 9) });
    expect(even + odd).toBe(selections(whole));
  });

  it("splits a file's reads over its blocks", () => {
    const { files, selections } = service.files(whole);
    const file = files[0] ?? 0;
    const { blocks } = service.blocks(whole, file);
    expect(blocks.reduce((sum, block) => sum + block.selections, 0)).toBe(selections[0]);
    expect(blocks[1]).toMatchObject({ startLine: 13, endLine: 24 });
  });

  it("draws a heat map whose rows add up to the files' selections", () => {
    const { files, selections } = service.files(whole);
    const heat = service.heat(whole, { t: "files", files }, "selections");
    expect([heat.rows, heat.columns]).toEqual([files.length, 60]);
    const first = heat.cells.subarray(0, 60).reduce((sum, value) => sum + value, 0);
    expect(first).toBe(selections[0]);
  });

  it("keeps forced blocks out of every measure and shows them on request", () => {
    const heat = service.heat(whole, { t: "forced" }, "selections");
    expect(heat.rows).toBe(2);
    expect(heat.cells[0]).toBe(10); // the system turn, once in each of 10 lanes
    expect(heat.cells[60]).toBe(10); // the conversation
  });

  it("marks what was not selected in a map of scores", () => {
    const heat = service.heat(whole, { t: "blocks", file: 3 }, "score");
    expect(heat.cells.some((value) => Number.isNaN(value))).toBe(true);
    expect(heat.cells.every((value) => Number.isNaN(value) || value >= 0)).toBe(true);
  });

  it("says which lanes read one file", () => {
    const file = service.files(whole).files[0] ?? 0;
    const all = service.lens(whole, { t: "all" });
    const one = service.lens(whole, { t: "file", file });
    expect(all.selections).toHaveLength(10);
    const sum = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);
    expect(sum(one.selections)).toBe(service.files(whole).selections[0]);
    expect(sum(one.selections)).toBeLessThan(sum(all.selections));
  });

  it("tells layers without selection from those with it", () => {
    expect(service.meta().models[0]).toMatchObject({ denseLayers: 2, sparseLayers: 5, groups: 2 });
  });

  it("calls reading concentrated where one file has all the mass", () => {
    expect(concentrationOf(Float32Array.of(0, 0.4, 0))).toBeCloseTo(1);
    expect(concentrationOf(Float32Array.of(0.1, 0.1, 0.1, 0.1))).toBeCloseTo(0.25);
    expect(concentrationOf(new Float32Array(3))).toBe(0);
  });
});
