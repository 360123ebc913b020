/**
 * What the evidence view asks of a trace, and what it is told. The view owns no trace: whoever holds
 * one (the extension, or a worker in a stand-alone report) answers these requests by range.
 */
import type { IndexSource, Layout, ModelRole, QuestionHead } from "./model.js";
import type { StepKind } from "./step.js";

export interface EvidenceModel {
  readonly role: ModelRole;
  readonly name: string;
  readonly quantization: string;
  readonly indexSource: IndexSource;
  readonly layout: Layout;
  /** Layers without selection come first; they read everything. */
  readonly denseLayers: number;
  readonly sparseLayers: number;
  readonly groups: number;
  readonly k: number;
  readonly questionHeads: readonly QuestionHead[];
  readonly steps: readonly EvidenceStep[];
}

export interface EvidenceStep {
  readonly text: string;
  readonly kind: StepKind;
  /** 0..1: how much of the mass on files is on few of them (sum of squared parts). */
  readonly concentration: number;
  /** On the first token of a path that the engine wrote. */
  readonly citation?: {
    readonly file: number;
    readonly candidates: readonly {
      readonly file: number;
      readonly logProb: number;
      readonly focus: number;
    }[];
  };
}

export interface EvidenceFile {
  readonly path: string;
  /** Of the answering model. */
  readonly blocks: number;
  readonly inSight: boolean;
  readonly focus: number;
  readonly scoutFocus: number | undefined;
  readonly changed: boolean;
}

export interface EvidenceMeta {
  /** Where the trace comes from, for the view to name when it is restored. */
  readonly source: string;
  readonly question: string;
  /** The answering model first. */
  readonly models: readonly EvidenceModel[];
  readonly files: readonly EvidenceFile[];
  readonly sight: { readonly segments: number; readonly ofSegments: number };
  /** What was lost of a damaged file, in sentences. */
  readonly notices: readonly string[];
  /** More steps are to come. */
  readonly live: boolean;
  /** Whether text of blocks and opening files can be asked for. */
  readonly hasFiles: boolean;
}

/** A half-open range of one model's steps. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export type HeatMeasure = "selections" | "mass" | "score";

/** What a query is taken over. `lanes` undefined: all. */
export interface Filter {
  readonly model: ModelRole;
  readonly span: Span;
  readonly lanes: Uint32Array | undefined;
}

/** The files that were read at all in the filter, ascending, and their measures. */
export interface FileReads {
  readonly files: Uint32Array;
  readonly selections: Float32Array;
  readonly share: Float32Array;
  readonly lift: Float32Array;
  readonly mass: Float32Array;
  /** Steps of the span that selected a block of the file. */
  readonly steps: Uint32Array;
}

export interface BlockReads {
  readonly blocks: readonly {
    readonly block: number;
    /** 0, 0 for a block of header tokens alone. */
    readonly startLine: number;
    readonly endLine: number;
    readonly symbols: readonly string[];
    /** Of the whole question, whatever the filter; 0 for the scout's blocks. */
    readonly focus: number;
    readonly selections: number;
    readonly share: number;
    readonly mass: number;
    readonly steps: number;
  }[];
}

/** Rows of the heat map: files by index, all blocks of one file, or the two forced rows. */
type HeatRows =
  | { readonly t: "files"; readonly files: Uint32Array }
  | { readonly t: "blocks"; readonly file: number }
  | { readonly t: "forced" };

export interface Heat {
  readonly rows: number;
  readonly columns: number;
  /** `[row][column]`; NaN: not selected. */
  readonly cells: Float32Array;
}

/** `[lane]`: the mean mass a lane put on the target, and how often it selected it. */
export interface LensReads {
  readonly mass: Float32Array;
  readonly selections: Float32Array;
}

export type LensTarget =
  | { readonly t: "all" }
  | { readonly t: "file"; readonly file: number }
  | { readonly t: "block"; readonly block: number };

export interface Preview {
  readonly path: string;
  /** 1-based line of the first text line. */
  readonly firstLine: number;
  readonly lines: readonly string[];
  /** Lines of the block itself, inclusive. */
  readonly startLine: number;
  readonly endLine: number;
  readonly symbols: readonly string[];
  readonly changed: boolean;
}

export type ExportFormat = "png" | "csv" | "json" | "markdown" | "report" | "trace";

/** Name -> [request, reply]. */
export interface EvidenceRequests {
  open: [undefined, EvidenceMeta];
  files: [Filter, FileReads];
  blocks: [Filter & { readonly file: number }, BlockReads];
  heat: [Filter & { readonly rows: HeatRows; readonly measure: HeatMeasure }, Heat];
  lens: [Filter & { readonly target: LensTarget }, LensReads];
}

/** What only a view in an editor can ask. */
export interface EvidenceViewRequests extends EvidenceRequests {
  preview: [{ readonly file: number; readonly block: number }, Preview | undefined];
  reveal: [
    { readonly file: number; readonly startLine: number; readonly endLine: number },
    undefined,
  ];
  export: [
    { readonly format: ExportFormat; readonly bytes?: Uint8Array; readonly filter: Filter },
    undefined,
  ];
}

export interface EvidenceViewEvents {
  /** The trace has more steps, or another trace is shown: ask again. */
  changed: { readonly reset: boolean };
}
