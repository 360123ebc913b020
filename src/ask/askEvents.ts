/** What a surface hears while a question is asked. Small things only, in order. */
import type { AskResult, Citation, FileRead, Sight } from "../shared/answer.js";
import type { ModelInfo, ModelRole } from "../shared/model.js";
import type { Pack } from "../shared/pack.js";
import type { Phrase } from "../shared/phrase.js";
import type { AskTrace } from "../trace/askTrace.js";

export interface PackProgress {
  readonly files: number;
  readonly bytes: number;
  /** The file being cut, where one is. */
  readonly path?: string;
}

export type AskEvent =
  /** Something the user should know and need not do anything about. */
  | { readonly t: "notice"; readonly notice: Phrase }
  | { readonly t: "packing"; readonly progress: PackProgress }
  | { readonly t: "packed"; readonly pack: Pack; readonly packMs: number }
  | { readonly t: "opening"; readonly model: ModelRole }
  /** The answering model is open: how much memory holds of it, and how fast it should read. */
  | {
      readonly t: "opened";
      readonly model: ModelInfo;
      readonly memoryTokens: number;
      readonly tokensPerSecond: number;
    }
  /** Before a model reads: what, how much of it is new, and how long that should take. */
  | {
      readonly t: "readingStarts";
      readonly model: ModelRole;
      readonly segments: number;
      readonly ofSegments: number;
      readonly tokens: number;
      readonly estimateMs: number;
      /** Reading stops after a budget of time: perhaps not all of `segments` are reached. */
      readonly isBounded: boolean;
    }
  | {
      readonly t: "reading";
      readonly model: ModelRole;
      /** As `readingStarts` has them. */
      readonly segments: number;
      readonly ofSegments: number;
      /** The file being read. */
      readonly path: string;
      readonly doneTokens: number;
      readonly totalTokens: number;
      readonly tokensPerSecond: number;
      readonly etaMs: number;
    }
  | {
      readonly t: "readingEnded";
      readonly model: ModelRole;
      readonly segments: number;
      readonly prefillTokens: number;
      readonly reusedTokens: number;
      readonly elapsedMs: number;
    }
  /** The scout has read the question over `segments` of the pack; highest focus first. */
  | {
      readonly t: "scouted";
      readonly segments: number;
      readonly ofSegments: number;
      readonly files: readonly { readonly path: string; readonly scoutFocus: number }[];
    }
  /** The answering model has read the question: evidence stands before prose. */
  | {
      readonly t: "questionRead";
      readonly files: readonly FileRead[];
      readonly sight: Sight;
    }
  /** The trace so far; its store grows with every step that follows. */
  | { readonly t: "traced"; readonly trace: AskTrace }
  | { readonly t: "text"; readonly text: string }
  /** Comes just before the text that holds the path. */
  | { readonly t: "citation"; readonly citation: Citation }
  | { readonly t: "done"; readonly result: AskResult };
