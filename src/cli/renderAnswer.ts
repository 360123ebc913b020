/** The blocks of text around an answer. Pure: a result and a width in, lines out. */
import type { AskResult, BlockRead, FileRead } from "../shared/answer.js";
import { escapeLine } from "./escapeText.js";
import { formatBar, formatCount, formatDuration, formatNoun, formatPercent } from "./format.js";
import type { Style } from "./style.js";
import { cutEnd, cutStart, padEnd, padStart, textWidth } from "./textWidth.js";

export interface Page {
  readonly columns: number;
  readonly style: Style;
}

const FILES_SHOWN = 10;
const EARLY_FILES_SHOWN = 3;
const SYMBOLS_SHOWN = 3;
const RANGES_SHOWN = 2;
/** A second range is worth its place where it drew at least this part of the best one's focus. */
const SECOND_RANGE_FROM = 0.25;
const NOT_READ_SHOWN = 4;
/** Fewer tokens say little about how fast a model reads. */
const RATE_FROM_TOKENS = 512;
const BAR_COLUMNS = 8;
/** A wider table is harder to follow than a narrow one. */
const MOST_COLUMNS = 110;

interface Column {
  readonly title: string;
  readonly cells: readonly string[];
  readonly isNumber?: boolean;
  readonly paint?: (text: string) => string;
}

/** The files with the most focus, before the first word of prose. */
export function renderEarly(files: readonly FileRead[], page: Page): string {
  const shown = files.filter(({ focus }) => focus > 0).slice(0, EARLY_FILES_SHOWN);
  if (shown.length === 0) return "";
  return `${page.style.bold("Read with the question")}\n${renderRows(shown, page, ["focus"])}\n`;
}

/** Everything below the answer. */
export function renderEvidence(result: AskResult, page: Page): string {
  const read = result.files.filter(({ share, focus }) => share > 0 || focus > 0);
  const parts: string[] = [];
  if (read.length > 0) {
    const shown = read.slice(0, FILES_SHOWN);
    const more = read.length - shown.length;
    const names = result.scout
      ? (["focus", "scout", "share", "mass"] as const)
      : (["focus", "share", "mass"] as const);
    parts.push(
      `${page.style.bold("Files read")}\n${renderRows(shown, page, names)}` +
        (more > 0 ? page.style.dim(`  and ${formatNoun(more, "more file")}\n`) : ""),
    );
  }
  if (result.citations.length > 0) parts.push(renderCitations(result, page));
  parts.push(renderSight(result, page));
  return parts.join("\n");
}

type Measure = "focus" | "scout" | "share" | "mass";

function renderRows(files: readonly FileRead[], page: Page, measures: readonly Measure[]): string {
  const { style } = page;
  const columns = Math.min(page.columns, MOST_COLUMNS);
  const mostFocus = Math.max(...files.map(({ focus }) => focus), 1e-9);
  const bars: Column = {
    title: "",
    cells: files.map(({ focus }) => formatBar(focus / mostFocus, BAR_COLUMNS)),
    paint: style.accent,
  };
  const numbers = measures.map((name): Column => ({
    title: name,
    isNumber: true,
    cells: files.map((file) => measureText(file, name)),
  }));
  const lines: Column = {
    title: "lines",
    cells: files.map((file) => rangesText(bestBlocks(file))),
    paint: style.dim,
  };
  const fixed = [bars, ...numbers, lines];
  const taken = fixed.reduce((sum, column) => sum + widthOf(column) + 2, 2);
  const longestPath = Math.max(...files.map(({ path }) => textWidth(escapeLine(path))), 4);
  const pathColumns = Math.max(12, Math.min(longestPath, columns - taken - 1));
  const paths: Column = {
    title: "file",
    cells: files.map(({ path }) => cutStart(escapeLine(path), pathColumns)),
  };
  const symbolColumns = columns - taken - pathColumns - 2;
  const symbols: Column = {
    title: symbolColumns >= 10 ? "symbols" : "",
    cells: files.map((file) =>
      symbolColumns >= 10 ? cutEnd(symbolsText(bestBlocks(file)), symbolColumns) : "",
    ),
  };
  const all = [paths, bars, ...numbers, lines, symbols];
  const widths = all.map(widthOf);
  const row = (cell: (column: Column) => string, isHead: boolean): string => {
    const cells = all.map((column, at) => {
      const text = (column.isNumber ? padStart : padEnd)(cell(column), widths[at] ?? 0);
      return isHead ? text : (column.paint ?? ((plain: string) => plain))(text);
    });
    const line = `  ${cells.join("  ").trimEnd()}`;
    return `${isHead ? style.dim(line) : line}\n`;
  };
  const head = row((column) => column.title, true);
  return head + files.map((_, at) => row((column) => column.cells[at] ?? "", false)).join("");
}

function widthOf({ title, cells }: Column): number {
  return Math.max(textWidth(title), ...cells.map(textWidth));
}

function measureText(file: FileRead, measure: Measure): string {
  switch (measure) {
    case "focus":
      return file.focus.toFixed(2);
    case "scout":
      return file.scoutFocus === null ? "" : file.scoutFocus.toFixed(2);
    case "share":
      return formatPercent(file.share);
    case "mass":
      return formatPercent(file.mass);
  }
}

/** The blocks that say where in the file: by focus, then mass; those with lines. */
function bestBlocks({ blocks }: FileRead): readonly BlockRead[] {
  const order = blocks
    .filter(({ startLine }) => startLine > 0)
    .sort((a, b) => b.focus - a.focus || b.mass - a.mass);
  const least = (order[0]?.focus ?? 0) * SECOND_RANGE_FROM;
  return order.slice(0, RANGES_SHOWN).filter(({ focus }, at) => at === 0 || focus > least);
}

function rangesText(blocks: readonly BlockRead[]): string {
  return blocks.map(({ startLine, endLine }) => rangeText(startLine, endLine)).join(", ");
}

function rangeText(startLine: number, endLine: number): string {
  return startLine === endLine ? `${startLine}` : `${startLine}-${endLine}`;
}

function symbolsText(blocks: readonly BlockRead[]): string {
  const names = [...new Set(blocks.flatMap(({ symbols }) => symbols))].map(escapeLine);
  const shown = names.slice(0, SYMBOLS_SHOWN).join(", ");
  return names.length > SYMBOLS_SHOWN ? `${shown}, +${names.length - SYMBOLS_SHOWN}` : shown;
}

function renderCitations({ citations }: AskResult, { style }: Page): string {
  const seen = new Set(
    citations.map(
      ({ path, startLine, endLine }) => `${escapeLine(path)}:${rangeText(startLine, endLine)}`,
    ),
  );
  return `${style.bold("Cited")}\n${[...seen].map((place) => `  ${place}\n`).join("")}`;
}

function renderSight(result: AskResult, { style }: Page): string {
  const { sight, pack } = result;
  const { segments, ofSegments, tokens } = sight;
  const title = style.bold("In sight");
  if (segments >= ofSegments) {
    const all = ofSegments === 1 ? "the one segment" : `all ${formatCount(ofSegments)} segments`;
    return `${title}: ${all} (${formatCount(tokens)} tokens).\n`;
  }
  const part = `${formatCount(tokens)} of ${formatCount(pack.tokens)} tokens`;
  return (
    `${title}: ${formatCount(segments)} of ${formatNoun(ofSegments, "segment")} (${part}).\n` +
    renderScouted(result) +
    renderNotRead(result) +
    `${style.dim(readingOn(result))}\n`
  );
}

/** How to get the rest in sight, and what that costs at the rate just measured. */
function readingOn({ sight, scout, timings, pack }: AskResult): string {
  const isRateKnown = timings.prefillMs > 0 && timings.prefillTokens >= RATE_FROM_TOKENS;
  const leftMs = ((pack.tokens - sight.tokens) * timings.prefillMs) / timings.prefillTokens;
  const cost = isRateKnown ? ` (about ${formatDuration(leftMs)} more)` : "";
  // A single model reads everything anyway; only a stop can have kept it from that.
  if (!scout) return `To read on, ask again${cost}.`;
  const next = Math.max(12, sight.segments) * 2;
  const some = next < sight.ofSegments ? `--read ${next} or ` : "";
  return `To read on, ask again with ${some}--read all${cost}.`;
}

/** A ranking of a part is no ranking of the whole. */
function renderScouted({ sight: { scouted, ofSegments } }: AskResult): string {
  if (scouted === null || scouted === 0 || scouted >= ofSegments) return "";
  return (
    `Ranked by the scout: ${formatCount(scouted)} of ${formatNoun(ofSegments, "segment")}, ` +
    "nearest to the question's words or read before; --scout all ranks all.\n"
  );
}

function renderNotRead({ sight: { notRead }, scout }: AskResult): string {
  if (notRead.length === 0) return "";
  const shown = notRead.slice(0, NOT_READ_SHOWN);
  const names = shown.map(({ path, scoutFocus }) =>
    scout ? `${escapeLine(path)} (${scoutFocus?.toFixed(2) ?? "not ranked"})` : escapeLine(path),
  );
  const order = scout ? ", by the scout's focus" : "";
  const more = notRead.length > shown.length ? ", …" : "";
  return `Not read${order}: ${names.join(", ")}${more}\n`;
}

/** What it took, in one line. */
export function renderTimings({ timings, stopReason, scout, model }: AskResult): string {
  const { scoutMs, prefillMs, prefillTokens, reusedTokens, decodeTokens, decodeMs } = timings;
  const rate = decodeMs > 0 ? ` at ${((decodeTokens / decodeMs) * 1000).toFixed(1)} tokens/s` : "";
  const parts = [
    scout ? `scout ${formatDuration(scoutMs)}` : "",
    `read ${formatCount(prefillTokens)} tokens in ${formatDuration(prefillMs)}` +
      (reusedTokens > 0 ? `, ${formatCount(reusedTokens)} kept from before` : ""),
    `answer ${formatNoun(decodeTokens, "token")}${rate}`,
    STOPPED[stopReason],
    `${model.name}, index ${model.indexSource}`,
  ];
  return parts.filter((part) => part !== "").join(" · ");
}

const STOPPED: Readonly<Record<AskResult["stopReason"], string>> = {
  eos: "",
  maxTokens: "stopped at --max-tokens",
  cancelled: "stopped",
  windowFull: "stopped: the conversation's window is full",
};
