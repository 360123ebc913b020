/** What a session is given, and what a question is. */
import type { AskResult } from "../shared/answer.js";
import type { Engine } from "../shared/engine.js";
import type { EngineInfo, OpenModel, Sampling, Turn } from "../shared/engineMessages.js";
import type { ModelInfo } from "../shared/model.js";
import type { Pack } from "../shared/pack.js";
import type { Phrase } from "../shared/phrase.js";
import type { AskTrace } from "../trace/askTrace.js";
import type { AskEvent, PackProgress } from "./askEvents.js";
import type { Rates } from "./rates.js";
import type { ReadMode, ScoutMode } from "./readingPlan.js";

/** What to open; the scout only where two models read together. */
export interface AskModels {
  readonly answering: OpenModel;
  readonly scout?: OpenModel;
  /** Why these models and not those asked for, in a sentence. */
  readonly notice?: Phrase;
}

interface PackRequest {
  readonly models: AskModels;
  /** What the opened models say of themselves, answering first; packing need not wait for it. */
  readonly infos: Promise<readonly ModelInfo[]>;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PackProgress) => void;
}

export interface AskParts {
  readonly engine: Engine;
  /** Finds model files; throws `modelMissing` with what to do. */
  readonly models: (info: EngineInfo) => Promise<AskModels>;
  /** `Pack.models` holds the answering model's table first, then the scout's. */
  readonly pack: (request: PackRequest) => Promise<Pack>;
  readonly rates: Rates;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** A session's parts and how to end them; the engine process ends with `dispose`. */
export interface ConnectedParts extends AskParts {
  readonly dispose: () => Promise<void>;
}

export interface Question {
  readonly text: string;
  /** Earlier turns of the conversation, oldest first. */
  readonly history?: readonly Turn[];
  readonly read: ReadMode;
  /** Without it `near`. */
  readonly scout?: ScoutMode;
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Most tokens of the pack; without it what half of the free memory holds. */
  readonly budgetTokens?: number;
}

export interface AskOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: AskEvent) => void;
}

export interface Asked {
  readonly result: AskResult;
  readonly trace: AskTrace;
}

export const GREEDY: Sampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  seed: 0,
};

/** The models once they are open. */
export interface Opened {
  readonly info: EngineInfo;
  readonly models: AskModels;
  readonly answering: ModelInfo;
  readonly scout: ModelInfo | undefined;
}
