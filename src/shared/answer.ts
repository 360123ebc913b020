/** The object of `ask --json` (schema 1): the one result type of command line, views and exports. */
import type { IndexSource, Layout } from "./model.js";
import type { SkipReason, SkippedFile, SkipRule } from "./pack.js";
import type { WireError } from "./errors.js";

export const SCHEMA = 1;

export type StopReason = "eos" | "maxTokens" | "cancelled" | "windowFull";

export interface AnswerModel {
  readonly name: string;
  readonly architecture: string;
  readonly quantization: string;
  readonly indexSource: IndexSource;
  readonly layout: Layout;
  readonly kernels: Readonly<Record<string, string>>;
}

export interface Sight {
  readonly segments: number;
  readonly ofSegments: number;
  readonly tokens: number;
  readonly mode: "all" | "count" | "auto";
  /** Segments that the scout has read and ranked; null without a scout. */
  readonly scouted: number | null;
  /** The ten files not in sight with the highest scout focus; null where the scout has not read one. */
  readonly notRead: readonly { readonly path: string; readonly scoutFocus: number | null }[];
}

export interface Citation {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
  /** Offset of the path in `answer`, in UTF-16 units. */
  readonly at: number;
}

export interface BlockRead {
  readonly block: number;
  readonly startLine: number;
  readonly endLine: number;
  readonly symbols: readonly string[];
  readonly focus: number;
  readonly share: number;
  readonly mass: number;
}

export interface FileRead {
  readonly path: string;
  readonly focus: number;
  /** Null without a scout, and where the scout has read nothing of the file. */
  readonly scoutFocus: number | null;
  readonly inSight: boolean;
  readonly share: number;
  readonly lift: number;
  readonly mass: number;
  readonly blocks: readonly BlockRead[];
}

export interface Timings {
  readonly packMs: number;
  readonly scoutMs: number;
  readonly prefillMs: number;
  readonly prefillTokens: number;
  readonly reusedTokens: number;
  readonly firstTokenMs: number;
  readonly decodeTokens: number;
  readonly decodeMs: number;
}

/** A skipped file as `ask --json` and `pack --json` print it. */
export interface SkippedEntry {
  readonly path: string;
  readonly reason: SkipReason;
  readonly rule: SkipRule | null;
}

export function skippedEntries(skipped: readonly SkippedFile[]): readonly SkippedEntry[] {
  return skipped.map(({ path, reason, rule }) => ({ path, reason, rule: rule ?? null }));
}

export interface AskResult {
  readonly schema: typeof SCHEMA;
  readonly question: string;
  readonly answer: string;
  readonly stopReason: StopReason;
  readonly model: AnswerModel;
  readonly scout: AnswerModel | null;
  readonly sight: Sight;
  readonly citations: readonly Citation[];
  readonly pack: {
    readonly packId: string;
    readonly files: number;
    readonly segments: number;
    readonly blocks: number;
    readonly tokens: number;
    readonly paddingTokens: number;
    readonly skipped: readonly SkippedEntry[];
  };
  /** Sorted by focus, then mass. */
  readonly files: readonly FileRead[];
  readonly timings: Timings;
}

export interface FailureResult {
  readonly schema: typeof SCHEMA;
  readonly error: WireError;
}
