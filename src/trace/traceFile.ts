/**
 * Trace file, version 1, little-endian:
 *
 *   magic "BLKSIGHT", u32 version, u32 header length, header (JSON, UTF-8),
 *   then records: u8 type, u32 payload length, payload, u32 CRC-32 of type, length and payload.
 *
 * step:     u8 model (0 answering, 1 scout), u8 kind, u16 length of bytes, u32 request, u32 index,
 *           u32 token, bytes, then blocks (u32), score (f32), mass (f32) of `lanes * k` entries each
 * citation: belongs to the step before it: u32 file, u32 candidates, each u32 file, f32 log p, f32 focus
 * end:      JSON with stop reason and timings
 *
 * A file is hostile input: every length is checked against what is left before it is used, and the
 * first record that does not hold ends the reading. What stood before it is kept, with a notice.
 */
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";
import type { CitationCandidate, Step, StepKind } from "../shared/step.js";
import type { AskTrace, TracedModel } from "./askTrace.js";
import { JsonMismatch } from "./checkJson.js";
import { crc32 } from "./crc32.js";
import {
  type TraceEnd,
  type TraceHeader,
  decodeEnd,
  decodeHeader,
  encodeEnd,
  encodeHeader,
} from "./traceHeader.js";
import { TraceStore } from "./traceStore.js";

const MAGIC = new TextEncoder().encode("BLKSIGHT");
const VERSION = 1;
const PREAMBLE_BYTES = MAGIC.length + 8;
const MOST_HEADER_BYTES = 512 * 1024 * 1024;

const RECORD = { step: 1, citation: 2, end: 3 } as const;
const KINDS: readonly StepKind[] = ["question", "answer", "citation"];
const STEP_HEAD_BYTES = 16;
const CANDIDATE_BYTES = 12;
/** The engine weighs eight files for a citation. */
const MOST_CANDIDATES = 64;

/** The file in pieces, in order: one for the preamble, one per record. */
export function* encodeTrace(ask: AskTrace): Generator<Uint8Array> {
  const header = new TextEncoder().encode(encodeHeader(ask));
  const preamble = new Uint8Array(PREAMBLE_BYTES);
  preamble.set(MAGIC);
  const view = new DataView(preamble.buffer);
  view.setUint32(MAGIC.length, VERSION, true);
  view.setUint32(MAGIC.length + 4, header.length, true);
  yield preamble;
  yield header;
  for (const [at, model] of modelsOf(ask).entries()) {
    const trace = ask.store.trace(model.role);
    for (let step = 0; step < trace.length; step++) {
      const value = trace.step(step);
      yield record(RECORD.step, encodeStep(value, at));
      if (value.citation) yield record(RECORD.citation, encodeCitation(value.citation));
    }
  }
  yield record(RECORD.end, new TextEncoder().encode(encodeEnd(ask)));
}

/** The scout reads first, so its steps come first in the file. */
function modelsOf({ model, scout }: Pick<TraceHeader, "model" | "scout">): readonly TracedModel[] {
  return scout ? [model, scout] : [model];
}

function record(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + payload.length + 4);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint32(1, payload.length, true);
  bytes.set(payload, 5);
  view.setUint32(5 + payload.length, crc32(bytes.subarray(0, 5 + payload.length)), true);
  return bytes;
}

function encodeStep(step: Step, model: number): Uint8Array {
  const entries = step.blocks.length;
  const start = STEP_HEAD_BYTES + step.bytes.length;
  const payload = new Uint8Array(start + entries * 12);
  const view = new DataView(payload.buffer);
  view.setUint8(0, model);
  view.setUint8(1, KINDS.indexOf(step.kind));
  view.setUint16(2, step.bytes.length, true);
  view.setUint32(4, step.requestId, true);
  view.setUint32(8, step.index, true);
  view.setUint32(12, step.tokenId, true);
  payload.set(step.bytes, STEP_HEAD_BYTES);
  for (let at = 0; at < entries; at++) {
    view.setUint32(start + at * 4, step.blocks[at] ?? 0, true);
    view.setFloat32(start + (entries + at) * 4, step.score[at] ?? 0, true);
    view.setFloat32(start + (2 * entries + at) * 4, step.mass[at] ?? 0, true);
  }
  return payload;
}

function encodeCitation({ file, candidates }: NonNullable<Step["citation"]>): Uint8Array {
  const payload = new Uint8Array(8 + candidates.length * CANDIDATE_BYTES);
  const view = new DataView(payload.buffer);
  view.setUint32(0, file, true);
  view.setUint32(4, candidates.length, true);
  for (const [at, candidate] of candidates.entries()) {
    const start = 8 + at * CANDIDATE_BYTES;
    view.setUint32(start, candidate.file, true);
    view.setFloat32(start + 4, candidate.logProb, true);
    view.setFloat32(start + 8, candidate.focus, true);
  }
  return payload;
}

export interface DecodedTrace {
  readonly trace: AskTrace;
  /** What was lost, in sentences; empty for a whole file. */
  readonly notices: readonly string[];
}

/** Throws `traceCorrupt` where nothing can be shown: magic, version or header. */
export function decodeTrace(bytes: Uint8Array): DecodedTrace {
  const { header, start } = decodePreamble(bytes);
  const models = modelsOf(header);
  const store = new TraceStore(models.map(({ role, info }) => ({ role, shape: info })));
  const reader = new RecordReader(bytes, start, header, models, store);
  const end = reader.readAll();
  return {
    trace: {
      ...header,
      store,
      sight: Uint32Array.from(new Set(header.sight)).sort(),
      scouted: Uint32Array.from(new Set(header.scouted)).sort(),
      stopReason: end?.stopReason ?? "cancelled",
      timings: end?.timings ?? NO_TIMINGS,
    },
    notices: reader.notice === undefined ? [] : [reader.notice],
  };
}

const NO_TIMINGS: TraceEnd["timings"] = {
  packMs: 0,
  scoutMs: 0,
  prefillMs: 0,
  prefillTokens: 0,
  reusedTokens: 0,
  firstTokenMs: 0,
  decodeTokens: 0,
  decodeMs: 0,
};

function decodePreamble(bytes: Uint8Array): { header: TraceHeader; start: number } {
  if (bytes.length < PREAMBLE_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw corrupt("it is not a trace file");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(MAGIC.length, true);
  if (version !== VERSION) {
    throw corrupt(`it has version ${version}, and this program reads version ${VERSION}`);
  }
  const length = view.getUint32(MAGIC.length + 4, true);
  const start = PREAMBLE_BYTES + length;
  if (length > MOST_HEADER_BYTES || start > bytes.length) {
    throw corrupt(`its header of ${length} bytes is not all there`);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { header: decodeHeader(text.decode(bytes.subarray(PREAMBLE_BYTES, start))), start };
  } catch (error) {
    if (error instanceof JsonMismatch) throw corrupt(error.message);
    if (error instanceof TypeError) throw corrupt("the header is not UTF-8");
    throw error;
  }
}

function corrupt(what: string): BlocksightError {
  return new BlocksightError(
    "traceCorrupt",
    phrase("The trace cannot be read: {0}.", what),
    "Save it again with `blocksight ask --trace FILE`.",
  );
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Words as this machine has them; the file's are little-endian, and so is nearly every machine. */
function littleEndian(words: ArrayBuffer): ArrayBuffer {
  if (IS_LITTLE_ENDIAN) return words;
  const view = new DataView(words);
  for (let at = 0; at < words.byteLength; at += 4) view.setUint32(at, view.getUint32(at), true);
  return words;
}

/** Says what is wrong with a record; the reading ends there. */
class BadRecord extends Error {}

class RecordReader {
  notice: string | undefined;
  private readonly view: DataView;
  private pending: Step | undefined;
  private end: TraceEnd | undefined;
  /** Per model: where a step's arrays lie aligned until the store has copied them. */
  private readonly aligned = new Map<TracedModel, Uint8Array<ArrayBuffer>>();

  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly header: TraceHeader,
    private readonly models: readonly TracedModel[],
    private readonly store: TraceStore,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readAll(): TraceEnd | undefined {
    try {
      while (this.at < this.bytes.length && !this.end) this.readRecord();
      this.flush();
      if (!this.end) this.lose("The trace has no end: it was cut off");
      else if (this.at < this.bytes.length)
        this.lose("Bytes after the end of the trace were left out");
    } catch (error) {
      if (!(error instanceof BadRecord)) throw error;
      this.flush();
      this.lose(`The trace is damaged at byte ${this.at} (${error.message})`);
    }
    return this.end;
  }

  private lose(what: string): void {
    const steps = this.store.models.reduce((sum, trace) => sum + trace.length, 0);
    this.notice = `${what}; ${steps} steps are shown.`;
  }

  private flush(): void {
    if (this.pending) this.store.append(this.pending);
    this.pending = undefined;
  }

  private readRecord(): void {
    const left = this.bytes.length - this.at;
    if (left < 9) throw new BadRecord("a record ends too early");
    const type = this.view.getUint8(this.at);
    const length = this.view.getUint32(this.at + 1, true);
    if (length > left - 9) throw new BadRecord("a record ends too early");
    const body = this.at + 5;
    const sum = this.view.getUint32(body + length, true);
    if (crc32(this.bytes.subarray(this.at, body + length)) !== sum) {
      throw new BadRecord("a checksum does not hold");
    }
    this.readPayload(type, body, length);
    this.at = body + length + 4;
  }

  private readPayload(type: number, start: number, length: number): void {
    switch (type) {
      case RECORD.step:
        this.flush();
        this.pending = this.readStep(start, length);
        return;
      case RECORD.citation:
        if (!this.pending || this.pending.citation) throw new BadRecord("a citation has no step");
        this.pending = { ...this.pending, citation: this.readCitation(start, length) };
        return;
      case RECORD.end:
        this.end = this.readEnd(start, length);
        return;
      default:
        throw new BadRecord(`record type ${type} is unknown`);
    }
  }

  private readStep(start: number, length: number): Step {
    const { view } = this;
    if (length < STEP_HEAD_BYTES) throw new BadRecord("a step is too short");
    const model = this.models[view.getUint8(start)];
    const kind = KINDS[view.getUint8(start + 1)];
    if (!model || !kind) throw new BadRecord("a step names no model or kind");
    const bytesLength = view.getUint16(start + 2, true);
    const { stride } = this.store.trace(model.role);
    if (length !== STEP_HEAD_BYTES + bytesLength + stride * 12) {
      throw new BadRecord("a step has another size than its model's");
    }
    const bytesStart = start + STEP_HEAD_BYTES;
    const arrays = bytesStart + bytesLength;
    const words = this.alignedWords(model, stride);
    words.set(this.bytes.subarray(arrays, arrays + words.length));
    const buffer = littleEndian(words.buffer);
    const blocks = new Uint32Array(buffer, 0, stride);
    const score = new Float32Array(buffer, stride * 4, stride);
    const mass = new Float32Array(buffer, stride * 8, stride);
    for (const weight of mass) {
      // Sums over steps must stay numbers; rounding may carry a softmax weight a little over 1.
      if (!(weight >= 0 && weight <= 1.01)) throw new BadRecord("a mass is not between 0 and 1");
    }
    return {
      requestId: view.getUint32(start + 4, true),
      index: view.getUint32(start + 8, true),
      model: model.role,
      kind,
      tokenId: view.getUint32(start + 12, true),
      // A copy: the slice of a Buffer would be a view.
      bytes: new Uint8Array(this.bytes.subarray(bytesStart, arrays)),
      blocks,
      score,
      mass,
    };
  }

  private alignedWords(model: TracedModel, stride: number): Uint8Array<ArrayBuffer> {
    const known = this.aligned.get(model) ?? new Uint8Array(stride * 12);
    this.aligned.set(model, known);
    return known;
  }

  private readCitation(start: number, length: number): NonNullable<Step["citation"]> {
    if (length < 8) throw new BadRecord("a citation is too short");
    const file = this.readFile(start);
    const count = this.view.getUint32(start + 4, true);
    if (count > MOST_CANDIDATES || length !== 8 + count * CANDIDATE_BYTES) {
      throw new BadRecord("a citation has a wrong number of candidates");
    }
    const candidates: CitationCandidate[] = [];
    for (let at = 0; at < count; at++) {
      const from = start + 8 + at * CANDIDATE_BYTES;
      candidates.push({
        file: this.readFile(from),
        logProb: this.view.getFloat32(from + 4, true),
        focus: this.view.getFloat32(from + 8, true),
      });
    }
    return { file, candidates };
  }

  private readFile(at: number): number {
    const file = this.view.getUint32(at, true);
    if (file >= this.header.pack.files.length) throw new BadRecord("a citation names no file");
    return file;
  }

  private readEnd(start: number, length: number): TraceEnd {
    try {
      return decodeEnd(new TextDecoder().decode(this.bytes.subarray(start, start + length)));
    } catch (error) {
      throw new BadRecord(error instanceof JsonMismatch ? error.message : "its end is not JSON");
    }
  }
}
