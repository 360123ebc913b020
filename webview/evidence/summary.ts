/** What a screen reader hears, and what stands under the strip: the chosen span in one sentence. */
import type { EvidenceFile, FileReads } from "../../src/shared/evidence.js";
import { percent, t } from "../l10n.js";
import { safeText, shortPath } from "../ui/safeText.js";
import { modelOf, spanOf, type EvidenceState } from "./store.js";

export function spanSummary(state: EvidenceState, reads: FileReads | undefined): string {
  const { from, to } = spanOf(state);
  const all = modelOf(state)?.steps.length ?? 0;
  if (reads === undefined) return "";
  const top = topFile(reads);
  const files = state.meta?.files ?? [];
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
    percent(top.share),
  );
}

function topFile(reads: FileReads): { readonly file: number; readonly share: number } | undefined {
  let best: number | undefined;
  for (const at of reads.files.keys()) {
    if (best === undefined || (reads.share[at] ?? 0) > (reads.share[best] ?? 0)) best = at;
  }
  if (best === undefined) return undefined;
  return { file: reads.files[best] ?? 0, share: reads.share[best] ?? 0 };
}

export function nameOf(files: readonly EvidenceFile[], file: number): string {
  return safeText(files[file]?.path ?? "");
}
