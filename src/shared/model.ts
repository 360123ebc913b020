/** What the engine says about an opened model. Sizes in views come from here, never from constants. */

export type ModelRole = "coder" | "scout";
export type IndexSource = "trained" | "keys";
export type Layout = "independent" | "causal";

/** A (layer, group) pair found to retrieve while the question is read. */
export interface QuestionHead {
  readonly layer: number;
  readonly group: number;
}

/** The shape of one step's selection arrays: `[sparseLayers][groups][k]`. */
export interface StepShape {
  readonly sparseLayers: number;
  readonly groups: number;
  readonly k: number;
}

export interface ModelInfo extends StepShape {
  readonly name: string;
  readonly architecture: string;
  readonly quantization: string;
  readonly parameters: number;
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
  readonly indexSource: IndexSource;
  readonly indexDim: number;
  readonly layout: Layout;
  /** "ref" or "cpu"; part of the page store's key together with `kvType`. */
  readonly tier: string;
  readonly kvType: "f32" | "bf16" | "i8";
  /** Operation -> id of the active kernel; shown in the status page and on every benchmark line. */
  readonly kernels: Readonly<Record<string, string>>;
  readonly questionHeads: readonly QuestionHead[];
  /** Weight of log focus in a citation's choice; see spec "pointer". */
  readonly pointerWeight: number;
  /** The model cites: where it emits `citationToken` the engine writes a path. */
  readonly citationToken?: number;
  /** Token ids of block 0: exactly 128. */
  readonly prefix: readonly number[];
  /** The header template, for example "<|file_sep|>{path}{part}\n", and its part, " (part {k} of {n})". */
  readonly header: string;
  readonly part: string;
  readonly segmentPosition: number;
  readonly conversationPosition: number;
  /** Most tokens of a conversation (prompt and answer). */
  readonly conversationTokens: number;
  /** Most tokens of a segment, header included: 1,920 in the independent layout. */
  readonly segmentTokens: number;
  /** Positions the model was trained for; a pack in the causal layout should not be longer. */
  readonly contextTokens: number;
  /** Bytes of KV and index pages a token takes in memory. */
  readonly bytesPerToken: number;
  readonly weightsSha256: string;
  readonly adapterSha256?: string;
  readonly chatTemplate: string;
}

/** What an opened tokenizer says of itself. */
export interface TokenizerInfo {
  readonly name: string;
  readonly pre: string;
  readonly vocabSize: number;
  /** sha256 over tokens, merges, types and pre-tokenizer; part of the pack id. */
  readonly hash: string;
  /** Special tokens by text. */
  readonly special: Readonly<Record<string, number>>;
  /** Jinja; "" where the file has none. */
  readonly chatTemplate: string;
}
