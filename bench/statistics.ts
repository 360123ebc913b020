/** Medians, and what is said of sizes that were not run. */

/** The upper one of an even number. NaN where there is nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** `y = at0 + slope * x` by least squares; a slope needs two different x. */
export interface Line {
  readonly at0: number;
  readonly slope: number;
}

export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (!(spread > 0)) return { at0: meanY, slope: 0 };
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  return { at0: meanY - slope * meanX, slope };
}

/** A part of one sequence, read after `from` tokens. */
export interface PartRead {
  readonly from: number;
  readonly tokens: number;
  readonly ms: number;
}

/**
 * Milliseconds to read `tokens` as one sequence with dense attention, from parts that were read: the
 * time of a token grows linearly with what stands before it.
 */
export function denseReadMs(parts: readonly PartRead[], tokens: number): number {
  const { at0, slope } = fitLine(
    parts.map(({ from, tokens: count, ms }) => [from + count / 2, ms / count]),
  );
  return tokens * at0 + (tokens * tokens * Math.max(0, slope)) / 2;
}
