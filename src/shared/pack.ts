/**
 * The pack: the ordered list of segments made from a workspace, with tables block -> file, lines,
 * symbols. Segments are cut once for all models that read together; blocks are tokens and differ,
 * so each model has its own `ModelPack` over the same segments.
 */

/** Why a file is not in the pack. The UI shows the reason with the rule and where it stands. */
export type SkipReason =
  | "ignored" // by an ignore file, a setting or --exclude
  | "binary"
  | "encoding" // UTF-16 and others that are not UTF-8
  | "tooLarge"
  | "generated"
  | "lockFile"
  | "minified"
  | "likelySecret"
  | "notebookOutputs"
  | "outsideRoot" // a symbolic link that leaves its root
  | "symbolicLink" // one that stays inside: its target is packed under its own path
  | "unreadable"
  | "empty"
  | "overBudget"
  | "unsafeName"; // names that cannot be shown or stored in a header

/** The rule that skipped a file, and where it stands, so that a user can change it. */
export interface SkipRule {
  readonly text: string;
  /** Path of the ignore file relative to its root, or undefined for a built-in rule or an option. */
  readonly file?: string;
  /** 1-based line in `file`. */
  readonly line?: number;
}

export interface SkippedFile {
  readonly path: string;
  readonly reason: SkipReason;
  readonly rule?: SkipRule;
  readonly bytes?: number;
  /** A whole folder that was not entered is one entry with its path ending in "/". */
  readonly isFolder?: boolean;
}

export interface PackedFile {
  /** Relative to its root with "/"; prefixed with the root's name when there are several roots. */
  readonly path: string;
  /** Index into the roots that were packed. */
  readonly root: number;
  /** sha256 of the file's bytes, hex. */
  readonly contentHash: string;
  readonly bytes: number;
  readonly lines: number;
  /** Its segments are `[firstSegment, firstSegment + segmentCount)` of the pack. */
  readonly firstSegment: number;
  readonly segmentCount: number;
}

/** A named definition; lines are 1-based and inclusive. */
export interface SymbolSpan {
  readonly name: string;
  readonly kind: string;
  readonly startLine: number;
  readonly endLine: number;
}

/** A piece of one file that is prefilled as a unit: the same text for every model. */
export interface Segment {
  /** Index into `Pack.files`. */
  readonly file: number;
  /** 1-based; `parts` is 1 for a file that fits one segment. */
  readonly part: number;
  readonly parts: number;
  /** UTF-8 byte range of the body in the file, end exclusive. */
  readonly startByte: number;
  readonly endByte: number;
  /** 1-based, inclusive. */
  readonly startLine: number;
  readonly endLine: number;
  readonly symbols: readonly SymbolSpan[];
}

/** One model's view of the pack: its tokens, its blocks. */
export interface ModelPack {
  /** Name of the tokenizer that made it. */
  readonly tokenizer: string;
  /** Per segment: header tokens ++ body tokens, at most 1,920 in the independent layout. */
  readonly tokens: readonly Uint32Array[];
  /** Per segment: its first block id; block ids follow pack order and start at 1. */
  readonly firstBlock: Uint32Array;
  /** Blocks in the pack with the prefix; the conversation starts at this id. */
  readonly blockCount: number;
  /** Per block id: segment index, or NO_BLOCK for the prefix. */
  readonly segmentOfBlock: Uint32Array;
  /** Per block id: first and last line, 1-based inclusive; a block of header tokens alone has 0, 0. */
  readonly startLine: Uint32Array;
  readonly endLine: Uint32Array;
  /** Of headers and file text. */
  readonly tokenCount: number;
  /** Slots that hold neither: padding, in the causal layout filler. */
  readonly paddingTokens: number;
  /** Causal layout only: per segment the newline tokens at its end that are not file text. */
  readonly fillerTokens?: Uint32Array;
}

export interface Pack {
  readonly packId: string;
  readonly roots: readonly string[];
  readonly files: readonly PackedFile[];
  readonly segments: readonly Segment[];
  /** Per segment: the bytes of its body; stays in this process. */
  readonly texts: readonly Uint8Array[];
  readonly skipped: readonly SkippedFile[];
  /** One per tokenizer that the cut fits, the answering model's first. */
  readonly models: readonly ModelPack[];
}
