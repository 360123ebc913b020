/** One token of the question or of the answer, with what it read. Stored exactly as the kernel wrote it. */
import type { ModelRole } from "./model.js";

export type StepKind = "question" | "answer" | "citation";

export interface CitationCandidate {
  /** Index into `Pack.files`. */
  readonly file: number;
  readonly logProb: number;
  readonly focus: number;
}

export interface Step {
  readonly requestId: number;
  readonly index: number;
  readonly model: ModelRole;
  readonly kind: StepKind;
  readonly tokenId: number;
  /** The token's bytes; may end inside a UTF-8 character: join, then decode. */
  readonly bytes: Uint8Array;
  /** `[sparseLayer][group][k]`, ids ascending, unused entries NO_BLOCK with score and mass 0. */
  readonly blocks: Uint32Array;
  readonly score: Float32Array;
  readonly mass: Float32Array;
  /** On the first token of a path that the engine wrote. */
  readonly citation?: { readonly file: number; readonly candidates: readonly CitationCandidate[] };
}
