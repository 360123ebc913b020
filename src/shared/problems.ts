/** Failures -> cards: the message, the next step, and the buttons that take it. */
import { BlocksightError, type ErrorCode } from "./errors.js";
import type { Phrase } from "./phrase.js";
import { problemWords } from "./problemWords.js";
import type { Problem, ProblemAction } from "./messages.js";

/** The card for a failure, or undefined where there is nothing to say (cancelled). */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof BlocksightError) {
    if (error.code === "cancelled") return undefined;
    const { code, message, words } = error;
    return {
      code,
      message: words.message ?? asItIs(message),
      // The error's own next step names options of the command line; here there are buttons.
      next: words.next ?? problemWords(code).next,
      actions: actionsFor(code),
    };
  }
  return {
    code: "internal",
    message: asItIs(error instanceof Error ? error.message : String(error)),
    next: problemWords("internal").next,
    actions: ["showLog", "restartEngine"],
  };
}

/** Text without a translation. */
function asItIs(text: string): Phrase {
  return { text: "{0}", values: [text] };
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
