/** One file, cut: what a pack is assembled from, and what is kept between packs. */
import type { SymbolSpan } from "../shared/pack.js";

/** Offsets and lines as in `Segment`. */
export interface CutSegment {
  readonly startByte: number;
  readonly endByte: number;
  readonly startLine: number;
  readonly endLine: number;
  readonly symbols: readonly SymbolSpan[];
}

/** The segments as one model reads them. */
export interface CutModel {
  /** Per segment: header tokens ++ body tokens (++ filler in the causal layout). */
  readonly tokens: readonly Uint32Array[];
  /** Per segment: first and last line of each of its blocks, `[start0, end0, start1, end1, …]`. */
  readonly blockLines: readonly Uint32Array[];
  /** Newline tokens at the end of the last segment that are not file text. */
  readonly fillerTokens: number;
}

export interface CutFile {
  readonly lines: number;
  readonly segments: readonly CutSegment[];
  /** In the order of the tokenizers. */
  readonly models: readonly CutModel[];
}
