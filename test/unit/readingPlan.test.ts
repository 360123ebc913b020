import { describe, expect, it } from "vitest";
import {
  needsScout,
  planByFocus,
  planEverything,
  planMs,
  unreadTokens,
} from "../../src/ask/readingPlan.js";

const state = (tokens: readonly number[], held: readonly number[], tokensPerSecond: number) => ({
  segmentTokens: Uint32Array.from(tokens),
  held: Uint8Array.from(held),
  tokensPerSecond,
});

describe("whether the scout is needed", () => {
  it("depends on the time that unread tokens take, in auto", () => {
    expect(needsScout({ t: "auto" }, state([500, 499], [0, 0], 100))).toBe(false);
    expect(needsScout({ t: "auto" }, state([500, 500], [0, 0], 100))).toBe(true);
    expect(needsScout({ t: "auto" }, state([500, 500], [1, 0], 100))).toBe(false);
  });

  it("is never the case for all, and for a number only where something is left out", () => {
    const slow = state([500, 500], [0, 0], 1);
    expect(needsScout({ t: "all" }, slow)).toBe(false);
    expect(needsScout({ t: "count", count: 1 }, slow)).toBe(true);
    expect(needsScout({ t: "count", count: 2 }, slow)).toBe(false);
  });

  it("counts only what is not held", () => {
    expect(unreadTokens(state([5, 7, 11], [0, 1, 0], 1))).toBe(16);
  });
});

describe("a plan by the scout's focus", () => {
  const focus = Float64Array.from({ length: 20 }, (_, segment) => (segment * 7) % 20);

  it("takes twelve in auto, with a budget that may not cut them below six", () => {
    const plan = planByFocus({ t: "auto" }, focus, new Uint8Array(20));
    expect(plan.fresh).toHaveLength(12);
    expect([...plan.fresh].map((segment) => focus[segment])).toEqual([
      19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8,
    ]);
    expect(plan).toMatchObject({ budgetMs: 25_000, atLeast: 6 });
  });

  it("keeps all that is held in sight in auto, and counts the best of it towards the six", () => {
    const held = new Uint8Array(20);
    const order = [...focus.keys()].sort((a, b) => (focus[b] ?? 0) - (focus[a] ?? 0));
    for (const rank of [0, 3, 15]) held[order[rank] ?? 0] = 1;
    const plan = planByFocus({ t: "auto" }, focus, held);
    expect([...plan.held]).toEqual([order[0], order[3], order[15]]);
    expect(plan.fresh).toHaveLength(10);
    expect(plan.atLeast).toBe(4);
  });

  it("reads the first six whatever else of the twelve is held", () => {
    const held = Uint8Array.from(focus, (value) => (value < 14 ? 1 : 0));
    const plan = planByFocus({ t: "auto" }, focus, held);
    expect([...plan.fresh].map((segment) => focus[segment])).toEqual([19, 18, 17, 16, 15, 14]);
    expect(plan.atLeast).toBe(6);
  });

  it("has no budget for a number, and leaves out what is held but not among the best", () => {
    const held = new Uint8Array(20).fill(1);
    const plan = planByFocus({ t: "count", count: 3 }, focus, held);
    expect([...plan.held].map((segment) => focus[segment])).toEqual([19, 18, 17]);
    expect(plan.fresh).toHaveLength(0);
    expect(plan.budgetMs).toBeUndefined();
  });

  it("gives equal focus to the earlier segment", () => {
    const plan = planByFocus({ t: "count", count: 2 }, new Float64Array(5), new Uint8Array(5));
    expect([...plan.fresh]).toEqual([0, 1]);
  });
});

describe("a plan for everything", () => {
  it("reads in pack order what is not held", () => {
    const plan = planEverything({ held: Uint8Array.of(0, 1, 0) });
    expect([...plan.held]).toEqual([1]);
    expect([...plan.fresh]).toEqual([0, 2]);
  });
});

describe("the time that a plan takes", () => {
  const times = { segmentTokens: new Uint32Array(12).fill(1000), tokensPerSecond: 100 };
  const fresh = Uint32Array.from({ length: 12 }, (_, at) => at);
  const held = new Uint32Array();

  it("is that of all its fresh segments where it has no budget", () => {
    expect(planMs({ held, fresh }, times)).toBe(120_000);
  });

  it("is the budget, or what the least number of segments takes", () => {
    expect(planMs({ held, fresh, budgetMs: 25_000, atLeast: 2 }, times)).toBe(25_000);
    expect(planMs({ held, fresh, budgetMs: 25_000, atLeast: 6 }, times)).toBe(60_000);
    expect(planMs({ held, fresh, budgetMs: 500_000, atLeast: 6 }, times)).toBe(120_000);
  });
});
