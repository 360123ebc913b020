import { describe, expect, it } from "vitest";
import { byFocus, byFocusAndNearness } from "../../src/ask/readingOrder.js";

const of = (...values: number[]) => Float64Array.of(...values);

describe("the order in which segments are wanted", () => {
  it("is by focus, then as in the pack", () => {
    expect([...byFocus(of(0.1, 0.5, 0.1, 0.1))]).toEqual([1, 0, 2, 3]);
  });

  it("lets focus decide between two that stand first in one ranking each", () => {
    expect([...byFocusAndNearness(of(0.9, 0), of(0, 7))]).toEqual([0, 1]);
  });

  it("prefers what both rankings have near their top to what one has at it", () => {
    const focus = of(0.5, 0.3, 0.15, 0.05);
    const nearness = of(0, 2, 1, 9);
    expect([...byFocusAndNearness(focus, nearness)]).toEqual([1, 3, 2, 0]);
  });

  it("goes by ranks alone, however far values lie apart", () => {
    const nearness = of(3, 1, 2);
    const close = byFocusAndNearness(of(0.34, 0.33, 0.32), nearness);
    expect(byFocusAndNearness(of(0.98, 0.01, 0.001), nearness)).toEqual(close);
  });

  it("has what neither ranking knows last, in pack order", () => {
    expect([...byFocusAndNearness(of(0, 0, 0.2, 0), of(0, 0, 0, 1))]).toEqual([2, 3, 0, 1]);
  });

  it("is the focus's where no word of the question is in the pack", () => {
    const focus = of(0.1, 0.4, 0.2);
    expect(byFocusAndNearness(focus, of(0, 0, 0))).toEqual(byFocus(focus));
  });
});
