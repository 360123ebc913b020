/** A pack as the object of `pack --json`, and as text. Pure. */
import { SCHEMA, type SkippedEntry, skippedEntries } from "../shared/answer.js";
import { BLOCK_TOKENS, blocksOf } from "../shared/blocks.js";
import type { Layout } from "../shared/model.js";
import type { Pack, SkipReason, SkipRule } from "../shared/pack.js";
import { escapeLine } from "./escapeText.js";
import { formatCount, formatNoun, formatPercent } from "./format.js";
import type { Page } from "./renderAnswer.js";
import { cutEnd, cutStart, padEnd, padStart, textWidth } from "./textWidth.js";

export interface PackTable {
  readonly schema: typeof SCHEMA;
  readonly pack: {
    readonly packId: string;
    readonly layout: Layout;
    readonly tokenizer: string;
    readonly files: number;
    readonly segments: number;
    readonly blocks: number;
    readonly tokens: number;
    readonly paddingTokens: number;
    readonly skipped: readonly SkippedEntry[];
  };
  /** In pack order. */
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly lines: number;
    readonly segments: number;
    readonly blocks: number;
    readonly tokens: number;
    readonly paddingTokens: number;
  }[];
  readonly timings: { readonly packMs: number };
}

/** Counts in the answering model's tokens. */
export function packTableOf(pack: Pack, layout: Layout, packMs: number): PackTable {
  const [model] = pack.models;
  if (model === undefined) throw new Error("The pack has no model.");
  return {
    schema: SCHEMA,
    pack: {
      packId: pack.packId,
      layout,
      tokenizer: model.tokenizer,
      files: pack.files.length,
      segments: pack.segments.length,
      blocks: model.blockCount,
      tokens: model.tokenCount,
      paddingTokens: model.paddingTokens,
      skipped: skippedEntries(pack.skipped),
    },
    files: pack.files.map(({ path, bytes, lines, firstSegment, segmentCount }) => {
      const held = model.tokens.slice(firstSegment, firstSegment + segmentCount);
      const slots = held.map((ids) => ids.length);
      const blocks = total(slots.map(blocksOf));
      const filler = model.fillerTokens?.slice(firstSegment, firstSegment + segmentCount) ?? [];
      const tokens = total(slots) - total([...filler]);
      const paddingTokens = blocks * BLOCK_TOKENS - tokens;
      return { path, bytes, lines, segments: segmentCount, blocks, tokens, paddingTokens };
    }),
    timings: { packMs: Math.round(packMs) },
  };
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

const REASONS: Readonly<Record<SkipReason, string>> = {
  ignored: "ignored",
  binary: "binary",
  encoding: "not UTF-8",
  tooLarge: "too large",
  generated: "generated",
  lockFile: "lock file",
  minified: "minified",
  likelySecret: "likely secret",
  notebookOutputs: "notebook outputs",
  outsideRoot: "leaves the root",
  symbolicLink: "symbolic link",
  unreadable: "unreadable",
  empty: "empty",
  overBudget: "over budget",
  unsafeName: "unsafe name",
};

/** A wider table is harder to follow than a narrow one. */
const MOST_COLUMNS = 110;
const LEAST_PATH_COLUMNS = 12;

export function renderPackTable(table: PackTable, page: Page): string {
  const { bold, dim } = page.style;
  const { pack, files } = table;
  const isCausal = pack.layout === "causal";
  const fill = isCausal ? "filler" : "padding";
  const parts: string[] = [];
  if (files.length > 0) {
    const numbers = [
      numberColumn("lines", files, ({ lines }) => lines),
      numberColumn("tokens", files, ({ tokens }) => tokens),
      numberColumn("segments", files, ({ segments }) => segments),
      numberColumn("blocks", files, ({ blocks }) => blocks),
      numberColumn(fill, files, ({ paddingTokens }) => paddingTokens),
    ];
    const paths = files.map(({ path }) => path);
    parts.push(`${bold("Packed")}\n${renderRows("file", paths, numbers, page)}`);
  }
  if (pack.skipped.length > 0) {
    const why: readonly Column[] = [
      { title: "why", cells: pack.skipped.map(({ reason }) => REASONS[reason]) },
      { title: "rule", cells: pack.skipped.map(({ rule }) => ruleText(rule)), isLast: true },
    ];
    const paths = pack.skipped.map(({ path }) => path);
    parts.push(`${bold("Skipped")}\n${renderRows("file", paths, why, page)}`);
  }
  const { tokens, paddingTokens } = pack;
  const waste = formatPercent(tokens > 0 ? paddingTokens / (tokens + paddingTokens) : 0);
  parts.push(
    `${formatNoun(pack.files, "file")}, ${formatNoun(pack.segments, "segment")}, ` +
      `${formatNoun(pack.blocks, "block")}, ${formatNoun(tokens, "token")}, ` +
      `${formatCount(paddingTokens)} of ${fill} (${waste}), ${formatCount(pack.skipped.length)} skipped\n` +
      dim(`pack ${pack.packId}, counted in tokens of ${escapeLine(pack.tokenizer)}\n`),
  );
  return parts.join("\n");
}

interface Column {
  readonly title: string;
  readonly cells: readonly string[];
  readonly isNumber?: boolean;
  /** Takes what is left of the line. */
  readonly isLast?: boolean;
}

function numberColumn<T>(title: string, rows: readonly T[], value: (row: T) => number): Column {
  return { title, cells: rows.map((row) => formatCount(value(row))), isNumber: true };
}

/** "text (file:line)": what the rule says and where it can be changed. */
function ruleText(rule: SkipRule | null): string {
  if (rule === null) return "";
  const text = escapeLine(rule.text);
  if (rule.file === undefined) return text;
  return `${text} (${escapeLine(rule.file)}${rule.line === undefined ? "" : `:${rule.line}`})`;
}

function renderRows(
  title: string,
  paths: readonly string[],
  columns: readonly Column[],
  { columns: pageColumns, style }: Page,
): string {
  const escaped = paths.map(escapeLine);
  const widths = columns.map(({ title: head, cells }) => widest([head, ...cells]));
  const isLast = (at: number): boolean => columns[at]?.isLast === true;
  const most = Math.min(pageColumns, MOST_COLUMNS) - 2;
  // The last column may be cut to a half of the line, so that a long rule leaves room for the path.
  const taken = widths.reduce(
    (sum, width, at) => sum + 2 + (isLast(at) ? Math.min(width, Math.floor(most / 2)) : width),
    0,
  );
  const pathColumns = Math.min(
    widest([title, ...escaped]),
    Math.max(LEAST_PATH_COLUMNS, most - taken),
  );
  const row = (path: string, cells: readonly string[]): string => {
    let line = `  ${padEnd(cutStart(path, pathColumns), pathColumns)}`;
    cells.forEach((cell, at) => {
      line += "  ";
      if (isLast(at)) line += cutEnd(cell, Math.max(0, most + 2 - textWidth(line)));
      else line += (columns[at]?.isNumber ? padStart : padEnd)(cell, widths[at] ?? 0);
    });
    return line.trimEnd();
  };
  const head = style.dim(
    row(
      title,
      columns.map((column) => column.title),
    ),
  );
  const rows = escaped.map((path, index) =>
    row(
      path,
      columns.map(({ cells }) => cells[index] ?? ""),
    ),
  );
  return [head, ...rows, ""].join("\n");
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, textWidth(text)), 0);
}
