/** A failure in words for a surface with buttons: what it is, and what to do there. By its code. */
import type { ErrorCode } from "./errors.js";
import { phrase, type Phrase } from "./phrase.js";

export interface ProblemWords {
  readonly title: Phrase;
  readonly next: Phrase;
}

const SETTINGS = phrase("Choose another model in the settings.");
const AGAIN = phrase("Ask again: the engine is started anew.");

export function problemWords(code: ErrorCode): ProblemWords {
  switch (code) {
    case "noSuchDirectory":
      return {
        title: phrase("There is no folder"),
        next: phrase("Open the folder that you want to ask about."),
      };
    case "emptyRepository":
      return {
        title: phrase("There is nothing to read"),
        next: phrase(
          "Look at what was skipped and why, or change what is included in the settings.",
        ),
      };
    case "unreadableFile":
      return {
        title: phrase("A file could not be read"),
        next: phrase("Pack again; the log has the details."),
      };
    case "unwritableFile":
      return {
        title: phrase("A file could not be written"),
        next: phrase("Save it in another folder; the log has the details."),
      };
    case "modelMissing":
      return {
        title: phrase("A model is missing"),
        next: phrase("Get the models: they are fetched once, checked, and kept on this machine."),
      };
    case "modelTruncated":
      return { title: phrase("A model file is damaged"), next: phrase("Get the models again.") };
    case "modelWrongHash":
    case "modelCorrupt":
      return {
        title: phrase("A model file is damaged"),
        next: phrase("Delete the file that is named here, then get the models again."),
      };
    case "adapterWrongBase":
      return { title: phrase("The adapter belongs to another model"), next: SETTINGS };
    case "unsupportedArchitecture":
    case "unsupportedQuantization":
    case "unsupportedTokenizer":
      return { title: phrase("This model cannot be used"), next: SETTINGS };
    case "questionTooLong":
      return {
        title: phrase("The question is too long"),
        next: phrase("Ask a shorter question, or start a new conversation."),
      };
    case "overBudget":
      return {
        title: phrase("The pack is over its budget"),
        next: phrase(
          "Leave something out in the list of packed files, or raise the budget in the settings.",
        ),
      };
    case "diskFull":
      return {
        title: phrase("The disk is full"),
        next: phrase("Free some space, or choose another folder in the settings."),
      };
    case "outOfMemory":
      return {
        title: phrase("There is not enough memory"),
        next: phrase("Close something else, or use the scout alone."),
      };
    case "engineMissing":
      return {
        title: phrase("The engine cannot be started"),
        next: phrase("Install Blocksight again; the log has the details."),
      };
    case "engineKilled":
      return { title: phrase("The engine ended"), next: AGAIN };
    case "engineDisposed":
      return { title: phrase("The engine was stopped"), next: AGAIN };
    case "engineBusy":
      return {
        title: phrase("Another question is being answered"),
        next: phrase("Wait for it or stop it, then ask again."),
      };
    case "traceCorrupt":
      return {
        title: phrase("The trace cannot be read"),
        next: phrase("Save it again from the answer."),
      };
    case "downloadFailed":
      return {
        title: phrase("A model could not be fetched"),
        next: phrase("Try again, or choose files that were fetched on another machine."),
      };
    case "cancelled":
      return { title: phrase("Stopped"), next: phrase("Ask again when you like.") };
    case "usage":
    case "internal":
      return {
        title: phrase("Something unexpected happened"),
        next: phrase("This is a bug in Blocksight. The log has the details."),
      };
  }
}
