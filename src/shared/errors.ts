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
