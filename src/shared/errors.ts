/**
 * The catalogue of failures a user can meet. Each says what happened, with which value, and what to
 * do next. Anything else that is thrown is a bug and is shown as one.
 */
import { inEnglish, phrase, type Phrase } from "./phrase.js";

export type ErrorCode =
  | "noSuchDirectory"
  | "emptyRepository"
  | "unreadableFile"
  | "unwritableFile"
  | "modelMissing"
  | "modelTruncated"
  | "modelWrongHash"
  | "modelCorrupt"
  | "adapterWrongBase"
  | "unsupportedArchitecture"
  | "unsupportedQuantization"
  | "unsupportedTokenizer"
  | "questionTooLong"
  | "overBudget"
  | "diskFull"
  | "outOfMemory"
  | "engineMissing"
  | "engineKilled"
  | "engineBusy"
  | "engineDisposed"
  | "traceCorrupt"
  | "downloadFailed"
  | "cancelled" // before there was anything to show; later, what was read is a result
  | "usage"
  | "internal";

/** What a surface with buttons and a language of its own says instead of the command line's words. */
export interface ErrorWords {
  readonly message?: Phrase;
  /** Only where it names more than `problemWords` does for the code. */
  readonly next?: Phrase;
}

/** What crosses a process or message boundary. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  /** The next step, one sentence. */
  readonly next: string;
  readonly words?: ErrorWords;
}

/** An expected failure: shown as message and next step, never as a stack trace. */
export class BlocksightError extends Error {
  override readonly name = "BlocksightError";

  readonly next: string;
  readonly words: ErrorWords;

  /** Phrases are said in every surface's language; `words` go before them where both are given. */
  constructor(
    readonly code: ErrorCode,
    message: string | Phrase,
    next: string | Phrase,
    words: ErrorWords = {},
  ) {
    super(typeof message === "string" ? message : inEnglish(message));
    this.next = typeof next === "string" ? next : inEnglish(next);
    this.words = {
      ...(typeof message === "string" ? {} : { message }),
      ...(typeof next === "string" ? {} : { next }),
      ...words,
    };
  }

  toWire(): WireError {
    const { code, message, next, words } = this;
    const hasWords = words.message !== undefined || words.next !== undefined;
    return { code, message, next, ...(hasWords ? { words } : {}) };
  }

  static fromWire({ code, message, next, words }: WireError): BlocksightError {
    return new BlocksightError(code, message, next, words);
  }
}

/** The engine process died with requests under way; `how` is "signal SIGKILL" or "exit status 1". */
export function engineKilled(how: string): BlocksightError {
  // Model files are mapped: SIGBUS is a page of one that the disk no longer gives.
  const isFile = how === "signal SIGBUS";
  const cause = isFile
    ? "a model file was cut or its disk fails: look at it with blocksight model list."
    : "memory may be short: try --model scout.";
  return new BlocksightError(
    "engineKilled",
    phrase("The engine process ended in the middle ({0}).", how),
    `Ask again: the engine is started anew. If it happens again, ${cause}`,
    {
      next: isFile
        ? phrase(
            "Ask again: the engine is started anew. If it happens again, a model file was cut or its disk fails.",
          )
        : phrase(
            "Ask again: the engine is started anew. If it happens again, memory may be short: let the scout answer alone.",
          ),
    },
  );
}

export function engineDisposed(): BlocksightError {
  return new BlocksightError(
    "engineDisposed",
    phrase("The engine was stopped."),
    "Start it again to go on.",
  );
}

export function engineBusy(model: string): BlocksightError {
  return new BlocksightError(
    "engineBusy",
    phrase("The model {0} is at work on another request.", model),
    "Wait for it or stop it, then ask again.",
  );
}

export function questionRunning(): BlocksightError {
  return new BlocksightError(
    "engineBusy",
    phrase("Another question is being answered."),
    "Wait for it or stop it, then ask again.",
  );
}

export function engineMissing(what: string): BlocksightError {
  return new BlocksightError(
    "engineMissing",
    phrase("The engine cannot be started: {0}.", what),
    "Install Blocksight again; in a clone run: npm start -- doctor",
  );
}

export function questionTooLong(tokens: number, windowTokens: number): BlocksightError {
  return new BlocksightError(
    "questionTooLong",
    phrase(
      "The question has {0} tokens with its template; the conversation holds {1}.",
      tokens,
      windowTokens,
    ),
    "Ask a shorter question.",
  );
}

export function modelWrongHash(path: string, found: string, expected: string): BlocksightError {
  return new BlocksightError(
    "modelWrongHash",
    phrase("{0} has the sha256 {1}, expected {2}.", path, found, expected),
    "Delete the file and fetch it again with: blocksight model get NAME",
    // A file of the right size counts as present, so it must go first.
    { next: phrase("Delete {0}, then get the models again.", path) },
  );
}

/** A caller broke the protocol: a bug, shown as one. */
export function misuse(message: string): BlocksightError {
  return new BlocksightError("internal", message, "This is a bug; please report it.");
}

/** `name` is what `model get` takes. */
export function modelMissing(name: string, path: string, url: string): BlocksightError {
  return new BlocksightError(
    "modelMissing",
    phrase("The model {0} is not at {1}.", name, path),
    `Fetch it with: blocksight model get ${name}`,
    {
      next: phrase(
        "Get the models: they are fetched once, checked, and kept on this machine. Or put {0} there yourself.",
        url,
      ),
    },
  );
}

export function modelWrongSize(
  name: string,
  path: string,
  bytes: number,
  expected: number,
): BlocksightError {
  return new BlocksightError(
    "modelTruncated",
    phrase("The model {0} at {1} has {2} bytes of {3}.", name, path, bytes, expected),
    `Fetch it again with: blocksight model get ${name}`,
  );
}

/** No source gave the file; `failures` are "source: reason". */
export function downloadFailed(
  name: string,
  failures: readonly string[],
  url: string,
  path: string,
): BlocksightError {
  return new BlocksightError(
    "downloadFailed",
    phrase("The model {0} could not be fetched ({1}).", name, failures.join("; ")),
    `Fetch ${url} on a machine with a network and put it at ${path}`,
    {
      next: phrase(
        "Try again, or fetch {0} on a machine with a network and put it at {1}.",
        url,
        path,
      ),
    },
  );
}
