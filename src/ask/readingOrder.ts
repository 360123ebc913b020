/** Which segments are wanted first: by focus, by nearness to the question's words, or by both. */

/**
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): a segment's score is the sum of
 * weight / (SOFTNESS + rank) over both rankings. Weights and softness were chosen on development
 * repositories (docs/decisions/first-read.md).
 */
const FOCUS_WEIGHT = 2;
const NEARNESS_WEIGHT = 1;
const SOFTNESS = 5;

/** Segments by focus, highest first; equal focus in pack order. */
export function byFocus(focus: Float64Array): Uint32Array {
  return Uint32Array.from(focus.keys()).sort(
    (a, b) => (focus[b] as number) - (focus[a] as number) || a - b,
  );
}

/**
 * By the ranks that focus and nearness give, because where the scout errs, words often do not. What
 * has neither focus nor nearness (0) is in neither ranking and comes last, in pack order.
 */
export function byFocusAndNearness(focus: Float64Array, nearness: Float64Array): Uint32Array {
  const scores = new Float64Array(focus.length);
  addRanks(scores, focus, FOCUS_WEIGHT);
  addRanks(scores, nearness, NEARNESS_WEIGHT);
  return byFocus(scores);
}

function addRanks(scores: Float64Array, values: Float64Array, weight: number): void {
  for (const [rank, segment] of byFocus(values).entries()) {
    if (!values[segment]) return;
    scores[segment] = (scores[segment] as number) + weight / (SOFTNESS + rank);
  }
}
