/**
 * The catalogue of failures a user can meet. Each says what happened, with which value, and what to
 * do next. Anything else that is thrown is a bug and is shown as one.
 */

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

/** What crosses a process or message boundary. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  /** The next step, one sentence. */
  readonly next: string;
}

/** An expected failure: shown as message and next step, never as a stack trace. */
export class BlocksightError extends Error {
  override readonly name = "BlocksightError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly next: string,
  ) {
    super(message);
  }

  toWire(): WireError {
    return { code: this.code, message: this.message, next: this.next };
  }

  static fromWire(error: WireError): BlocksightError {
    return new BlocksightError(error.code, error.message, error.next);
  }
}

/** The engine process died with requests under way; `how` is "signal SIGKILL" or "exit status 1". */
export function engineKilled(how: string): BlocksightError {
  // Model files are mapped: SIGBUS is a page of one that the disk no longer gives.
  const cause =
    how === "signal SIGBUS"
      ? "a model file was cut or its disk fails: look at it with blocksight model list."
      : "memory may be short: try --model scout.";
  return new BlocksightError(
    "engineKilled",
    `The engine process ended in the middle (${how}).`,
    `Ask again: the engine is started anew. If it happens again, ${cause}`,
  );
}

export function engineDisposed(): BlocksightError {
  return new BlocksightError(
    "engineDisposed",
    "The engine was stopped.",
    "Start it again to go on.",
  );
}

export function engineBusy(model: string): BlocksightError {
  return new BlocksightError(
    "engineBusy",
    `The model ${model} is at work on another request.`,
    "Wait for it or stop it, then ask again.",
  );
}

export function engineMissing(what: string): BlocksightError {
  return new BlocksightError(
    "engineMissing",
    `The engine cannot be started: ${what}.`,
    "Install Blocksight again; in a clone run: npm start -- doctor",
  );
}

export function questionTooLong(tokens: number, windowTokens: number): BlocksightError {
  return new BlocksightError(
    "questionTooLong",
    `The question has ${tokens} tokens with its template; the conversation holds ${windowTokens}.`,
    "Ask a shorter question.",
  );
}

export function modelWrongHash(path: string, found: string, expected: string): BlocksightError {
  return new BlocksightError(
    "modelWrongHash",
    `${path} has the sha256 ${found}, expected ${expected}.`,
    "Delete the file and fetch it again with: blocksight model get NAME",
  );
}

/** A caller broke the protocol: a bug, shown as one. */
export function misuse(message: string): BlocksightError {
  return new BlocksightError("internal", message, "This is a bug; please report it.");
}

/** `name` is what `model get` takes. */
export function modelMissing(name: string, path: string): BlocksightError {
  return new BlocksightError(
    "modelMissing",
    `The model ${name} is not at ${path}.`,
    `Fetch it with: blocksight model get ${name}`,
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
    `The model ${name} at ${path} has ${bytes} bytes of ${expected}.`,
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
    `The model ${name} could not be fetched (${failures.join("; ")}).`,
    `Fetch ${url} on a machine with a network and put it at ${path}`,
  );
}
