/**
 * Which segments the answering model reads, and in which order. New reading is bought with time:
 * everything where that is quick, else what the scout finds for this question. The scout itself reads
 * everything where that is quick, else what the question's words are nearest to.
 */
import { byFocus, byFocusAndNearness } from "./readingOrder.js";

export type ReadMode =
  | { readonly t: "all" }
  /** Exactly this many segments in sight, the most wanted. */
  | { readonly t: "count"; readonly count: number }
  | { readonly t: "auto" };

/** What the scout reads before it ranks: `near` is what its time is best spent on, `all` the whole pack. */
export type ScoutMode = "near" | "all";

/**
 * `auto` reads everything, without the scout, where that is estimated to take less than this; and so
 * does the scout, whatever the mode.
 */
const READ_ALL_UNDER_MS = 10_000;
/** Else the segments that are wanted most, this many, */
const AUTO_SEGMENTS = 12;
/** stopping after this long, */
export const AUTO_BUDGET_MS = 10_000;
/** but never before the first of them, this many, are in sight: what was read for another question is no substitute. */
const AUTO_AT_LEAST = 5;
/** The scout reads this part of a pack's tokens before the first answer (docs/decisions/first-read.md), */
const SCOUT_SHARE = 0.25;
/** but at least this many segments for each that the answering model will read, so that there is a choice. */
const SCOUT_CHOICE = 4;

export interface ReadingState {
  /** Tokens by segment. */
  readonly segmentTokens: Uint32Array;
  /** 1 per segment whose pages are held in memory or in the store. */
  readonly held: Uint8Array;
  /** Of the answering model. */
  readonly tokensPerSecond: number;
}

export function unreadTokens({ segmentTokens, held }: ReadingState): number {
  return segmentTokens.reduce((sum, tokens, segment) => sum + (held[segment] ? 0 : tokens), 0);
}

export function estimateMs(tokens: number, tokensPerSecond: number): number {
  return (tokens / tokensPerSecond) * 1000;
}

/** Whether the scout has to say what comes first. */
export function needsScout(mode: ReadMode, state: ReadingState): boolean {
  switch (mode.t) {
    case "all":
      return false;
    case "count":
      return mode.count < state.segmentTokens.length;
    case "auto":
      return estimateMs(unreadTokens(state), state.tokensPerSecond) >= READ_ALL_UNDER_MS;
  }
}

/** One call of `read`, or two: first what costs next to nothing, then what costs time. */
export interface ReadingPlan {
  /** Segments whose pages are held: they are only loaded. */
  readonly held: Uint32Array;
  /** Segments to be prefilled, the most wanted first. */
  readonly fresh: Uint32Array;
  /** For `fresh`: stop after this long, but not before `atLeast` of them are read. */
  readonly budgetMs?: number;
  readonly atLeast?: number;
}

/** Everything, in pack order. */
export function planEverything({ held }: Pick<ReadingState, "held">): ReadingPlan {
  const segments = [...held.keys()];
  return {
    held: Uint32Array.from(segments.filter((segment) => held[segment])),
    fresh: Uint32Array.from(segments.filter((segment) => !held[segment])),
  };
}

/**
 * What the scout reads before it ranks: all that it has read before, and of the rest what is nearest
 * to the question, the nearest first. A question none of whose words is in the pack has no nearest,
 * and everything is read.
 */
export function planScout(
  mode: Exclude<ReadMode, { t: "all" }>,
  nearness: Float64Array,
  state: ReadingState,
): ReadingPlan {
  const { segmentTokens, held, tokensPerSecond } = state;
  const isQuick = estimateMs(unreadTokens(state), tokensPerSecond) < READ_ALL_UNDER_MS;
  if (isQuick || !nearness.some((value) => value > 0)) return planEverything(state);
  const wanted = mode.t === "count" ? mode.count : AUTO_AT_LEAST;
  const most = SCOUT_SHARE * segmentTokens.reduce((sum, tokens) => sum + tokens, 0);
  let tokens = 0;
  const near = byFocus(nearness).filter((segment, rank) => {
    if (tokens >= most && rank >= wanted * SCOUT_CHOICE) return false;
    tokens += segmentTokens[segment] ?? 0;
    return true;
  });
  return {
    held: planEverything(state).held,
    fresh: near.filter((segment) => !held[segment]),
  };
}

/**
 * By the scout's focus and by nearness to the question together. Only `auto` keeps in sight what was
 * read before.
 */
export function planByFocus(
  mode: Exclude<ReadMode, { t: "all" }>,
  scoutFocus: Float64Array,
  nearness: Float64Array,
  held: Uint8Array,
): ReadingPlan {
  const order = byFocusAndNearness(scoutFocus, nearness);
  if (mode.t === "count") {
    const best = order.subarray(0, mode.count);
    return {
      held: best.filter((segment) => held[segment]),
      fresh: best.filter((segment) => !held[segment]),
    };
  }
  const best = order.subarray(0, AUTO_SEGMENTS);
  const fresh = best.filter((segment) => !held[segment]);
  return {
    held: order.filter((segment) => held[segment]),
    fresh,
    budgetMs: AUTO_BUDGET_MS,
    atLeast: best.subarray(0, AUTO_AT_LEAST).filter((segment) => !held[segment]).length,
  };
}

export function tokensIn(segments: Uint32Array, segmentTokens: Uint32Array): number {
  return segments.reduce((sum, segment) => sum + (segmentTokens[segment] ?? 0), 0);
}

/** How long a plan's fresh segments should take, its budget considered. */
export function planMs(
  { fresh, budgetMs, atLeast = 0 }: ReadingPlan,
  { segmentTokens, tokensPerSecond }: Omit<ReadingState, "held">,
): number {
  const ms = (segments: Uint32Array): number =>
    estimateMs(tokensIn(segments, segmentTokens), tokensPerSecond);
  if (budgetMs === undefined) return ms(fresh);
  return Math.min(ms(fresh), Math.max(budgetMs, ms(fresh.subarray(0, atLeast))));
}
