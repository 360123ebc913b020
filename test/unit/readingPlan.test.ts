import { describe, expect, it } from "vitest";
import {
  needsScout,
  planByFocus,
  planEverything,
  planMs,
  planScout,
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
  const unknown = new Float64Array(20);

  it("takes twelve in auto, with a budget that may not cut them below five", () => {
    const plan = planByFocus({ t: "auto" }, focus, unknown, new Uint8Array(20));
    expect(plan.fresh).toHaveLength(12);
    expect([...plan.fresh].map((segment) => focus[segment])).toEqual([
      19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8,
    ]);
    expect(plan).toMatchObject({ budgetMs: 10_000, atLeast: 5 });
  });

  it("keeps all that is held in sight in auto, and counts the best of it towards the five", () => {
    const held = new Uint8Array(20);
    const order = [...focus.keys()].sort((a, b) => (focus[b] ?? 0) - (focus[a] ?? 0));
    for (const rank of [0, 3, 15]) held[order[rank] ?? 0] = 1;
    const plan = planByFocus({ t: "auto" }, focus, unknown, held);
    expect([...plan.held]).toEqual([order[0], order[3], order[15]]);
    expect(plan.fresh).toHaveLength(10);
    expect(plan.atLeast).toBe(3);
  });

  it("reads the first five whatever else of the twelve is held", () => {
    const held = Uint8Array.from(focus, (value) => (value < 15 ? 1 : 0));
    const plan = planByFocus({ t: "auto" }, focus, unknown, held);
    expect([...plan.fresh].map((segment) => focus[segment])).toEqual([19, 18, 17, 16, 15]);
    expect(plan.atLeast).toBe(5);
  });

  it("has no budget for a number, and leaves out what is held but not among the best", () => {
    const held = new Uint8Array(20).fill(1);
    const plan = planByFocus({ t: "count", count: 3 }, focus, unknown, held);
    expect([...plan.held].map((segment) => focus[segment])).toEqual([19, 18, 17]);
    expect(plan.fresh).toHaveLength(0);
    expect(plan.budgetMs).toBeUndefined();
  });

  it("gives equal focus to the earlier segment", () => {
    const none = new Float64Array(5);
    const plan = planByFocus({ t: "count", count: 2 }, none, none, new Uint8Array(5));
    expect([...plan.fresh]).toEqual([0, 1]);
  });

  it("takes what the scout has not ranked by nearness to the question", () => {
    const ranked = Float64Array.of(0, 0.2, 0, 0.8, 0);
    const nearness = Float64Array.of(1, 5, 3, 4, 2);
    const plan = planByFocus({ t: "count", count: 5 }, ranked, nearness, new Uint8Array(5));
    expect([...plan.fresh]).toEqual([3, 1, 2, 4, 0]);
  });

  it("has the nearest segment among the first five, wherever the scout ranks it", () => {
    const byScout = focus.map((value) => value + 1);
    const nearness = new Float64Array(20);
    nearness[0] = 3;
    const plan = planByFocus({ t: "auto" }, byScout, nearness, new Uint8Array(20));
    expect([...plan.fresh].map((segment) => focus[segment])).toEqual([
      19, 18, 17, 0, 16, 15, 14, 13, 12, 11, 10, 9,
    ]);
    const counted = planByFocus({ t: "count", count: 4 }, byScout, nearness, new Uint8Array(20));
    expect([...counted.fresh]).toContain(0);
  });
});

describe("what the scout reads before it ranks", () => {
  const nearness = Float64Array.from({ length: 100 }, (_, segment) => 100 - segment);
  const tokens = Array.from({ length: 100 }, () => 1000);
  const none = tokens.map(() => 0);

  it("is the nearest quarter of the tokens, the nearest first", () => {
    const plan = planScout({ t: "auto" }, nearness.toReversed(), state(tokens, none, 100));
    expect([...plan.fresh]).toEqual(Array.from({ length: 25 }, (_, rank) => 99 - rank));
    expect(plan.held).toHaveLength(0);
    expect(plan.budgetMs).toBeUndefined();
  });

  it("is at least four segments for each that the answering model will read", () => {
    const small = state(tokens.slice(0, 40), none.slice(0, 40), 100);
    expect(planScout({ t: "auto" }, nearness.subarray(0, 40), small).fresh).toHaveLength(20);
    const counted = planScout({ t: "count", count: 9 }, nearness, state(tokens, none, 100));
    expect(counted.fresh).toHaveLength(36);
  });

  it("is also all that it has read before, wherever that lies", () => {
    const held = none.map((_, segment) => (segment < 10 || segment >= 95 ? 1 : 0));
    const plan = planScout({ t: "auto" }, nearness, state(tokens, held, 100));
    expect(plan.held).toHaveLength(15);
    expect([...plan.fresh]).toEqual(Array.from({ length: 15 }, (_, rank) => 10 + rank));
  });

  it("is everything where the rest takes under ten seconds", () => {
    const held = none.map((_, segment) => (segment < 90 ? 1 : 0));
    const plan = planScout({ t: "auto" }, nearness, state(tokens, held, 1001));
    expect([plan.held.length, plan.fresh.length]).toEqual([90, 10]);
  });

  it("is everything where no word of the question is in the pack", () => {
    const plan = planScout({ t: "auto" }, new Float64Array(100), state(tokens, none, 100));
    expect(plan.fresh).toHaveLength(100);
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
