import { describe, expect, it } from "vitest";
import { type BlockMark, lineMarks } from "../../src/evidence/fileMarks.js";

const block = (startLine: number, endLine: number, level: 1 | 2 | 3): BlockMark => ({
  ...{ block: startLine, startLine, endLine, level },
  ...{ symbols: [], steps: 1, mass: 0.1, focus: 0.1 },
});

/** "first-last level blocks" of each mark. */
const shown = (blocks: readonly BlockMark[]): string[] =>
  lineMarks(blocks).map(
    ({ startLine, endLine, level, blocks: own }) =>
      `${startLine}-${endLine} ${level} ${own.map((b) => b.startLine).join()}`,
  );

describe("the marked lines of a file", () => {
  it("have each line once, the shared one with the higher heat and both blocks", () => {
    expect(shown([block(1, 12, 3), block(12, 23, 1), block(23, 36, 1)])).toEqual([
      "1-11 3 1",
      "12-12 3 1,12",
      "13-22 1 12",
      "23-23 1 12,23",
      "24-36 1 23",
    ]);
  });

  it("leave out what no block covers", () => {
    expect(shown([block(1, 2, 2), block(9, 9, 1)])).toEqual(["1-2 2 1", "9-9 1 9"]);
    expect(shown([])).toEqual([]);
  });

  it("hold blocks that all lie in one long line", () => {
    expect(shown([block(4, 4, 1), block(4, 4, 3), block(4, 6, 2)])).toEqual([
      "4-4 3 4,4,4",
      "5-6 2 4",
    ]);
  });
});
