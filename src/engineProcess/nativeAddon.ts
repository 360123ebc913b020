/**
 * The only place that loads the `.node` file, and its types, by hand. Handles are numbers that stay
 * valid until `close`; a handle of the wrong kind or one that is closed throws a TypeError. Work runs
 * on threads of its own and comes back as a promise; everything else returns at once.
 * native/addon/calls.h has the same list.
 */
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import type { EngineOptions } from "../shared/engineMessages.js";
import type { CitationCandidate, StepKind } from "../shared/step.js";

declare const kind: unique symbol;
type Handle<K extends string> = number & { readonly [kind]: K };
export type EngineHandle = Handle<"engine">;
export type TokenizerHandle = Handle<"tokenizer">;
export type ModelHandle = Handle<"model">;
export type PackHandle = Handle<"pack">;
export type CancelHandle = Handle<"cancel">;

/** `bs_status` by name; errors of the addon carry it as `status`. */
export type StatusName =
  | "cancelled"
  | "invalidArgument"
  | "notFound"
  | "unreadable"
  | "truncated"
  | "corrupt"
  | "wrongBase"
  | "unsupportedArchitecture"
  | "unsupportedQuantization"
  | "unsupportedTokenizer"
  | "outOfMemory"
  | "diskFull"
  | "windowFull"
  | "busy"
  | "internal";

interface NativeModelOptions {
  readonly modelPath: string;
  readonly adapterPath?: string;
  readonly indexSource?: string;
  readonly layout?: string;
  /** Without an adapter: the rendered system turn, `{system}` where the engine's text goes. */
  readonly prefixText?: string;
  /** The model file's hash, when it is known. */
  readonly sha256?: string;
}

interface NativeReadOptions {
  readonly segments: Uint32Array;
  readonly background: boolean;
  readonly budgetMs?: number;
  readonly atLeast?: number;
}

interface NativeReadProgress {
  readonly segment: number;
  readonly doneTokens: number;
  readonly totalTokens: number;
  readonly tokensPerSecond: number;
}

interface NativeReadResult {
  /** How many of `segments`, from the front, are now in memory. */
  readonly read: number;
  readonly prefillTokens: number;
  readonly reusedTokens: number;
  readonly elapsedMs: number;
  readonly cancelled: boolean;
  /** Why the page store could not take pages; they are in memory nevertheless. */
  readonly storeFailure?: Error & { readonly status: StatusName };
}

interface NativeAskOptions {
  readonly prompt: Uint32Array;
  /** Index in `prompt` of the current user turn's first token. */
  readonly turnStart: number;
  readonly sight: Uint32Array;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
  /** Per file: ids of its path and a newline, as in its header. Absent: the engine does not point. */
  readonly citeIds?: readonly Uint32Array[];
}

/** The three arrays are views of one buffer. */
interface NativeStep {
  readonly kind: StepKind;
  readonly index: number;
  readonly tokenId: number;
  readonly bytes: Uint8Array;
  readonly blocks: Uint32Array;
  readonly score: Float32Array;
  readonly mass: Float32Array;
  readonly citation?: { readonly file: number; readonly candidates: readonly CitationCandidate[] };
}

interface NativeAskResult {
  readonly stopReason: "eos" | "maxTokens" | "cancelled" | "windowFull";
  readonly answerTokens: number;
  readonly firstTokenMs: number;
  readonly decodeMs: number;
}

export interface NativeAddon {
  openEngine(options: EngineOptions): Promise<EngineHandle>;
  /** JSON: version, cpu, features, threads, tier, pageStore. */
  describeEngine(engine: EngineHandle): string;
  clearPages(engine: EngineHandle, disk: boolean): Promise<void>;
  openTokenizer(path: string): Promise<TokenizerHandle>;
  /** JSON: TokenizerInfo. */
  describeTokenizer(tokenizer: TokenizerHandle): string;
  /** File text: special tokens are never parsed. `ends` are exclusive byte ends. */
  encodeAll(
    tokenizer: TokenizerHandle,
    texts: readonly Uint8Array[],
  ): Promise<{ readonly ids: readonly Uint32Array[]; readonly ends: readonly Uint32Array[] }>;
  /** One short text, at once. */
  encode(tokenizer: TokenizerHandle, text: Uint8Array, parseSpecial: boolean): Uint32Array;
  openModel(engine: EngineHandle, options: NativeModelOptions): Promise<ModelHandle>;
  /** JSON: ModelInfo. */
  describeModel(model: ModelHandle): string;
  /** A handle of its own, to be closed too; it keeps the model alive. */
  modelTokenizer(model: ModelHandle): TokenizerHandle;
  openPack(
    model: ModelHandle,
    tokens: readonly Uint32Array[],
    fileOfSegment: Uint32Array,
  ): Promise<PackHandle>;
  /** One byte a segment: 1 where its pages are held. */
  packHeld(pack: PackHandle): Promise<Uint8Array>;
  read(
    pack: PackHandle,
    options: NativeReadOptions,
    onProgress: (progress: NativeReadProgress) => void,
    cancel: CancelHandle,
  ): Promise<NativeReadResult>;
  ask(
    pack: PackHandle,
    options: NativeAskOptions,
    onSteps: (steps: readonly NativeStep[]) => void,
    cancel: CancelHandle,
  ): Promise<NativeAskResult>;
  createCancel(): CancelHandle;
  requestCancel(cancel: CancelHandle): void;
  close(
    handle: EngineHandle | TokenizerHandle | ModelHandle | PackHandle | CancelHandle,
  ): undefined;
  /** The kernel ends this process when its parent dies. False where it cannot. */
  dieWithParent(): boolean;
}

/** Where the build puts the addon, beside the bundle in `folder`. */
export function addonPath(folder: string): string {
  const target = `${process.platform}-${process.arch}`;
  return path.join(folder, "native", target, "blocksight.node");
}

/** Throws what the loader throws: no such file, or a library that this system lacks. */
export function loadAddon(file: string): NativeAddon {
  return createRequire(file)(file) as NativeAddon;
}
