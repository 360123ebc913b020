/** Means with intervals, and tables of them. */

const RESAMPLES = 1000;

/** Share of the gold files among the first `most`. */
export function recall(gold: readonly string[], ranked: readonly string[], most: number): number {
  const files = [...new Set(gold)];
  const first = new Set(ranked.slice(0, most));
  return files.filter((path) => first.has(path)).length / files.length;
}

/** Mean, and the middle 95 % of the means of resampled questions; in percent. */
export function interval(values: readonly number[], seed = 1): readonly [number, number, number] {
  const next = randomFrom(seed);
  const count = values.length;
  const mean = (pick: (at: number) => number): number => {
    let sum = 0;
    for (let at = 0; at < count; at++) sum += pick(at);
    return (100 * sum) / count;
  };
  const means = Array.from({ length: RESAMPLES }, () =>
    mean(() => values[Math.floor(next() * count)] as number),
  ).sort((a, b) => a - b);
  const low = means[Math.floor(0.025 * RESAMPLES)] as number;
  const high = means[Math.floor(0.975 * RESAMPLES) - 1] as number;
  return [mean((at) => values[at] as number), low, high];
}

/** "40.3 [29, 52]"; a dash where nothing was measured. */
export function shown(values: readonly number[]): string {
  if (values.length === 0) return "–";
  const [mean, low, high] = interval(values);
  return `${mean.toFixed(1)} [${low.toFixed(0)}, ${high.toFixed(0)}]`;
}

/** Columns as wide as their longest cell, as Markdown. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const lines = rows.map(
    (row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`,
  );
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** Numbers in [0, 1) by a linear congruential generator (Numerical Recipes' constants). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
