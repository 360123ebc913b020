/**
 * The steps of a question and its answer, append-only, exactly as the kernel wrote them. Up to two
 * models with different shapes stand side by side. Steps lie in chunks, so that appending never
 * moves what a view already holds and 1,000 steps of 228 lanes cost no reallocation.
 */
import type { ModelRole, StepShape } from "../shared/model.js";
import type { CitationCandidate, Step, StepKind } from "../shared/step.js";

/** Steps in a chunk: 64 steps of the largest model planned (228 lanes of 16) are 2.8 MB. */
export const CHUNK_STEPS = 64;

/** A half-open range of steps of one model, counted from the first one kept. */
export interface StepSpan {
  readonly from: number;
  readonly to: number;
}

export interface StepCitation {
  /** Index into `Pack.files`. */
  readonly file: number;
  readonly candidates: readonly CitationCandidate[];
}

/** What a step is, without its selection. */
export interface StepHead {
  readonly requestId: number;
  readonly index: number;
  readonly kind: StepKind;
  readonly tokenId: number;
  readonly bytes: Uint8Array;
  readonly citation?: StepCitation;
}

/** `CHUNK_STEPS` steps; each array is `[step][sparseLayer][group][k]`. */
export interface StepChunk {
  readonly blocks: Uint32Array;
  readonly score: Float32Array;
  readonly mass: Float32Array;
}

/** All steps of one model. */
export class ModelTrace {
  /** (sparse layer, group) pairs; lane = layer * groups + group. */
  readonly lanes: number;
  /** Entries of one step in each array. */
  readonly stride: number;
  private readonly heads: StepHead[] = [];
  private readonly chunks: StepChunk[] = [];

  constructor(
    readonly role: ModelRole,
    readonly shape: StepShape,
  ) {
    this.lanes = shape.sparseLayers * shape.groups;
    this.stride = this.lanes * shape.k;
  }

  get length(): number {
    return this.heads.length;
  }

  /** Copies the step's arrays. A step of another size is a bug of the sender and is refused. */
  append(step: Step): void {
    const { stride } = this;
    if (
      step.blocks.length !== stride ||
      step.score.length !== stride ||
      step.mass.length !== stride
    ) {
      throw new RangeError(
        `A ${this.role} step has ${step.blocks.length} entries where ${stride} belong.`,
      );
    }
    const at = this.heads.length % CHUNK_STEPS;
    if (at === 0) {
      const size = CHUNK_STEPS * stride;
      this.chunks.push({
        blocks: new Uint32Array(size),
        score: new Float32Array(size),
        mass: new Float32Array(size),
      });
    }
    const chunk = this.chunks[this.chunks.length - 1];
    if (chunk === undefined) throw new Error("A chunk was just added.");
    chunk.blocks.set(step.blocks, at * stride);
    chunk.score.set(step.score, at * stride);
    chunk.mass.set(step.mass, at * stride);
    const { requestId, index, kind, tokenId, citation } = step;
    const head = { requestId, index, kind, tokenId, bytes: new Uint8Array(step.bytes) };
    this.heads.push(citation === undefined ? head : { ...head, citation });
  }

  /** The step without its selection; `at` must be in range. */
  head(at: number): StepHead {
    const head = this.heads[at];
    if (head === undefined) {
      throw new RangeError(`Step ${at} of ${this.heads.length} does not exist.`);
    }
    return head;
  }

  /** The step with views into its chunk: valid as long as the trace, not to be written. */
  step(at: number): Step {
    const head = this.head(at);
    const { blocks, score, mass } = this.chunk(at);
    const start = (at % CHUNK_STEPS) * this.stride;
    const end = start + this.stride;
    return {
      ...head,
      model: this.role,
      blocks: blocks.subarray(start, end),
      score: score.subarray(start, end),
      mass: mass.subarray(start, end),
    };
  }

  /** The chunk that holds step `at`; the step starts at `(at % CHUNK_STEPS) * stride`. */
  chunk(at: number): StepChunk {
    const chunk = this.chunks[Math.floor(at / CHUNK_STEPS)];
    if (chunk === undefined) {
      throw new RangeError(`Step ${at} of ${this.heads.length} does not exist.`);
    }
    return chunk;
  }

  /** The span cut to the steps that exist. */
  clip(span: StepSpan): StepSpan {
    const from = Math.max(0, Math.min(span.from, this.length));
    return { from, to: Math.max(from, Math.min(span.to, this.length)) };
  }

  get all(): StepSpan {
    return { from: 0, to: this.length };
  }

  /** The question's steps: they come first, in one run. */
  get question(): StepSpan {
    let to = 0;
    while (to < this.length && this.heads[to]?.kind === "question") to++;
    return { from: 0, to };
  }
}

export class TraceStore {
  private readonly traces = new Map<ModelRole, ModelTrace>();

  constructor(models: readonly { readonly role: ModelRole; readonly shape: StepShape }[]) {
    for (const { role, shape } of models) this.traces.set(role, new ModelTrace(role, shape));
  }

  /** Models in the order in which they were named. */
  get models(): readonly ModelTrace[] {
    return [...this.traces.values()];
  }

  trace(role: ModelRole): ModelTrace {
    const trace = this.traces.get(role);
    if (trace === undefined) throw new RangeError(`The trace has no ${role}.`);
    return trace;
  }

  append(step: Step): void {
    this.trace(step.model).append(step);
  }
}
