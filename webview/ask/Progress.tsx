import type { JSX } from "preact";
import type { Activity } from "../../src/shared/messages.js";
import { compact, count, decimal, duration, t } from "../l10n.js";
import { ProgressRing } from "../ui/controls.js";
import { shortPath } from "../ui/safeText.js";

/** What the engine does now. Reading is a real bar; the rest is a ring with words. */
export function Progress({ activity }: { readonly activity: Activity }): JSX.Element {
  if (activity.kind !== "reading") {
    return (
      <p class="progress-line" role="status">
        <ProgressRing />
        {words(activity)}
      </p>
    );
  }
  const { doneTokens, totalTokens, tokensPerSecond, path } = activity;
  const part = totalTokens > 0 ? doneTokens / totalTokens : 0;
  const leftMs = tokensPerSecond > 0 ? ((totalTokens - doneTokens) / tokensPerSecond) * 1000 : 0;
  return (
    <section class="reading">
      <p class="reading-title">{readingWords(activity)}</p>
      <progress max={1} value={part} aria-label={t("Reading")} />
      <p class="reading-numbers">
        <span>{t("{0} / {1} tokens", compact(doneTokens), compact(totalTokens))}</span>
        <span>{tokensPerSecond > 0 ? t("{0}/s", count(Math.round(tokensPerSecond))) : ""}</span>
        <span>{leftMs > 0 ? t("{0} left", duration(leftMs)) : ""}</span>
      </p>
      <p class="note reading-path">{path === "" ? "" : shortPath(path, 52)}</p>
    </section>
  );
}

function readingWords(activity: Extract<Activity, { kind: "reading" }>): string {
  const { model, background, segments, ofSegments } = activity;
  if (background) {
    return model === "scout"
      ? t("The scout reads on in the background: {0} of {1} segments", segments, ofSegments)
      : t("Reading on in the background");
  }
  return model === "scout"
    ? t("The scout reads {0} of {1} segments", segments, ofSegments)
    : t("The coder reads {0} of {1} segments", segments, ofSegments);
}

function words(activity: Exclude<Activity, { kind: "reading" }>): string {
  switch (activity.kind) {
    case "packing":
      return t("Packing: {0} files", activity.files);
    case "starting":
      return t("Starting the engine");
    case "question":
      return t("Reading the question");
    case "answering":
      return activity.tokens === 0
        ? t("Answering")
        : t(
            "Answering: {0} tokens, {1} a second",
            activity.tokens,
            decimal(activity.tokensPerSecond, 1),
          );
  }
}
