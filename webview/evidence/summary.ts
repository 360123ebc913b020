/** What a screen reader hears, and what stands under the strip: the chosen span in one sentence. */
import type { EvidenceFile, FileReads, Span } from "../../src/shared/evidence.js";
import { count, percent, t } from "../l10n.js";
import { safeText, shortPath } from "../ui/safeText.js";
import { modelOf, spanOf, type EvidenceState } from "./store.js";

export function spanSummary(state: EvidenceState, reads: FileReads | undefined): string {
  const { from, to } = spanOf(state);
  const all = modelOf(state)?.steps.length ?? 0;
  if (reads === undefined) return "";
  const files = state.meta?.files ?? [];
  // As the list of sources: focus is of the whole question, a span or some lanes have shares only.
  const isWhole = state.span === undefined && state.lanes === undefined;
  const top = topFile(reads, (file, at) =>
    isWhole ? (files[file]?.focus ?? 0) : (reads.share[at] ?? 0),
  );
  const where =
    state.span === undefined
      ? t("All {0} tokens", all)
      : to - from === 1
        ? t("Token {0}", from + 1)
        : t("Tokens {0} to {1}", from + 1, to);
  const lanes = state.lanes === undefined ? "" : t(" in {0} lanes", state.lanes.length);
  if (top === undefined) return t("{0}{1}: no file was read", where, lanes);
  const path = shortPath(nameOf(files, top.file), 60);
  return t(
    "{0}{1}: {2} files read, most of all {3} ({4})",
    where,
    lanes,
    reads.files.length,
    path,
    percent(top.value),
  );
}

interface TopFile {
  readonly file: number;
  readonly value: number;
}

function topFile(
  reads: FileReads,
  valueOf: (file: number, at: number) => number,
): TopFile | undefined {
  let best: TopFile | undefined;
  for (const [at, file] of reads.files.entries()) {
    const value = valueOf(file, at);
    if (best === undefined || value > best.value) best = { file, value };
  }
  return best;
}

/** "4", or "4 to 9": the first token is 1. */
export function spanWords({ from, to }: Span): string {
  return to - from === 1 ? count(from + 1) : t("{0} to {1}", from + 1, to);
}

export function nameOf(files: readonly EvidenceFile[], file: number): string {
  return safeText(files[file]?.path ?? "");
}
