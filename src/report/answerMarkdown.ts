/** An answer as Markdown, with what was read: for the clipboard and for a file. */
import type { AskResult } from "../shared/answer.js";

const FILES_LISTED = 20;

export function answerMarkdown(result: AskResult): string {
  const { sight, model } = result;
  const read = result.files.filter(({ focus, share }) => focus > 0 || share > 0);
  const rows = read.slice(0, FILES_LISTED).map((file) => {
    const best = file.blocks.toSorted((a, b) => b.focus - a.focus)[0];
    const lines =
      best === undefined || best.startLine === 0 ? "" : `${best.startLine}–${best.endLine}`;
    return `| ${cell(file.path)} | ${lines} | ${percent(file.focus)} | ${percent(file.share)} | ${file.mass.toFixed(3)} |`;
  });
  const citations = result.citations.map(
    ({ path, startLine, endLine }) => `- ${code(path)}, lines ${startLine} to ${endLine}`,
  );
  const isRankedInPart = sight.scouted !== null && sight.scouted < sight.ofSegments;
  const ranked = isRankedInPart ? ` Ranked by the scout: ${sight.scouted}.` : "";
  return [
    `# ${plain(result.question)}`,
    "",
    result.answer.trim(),
    "",
    ...(citations.length === 0 ? [] : ["## Cited", "", ...citations, ""]),
    "## Read",
    "",
    "| File | Lines | Focus | Share | Mass |",
    "|---|---|---:|---:|---:|",
    ...rows,
    "",
    `In sight: ${sight.segments} of ${sight.ofSegments} segments.${ranked} Model: ${plain(model.name)} ${plain(model.quantization)}, index ${model.indexSource}.`,
    "*Read* means selected by the model's sparse attention; it does not say that it mattered.",
    "",
  ].join("\n");
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const plain = (text: string): string => text.replaceAll(/\s+/g, " ").trim();
const cell = (text: string): string => code(text).replaceAll("|", "\\|");

/** A code span whose fence is longer than any run of backticks inside. */
function code(text: string): string {
  const runs = text.match(/`+/g) ?? [];
  const fence = "`".repeat(Math.max(0, ...runs.map((run) => run.length)) + 1);
  const pad = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${fence}${pad}${plain(text)}${pad}${fence}`;
}
