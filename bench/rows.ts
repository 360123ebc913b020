/** One line of the table: what, how much, what was wanted. */

export interface Row {
  /** Names the row in `bench/results`. */
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  /** Single runs, where the value is their median. */
  readonly all?: readonly number[];
  readonly target?: Target;
  readonly note?: string;
  /** Load of the machine over the last minute when it was measured. */
  readonly load: number;
}

export type Unit = "tokens/s" | "ms" | "s" | "GB" | "GB/s" | "%" | "×";

export type Target = { readonly least: number } | { readonly most: number };

type Verdict = "met" | "missed" | "";

export function verdictOf({ value, target }: Pick<Row, "value" | "target">): Verdict {
  if (target === undefined) return "";
  const isMet = "least" in target ? value >= target.least : value <= target.most;
  return isMet ? "met" : "missed";
}

export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return "not measured";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d)(?=$|\.))/g, ",");
  return unit === "×" ? `${text}×` : `${text} ${unit}`;
}

function formatTarget(target: Target | undefined, unit: Unit): string {
  if (target === undefined) return "";
  return "least" in target ? `≥ ${trimmed(target.least, unit)}` : `≤ ${trimmed(target.most, unit)}`;
}

function trimmed(value: number, unit: Unit): string {
  const text = value.toLocaleString("en-US");
  return unit === "×" ? `${text}×` : `${text} ${unit}`;
}

const COLUMNS = ["what", "target", "measured", "", "load", "note"] as const;

/** Columns as wide as they must be, as Markdown, so that a run can be put into a page. */
export function renderRows(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    formatTarget(row.target, row.unit),
    formatValue(row.value, row.unit),
    verdictOf(row),
    row.load.toFixed(1),
    row.note ?? "",
  ]);
  const widths = COLUMNS.map((name, at) =>
    Math.max(3, name.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, at) => text.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(COLUMNS), rule, ...cells.map(line)].join("\n");
}
