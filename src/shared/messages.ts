/**
 * Extension <-> ask view. The view owns nothing: it shows the last `AskState` it was sent and asks
 * for the rest (folders of the pack) by range. All text in here is hostile and is shown as text.
 */
import type { Citation, Sight, StopReason, Timings } from "./answer.js";
import type { ErrorCode } from "./errors.js";
import type { ModelRole } from "./model.js";
import type { SkipReason, SkipRule } from "./pack.js";
import type { Phrase } from "./phrase.js";

/** What a view tells its page before the first message; travels in an attribute of the page. */
export interface Boot {
  readonly view: "ask" | "evidence" | "report";
  /** BCP 47, of the editor. */
  readonly locale: string;
  /** English text -> text in `locale`; empty for English. */
  readonly strings: Readonly<Record<string, string>>;
}

type EnginePhase = "off" | "starting" | "ready" | "restarting" | "failed";

export interface EngineStatus {
  readonly phase: EnginePhase;
  /** What answers, for example "qwen2.5-coder-1.5b-instruct Q4_K_M". */
  readonly model?: string;
  /** A second line for the curious: kernels, threads, features. */
  readonly detail?: string;
}

/** A button that repairs what is wrong; the extension maps each to what it does. */
export type ProblemAction =
  | "getModels"
  | "useScout"
  | "openSettings"
  | "restartEngine"
  | "showLog"
  | "refreshPack"
  | "openFolder"
  | "retry";

export interface Problem {
  readonly code: ErrorCode;
  readonly message: Phrase;
  /** The next step, one sentence. */
  readonly next: Phrase;
  readonly actions: readonly ProblemAction[];
}

export interface PackState {
  readonly packing: boolean;
  readonly files: number;
  readonly segments: number;
  readonly blocks: number;
  readonly tokens: number;
  readonly paddingTokens: number;
  /** 0 while it is not known. */
  readonly budgetTokens: number;
  readonly skipped: readonly { readonly reason: SkipReason; readonly count: number }[];
  /** The user's own switches: paths left out, folders ending in "/". */
  readonly leftOut: readonly string[];
  /** Time to read all that is not yet held, undefined before anything was measured. */
  readonly estimateMs?: number;
  /** Over budget: the folders that weigh most. */
  readonly largest?: readonly { readonly path: string; readonly tokens: number }[];
}

/** One row of the pack's tree. */
export interface PackEntry {
  /** Folders end in "/". */
  readonly path: string;
  readonly name: string;
  readonly tokens: number;
  readonly blocks: number;
  readonly files: number;
  readonly included: boolean;
}

export interface SkippedEntry {
  readonly path: string;
  readonly reason: SkipReason;
  readonly rule?: SkipRule;
}

export type Activity =
  | { readonly kind: "packing"; readonly files: number }
  | { readonly kind: "starting" }
  | {
      readonly kind: "reading";
      readonly model: ModelRole;
      readonly background: boolean;
      readonly segments: number;
      readonly ofSegments: number;
      readonly path: string;
      readonly doneTokens: number;
      readonly totalTokens: number;
      readonly tokensPerSecond: number;
    }
  | { readonly kind: "question" }
  | { readonly kind: "answering"; readonly tokens: number; readonly tokensPerSecond: number };

/** A file in the table above and below an answer, most focus first. */
export interface FileFocus {
  readonly path: string;
  /** 0..1. */
  readonly focus: number;
  /** The block with the most focus. */
  readonly startLine: number;
  readonly endLine: number;
  readonly symbols: readonly string[];
  readonly changed: boolean;
}

/** A stretch of the answer that is a link, in UTF-16 units. */
export interface AnswerLink {
  readonly start: number;
  readonly end: number;
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
  /** citation: the engine wrote it; mention: the model's text names a file of the pack. */
  readonly kind: "citation" | "mention";
}

export interface AskTurn {
  readonly id: string;
  readonly question: string;
  /** Chosen folders or files, empty for the whole pack. */
  readonly scope: readonly string[];
  readonly answer: string;
  readonly links: readonly AnswerLink[];
  /** Paths in the model's own text that are not in the pack. */
  readonly unknownPaths: readonly { readonly start: number; readonly end: number }[];
  readonly citations: readonly Citation[];
  readonly files: readonly FileFocus[];
  readonly sight?: Sight;
  readonly stopReason?: StopReason;
  readonly timings?: Timings;
  readonly error: Problem | undefined;
  /** Its trace can be shown. */
  readonly hasTrace: boolean;
  /** Files that changed since they were read. */
  readonly changed: readonly string[];
  /** What should be known and needs nothing done, in sentences. */
  readonly notices: readonly Phrase[];
}

export interface HistoryItem {
  readonly id: string;
  readonly question: string;
  /** Milliseconds since 1970. */
  readonly askedAt: number;
  /** The answer was stopped, perhaps before there was any. */
  readonly stopped?: boolean;
}

export interface AskState {
  readonly engine: EngineStatus;
  readonly problem: Problem | undefined;
  readonly pack: PackState | undefined;
  readonly scope: readonly string[];
  /** Lines the next question is about: "src/a.ts:10-20". */
  readonly about: string | undefined;
  readonly turns: readonly AskTurn[];
  readonly activity: Activity | undefined;
  readonly history: readonly HistoryItem[];
  readonly suggestions: readonly Phrase[];
}

/** Ask view -> extension. */
export interface AskViewRequests {
  ready: [undefined, AskState];
  ask: [{ readonly text: string }, undefined];
  /** The question of a stopped turn once more. */
  askAgain: [{ readonly id: string }, undefined];
  stop: [undefined, undefined];
  readOn: [{ readonly id: string }, undefined];
  newConversation: [undefined, undefined];
  showHistory: [{ readonly id: string }, undefined];
  forget: [{ readonly id: string }, undefined];
  clearScope: [{ readonly path: string | undefined }, undefined];
  chooseScope: [undefined, undefined];
  listFolder: [{ readonly folder: string }, readonly PackEntry[]];
  listSkipped: [{ readonly reason: SkipReason }, readonly SkippedEntry[]];
  setIncluded: [{ readonly path: string; readonly included: boolean }, undefined];
  open: [
    { readonly path: string; readonly startLine: number; readonly endLine: number },
    undefined,
  ];
  showEvidence: [{ readonly id: string }, undefined];
  copy: [{ readonly id: string }, undefined];
  exportAnswer: [{ readonly id: string }, undefined];
  act: [{ readonly action: ProblemAction }, undefined];
}

/** Extension -> ask view. */
export interface AskViewEvents {
  state: AskState;
  /** Puts the cursor into the question box, with this text where given. */
  focusQuestion: { readonly text?: string };
}
