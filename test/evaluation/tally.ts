/** What was measured, question by question, to the table of the evaluation. */

import type { Lines } from "../../src/trace/rankFiles.js";

/** How much of the pack the answering model had in sight. */
export type SightMode = "8" | "16" | "all";

/** One line of the results file. */
export interface Measured {
  readonly question: string;
  readonly path: string;
  readonly mode: SightMode;
  /** Rank of the right file by the answering model's focus, from 1; 0 where it was not read. */
  readonly answeringRank: number;
  /** By the scout's focus over the whole pack; undefined where the scout was not asked. */
  readonly scoutRank?: number;
  readonly cited: readonly string[];
  /** The first citation's lines; undefined where nothing was cited. */
  readonly citedLines?: Lines;
  /** Where the definition stands. */
  readonly definition: Lines;
  readonly answer: string;
  readonly firstTokenMs: number;
}

export function rankOf(path: string, ranked: readonly { path: string; focus: number }[]): number {
  const at = ranked.findIndex((file) => file.path === path);
  return at >= 0 && (ranked[at]?.focus ?? 0) > 0 ? at + 1 : 0;
}

/** A citation is right when the first one names the file that defines what was asked for. */
function isCitedRight({ cited, path }: Measured): boolean {
  return cited[0] === path;
}

/** Its lines are right when the definition begins in them. */
function areLinesRight(one: Measured): boolean {
  const { citedLines, definition } = one;
  if (!citedLines || !isCitedRight(one)) return false;
  return citedLines.startLine <= definition.startLine && citedLines.endLine >= definition.startLine;
}

export function tally(model: "coder" | "scout", measured: readonly Measured[]): string {
  const modes = (["8", "16", "all"] as const).filter((mode) =>
    measured.some((one) => one.mode === mode),
  );
  const byScout = new Map<string, number>();
  for (const { question, scoutRank } of measured) {
    if (scoutRank !== undefined) byScout.set(question, scoutRank);
  }
  const rows = [["", "n", "focus@1", "focus@3", "cites", "citation right", "lines right"]];
  const row = (name: string, ranks: readonly number[], more: readonly string[]): void => {
    rows.push([name, `${ranks.length}`, within(ranks, 1), within(ranks, 3), ...more]);
  };
  if (byScout.size > 0) row("scout, whole pack", [...byScout.values()], ["", "", ""]);
  for (const mode of modes) {
    const own = measured.filter((one) => one.mode === mode);
    const cites = own.filter(({ cited }) => cited.length > 0);
    row(
      `${model}, --read ${mode}`,
      own.map(({ answeringRank }) => answeringRank),
      [cites, own.filter(isCitedRight), own.filter(areLinesRight)].map(({ length }) =>
        percent(length, own.length),
      ),
    );
  }
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)));
  return rows
    .map((cells) =>
      cells
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths?.[at] ?? 0) : cell.padStart(widths?.[at] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function within(ranks: readonly number[], most: number): string {
  return percent(ranks.filter((rank) => rank >= 1 && rank <= most).length, ranks.length);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "" : `${((part / whole) * 100).toFixed(0)} %`;
}
