/** Failures -> cards: the message, the next step, and the buttons that take it. */
import { BlocksightError, type ErrorCode } from "../shared/errors.js";
import { inEnglish } from "../shared/phrase.js";
import { problemWords } from "../shared/problemWords.js";
import type { Problem, ProblemAction } from "../shared/messages.js";

/** The card for a failure, or undefined where there is nothing to say (cancelled). */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof BlocksightError) {
    if (error.code === "cancelled") return undefined;
    // The catalogue's next step names options of the command line; here there are buttons.
    const next = inEnglish(problemWords(error.code).next);
    return { ...error.toWire(), next, actions: actionsFor(error.code) };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message,
    next: inEnglish(problemWords("internal").next),
    actions: ["showLog", "restartEngine"],
  };
}

function actionsFor(code: ErrorCode): readonly ProblemAction[] {
  switch (code) {
    case "modelMissing":
    case "modelTruncated":
    case "modelWrongHash":
    case "modelCorrupt":
    case "downloadFailed":
      return ["getModels", "openSettings"];
    case "adapterWrongBase":
    case "unsupportedArchitecture":
    case "unsupportedQuantization":
    case "unsupportedTokenizer":
      return ["openSettings"];
    case "outOfMemory":
      return ["useScout", "openSettings"];
    case "overBudget":
      return ["openSettings", "refreshPack"];
    case "noSuchDirectory":
      return ["openFolder"];
    case "emptyRepository":
      return ["openSettings", "refreshPack"];
    case "engineKilled":
    case "engineDisposed":
      return ["retry", "showLog"];
    case "engineMissing":
      return ["showLog"];
    case "engineBusy":
      return ["retry"];
    case "diskFull":
      return ["retry", "openSettings"];
    case "unreadableFile":
    case "unwritableFile":
      return ["refreshPack", "showLog"];
    case "internal":
      return ["showLog", "restartEngine"];
    case "questionTooLong":
    case "traceCorrupt":
    case "usage":
    case "cancelled":
      return [];
  }
}
