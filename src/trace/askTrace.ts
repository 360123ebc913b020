/** Everything that is known of one question when it ends: what a trace file holds, less the bytes. */
import type { Sight, StopReason, Timings } from "../shared/answer.js";
import type { ModelInfo, ModelRole } from "../shared/model.js";
import type { BlockTable, PackTable } from "./blockTable.js";
import type { ModelTrace, TraceStore } from "./traceStore.js";

/** What a trace says of a model: names, shape, and where its measures are taken. */
export type TracedModelInfo = Pick<
  ModelInfo,
  | "name"
  | "architecture"
  | "quantization"
  | "indexSource"
  | "layout"
  | "kernels"
  | "layers"
  | "sparseLayers"
  | "groups"
  | "k"
  | "questionHeads"
  | "pointerWeight"
  | "citationToken"
>;

export interface TracedModel {
  readonly role: ModelRole;
  readonly info: TracedModelInfo;
  readonly table: BlockTable;
}

export interface AskTrace {
  readonly question: string;
  readonly pack: PackTable;
  /** The model that answers. */
  readonly model: TracedModel;
  /** The model that read first and ranked, where one did. */
  readonly scout: TracedModel | undefined;
  /** Segments that the scout had in sight, ascending; empty without a scout. */
  readonly scouted: Uint32Array;
  readonly store: TraceStore;
  readonly readMode: Sight["mode"];
  /** Segments that the answering model had in sight, ascending. */
  readonly sight: Uint32Array;
  readonly stopReason: StopReason;
  readonly timings: Timings;
}

/** The answering model's steps. */
export function answeringTrace({ store, model }: AskTrace): ModelTrace {
  return store.trace(model.role);
}
