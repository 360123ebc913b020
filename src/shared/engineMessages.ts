/**
 * Host <-> engine process. Every request settles: a value, a typed error, or disposed.
 * The channel is `process.send` with `serialization: "advanced"`, so typed arrays travel as such.
 * Small things are pushed (tokens, progress); nothing large is pushed unasked.
 */
import type { StopReason } from "./answer.js";
import type { WireError } from "./errors.js";
import type { IndexSource, Layout, ModelInfo, ModelRole, TokenizerInfo } from "./model.js";
import type { Step } from "./step.js";

export interface EngineInfo {
  readonly version: string;
  readonly cpu: string;
  /** Instruction sets found, for example ["avx2", "avx512vnni"]. */
  readonly features: readonly string[];
  readonly threads: number;
  readonly tier: string;
  readonly numerics: string;
  readonly kvType: string;
  /** Operation -> id of the active kernel. */
  readonly kernels: Readonly<Record<string, string>>;
  readonly freeMemoryBytes: number;
  readonly pageStore: {
    readonly path: string;
    readonly bytes: number;
    readonly limitBytes: number;
  } | null;
}

/** How the engine is made; part of the first message to a new process. All have defaults. */
export interface EngineOptions {
  /** 0 or absent: physical cores up to 4, above that cores - 1. */
  readonly threads?: number;
  readonly tier?: "cpu" | "ref";
  /** For tests: the instruction set instead of the best there is. */
  readonly isa?: "avx2" | "avx512vnni" | "amx";
  readonly numerics?: "i8" | "bf16";
  readonly kv?: "f32" | "bf16" | "i8";
  /** Folder of the page store; absent: pages are kept in memory only. */
  readonly storePath?: string;
  readonly storeLimitBytes?: number;
  /** Pages kept in memory; absent: no limit. */
  readonly memoryLimitBytes?: number;
}

export interface OpenModel {
  readonly role: ModelRole;
  readonly modelPath: string;
  readonly adapterPath?: string;
  readonly indexSource?: IndexSource;
  readonly layout?: Layout;
  /** Checked before use when given. */
  readonly sha256?: string;
}

export interface Turn {
  readonly role: "user" | "assistant";
  readonly text: string;
}

/**
 * A model answers one question and reads once at a time, also both together; a second one of the same
 * kind is refused with `engineBusy`. A background read yields to every question, and ends
 * (`cancelled`) when another read or `setPack` comes: requestRules.ts.
 */
export interface ReadRequest {
  readonly model: ModelRole;
  /** Segment indices in the order in which they are to be read. */
  readonly segments: Uint32Array;
  /** Background reading yields to every question. */
  readonly background: boolean;
  /** Stop after this much time, but never before `atLeast` segments are read. */
  readonly budgetMs?: number;
  readonly atLeast?: number;
}

export interface ReadResult {
  /** In the order read or found; what is missing was not reached. */
  readonly read: Uint32Array;
  readonly prefillTokens: number;
  readonly reusedTokens: number;
  readonly elapsedMs: number;
  readonly cancelled: boolean;
  /** Why the page store could not take pages; they are in memory nevertheless. */
  readonly storeFailure?: WireError;
}

export interface ReadProgress {
  readonly requestId: number;
  readonly model: ModelRole;
  readonly segment: number;
  readonly doneTokens: number;
  readonly totalTokens: number;
  readonly tokensPerSecond: number;
}

export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
}

export interface AskRequest {
  readonly model: ModelRole;
  /** The conversation, the current user turn last. */
  readonly turns: readonly Turn[];
  /** Segments in sight: exactly these are scored; each must have been read. */
  readonly sight: Uint32Array;
  /** 0: read the question only (the scout's pass). */
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Paths as they stand in headers, by file index, when the engine may write citations. */
  readonly citePaths?: readonly string[];
}

export interface AskEnd {
  readonly stopReason: StopReason;
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** From the request to the first answer token. */
  readonly firstTokenMs: number;
  readonly decodeMs: number;
  /** Whole oldest turns that no longer fit the window. */
  readonly droppedTurns: number;
}

export interface PackForModel {
  readonly model: ModelRole;
  /** Per segment: token ids, header first. */
  readonly tokens: readonly Uint32Array[];
  /** Per segment: index of its file; focus of a file is the largest of its segments'. */
  readonly fileOfSegment: Uint32Array;
}

/** Name -> [request, reply]. */
export interface EngineRequests {
  hello: [undefined, EngineInfo];
  openTokenizer: [{ readonly path: string }, TokenizerInfo];
  /**
   * Bytes in, ids and exclusive end offsets out; special tokens are never parsed in file text.
   * `tokenizer` is the `hash` of an opened tokenizer.
   */
  tokenize: [
    { readonly tokenizer: string; readonly texts: readonly Uint8Array[] },
    { readonly ids: readonly Uint32Array[]; readonly ends: readonly Uint32Array[] },
  ];
  openModel: [OpenModel, ModelInfo];
  closeModel: [{ readonly model: ModelRole }, undefined];
  /** Replaces the model's pack; pages are found again by content. Reply: 1 per segment whose pages are held. */
  setPack: [PackForModel, { readonly held: Uint8Array }];
  read: [ReadRequest, ReadResult];
  ask: [AskRequest, AskEnd];
  clearPages: [{ readonly disk: boolean }, undefined];
}

export type EngineRequestName = keyof EngineRequests;

export type ToEngine =
  | { readonly t: "start"; readonly options: EngineOptions }
  | {
      [N in EngineRequestName]: {
        readonly t: "request";
        readonly id: number;
        readonly name: N;
        readonly body: EngineRequests[N][0];
        /** Cancelled before it was asked: a message of its own could come after the answer. */
        readonly isCancelled?: true;
      };
    }[EngineRequestName]
  | { readonly t: "cancel"; readonly id: number }
  | { readonly t: "ping"; readonly at: number };

export type FromEngine =
  | { readonly t: "reply"; readonly id: number; readonly ok: true; readonly body: unknown }
  | { readonly t: "reply"; readonly id: number; readonly ok: false; readonly error: WireError }
  | { readonly t: "steps"; readonly steps: readonly Step[] }
  | { readonly t: "readProgress"; readonly progress: ReadProgress }
  | { readonly t: "pong"; readonly at: number };
