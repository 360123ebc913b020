/**
 * Answers the evidence view's requests from a trace. Runs where the trace lies: in the extension's
 * process, or in the worker of a stand-alone report; never on a page's own thread.
 *
 * One pass over the trace makes a table of reads by step and file, another by step and lane; each is
 * kept for the last filter. A brushed span is then a sum over a table's rows, whatever the number of
 * lanes.
 */
import type { FileRead } from "../shared/answer.js";
import type {
  BlockReads,
  EvidenceFile,
  EvidenceMeta,
  EvidenceModel,
  EvidenceRequests,
  EvidenceStep,
  FileReads,
  Filter,
  Heat,
  HeatMeasure,
  LensReads,
  LensTarget,
} from "../shared/evidence.js";
import type { Handlers } from "../shared/messageChannel.js";
import type { ModelRole } from "../shared/model.js";
import type { AskTrace, TracedModel } from "../trace/askTrace.js";
import { blocksInSight, endBlockOf, fileUnits, NO_UNIT, type Units } from "../trace/blockTable.js";
import { allLanes } from "../trace/measures.js";
import {
  type LaneReads,
  readsByLane,
  readsByStep,
  type StepReads,
  sumLanes,
  sumSteps,
} from "../trace/readTables.js";
import { linesOf, rankFiles, symbolsOf } from "../trace/rankFiles.js";
import type { ModelTrace } from "../trace/traceStore.js";
import { stepTexts } from "./stepTexts.js";

/** Block ids of the conversation that the forced rows can show; it holds 2,048 tokens. */
const CONVERSATION_BLOCKS = 64;
const PREFIX_ROW = 0;
const CONVERSATION_ROW = 1;

export interface EvidenceOptions {
  readonly changed?: ReadonlySet<string>;
  readonly notices?: readonly string[];
  readonly live?: boolean;
  readonly hasFiles: boolean;
  readonly source?: string;
}

type HeatRows = EvidenceRequests["heat"][0]["rows"];

/** What the units of a table are: files, the blocks of one file, or the two forced rows. */
type TableRows = "files" | "forced" | { readonly file: number };

/** A table of all steps, and what it was made for. */
interface Kept<T> {
  readonly key: string;
  readonly table: T;
}

export class EvidenceService {
  /** By model and what the rows are. */
  private readonly stepReads = new Map<string, Kept<StepReads>>();
  /** By model. */
  private readonly laneReads = new Map<ModelRole, Kept<LaneReads>>();
  private readonly units = new Map<ModelRole, Units>();
  private readonly inSight = new Map<ModelRole, Uint32Array>();
  private ranking: { readonly length: number; readonly files: readonly FileRead[] } | undefined;

  constructor(
    private readonly ask: AskTrace,
    private readonly options: EvidenceOptions,
  ) {}

  /** The handlers of a channel. */
  readonly handlers: Handlers<EvidenceRequests> = {
    open: () => this.meta(),
    files: (filter) => this.files(filter),
    blocks: (request) => this.blocks(request, request.file),
    heat: ({ rows, measure, ...filter }) => this.heat(filter, rows, measure),
    lens: ({ target, ...filter }) => this.lens(filter, target),
  };

  meta(): EvidenceMeta {
    const { pack, sight, question } = this.ask;
    const ranked = new Map(this.ranked().map((file) => [file.path, file]));
    const blocks = this.blocksOfFiles();
    const files = pack.files.map(({ path }, file): EvidenceFile => {
      const read = ranked.get(path);
      return {
        path,
        blocks: blocks[file] ?? 0,
        inSight: read?.inSight ?? false,
        focus: read?.focus ?? 0,
        scoutFocus: read?.scoutFocus ?? undefined,
        changed: this.options.changed?.has(path) ?? false,
      };
    });
    return {
      source: this.options.source ?? "",
      question,
      models: this.models().map((model) => this.model(model)),
      files,
      sight: { segments: sight.length, ofSegments: pack.segments.length },
      notices: this.options.notices ?? [],
      live: this.options.live ?? false,
      hasFiles: this.options.hasFiles,
    };
  }

  files(filter: Filter): FileReads {
    const trace = this.trace(filter.model);
    const { count } = this.unitsOf(filter.model);
    const { from, to } = trace.clip(filter.span);
    const sums = sumSteps(this.table(filter, "files"), { from, to }, count);
    const sight = this.inSightOf(filter.model);
    const allSelections = sums.selections.reduce((sum, value) => sum + value, 0);
    const allBlocks = sight.reduce((sum, value) => sum + value, 0);
    const rows = (to - from) * (filter.lanes?.length ?? trace.lanes);
    const read = Uint32Array.from(sums.steps.keys()).filter((file) => (sums.steps[file] ?? 0) > 0);
    const of = (value: (file: number) => number): Float32Array => Float32Array.from(read, value);
    const share = (file: number): number => (sums.selections[file] ?? 0) / allSelections;
    return {
      files: read,
      selections: of((file) => sums.selections[file] ?? 0),
      share: of(share),
      lift: of((file) => {
        const blocks = sight[file] ?? 0;
        return blocks > 0 ? share(file) / (blocks / allBlocks) : 0;
      }),
      mass: of((file) => (sums.mass[file] ?? 0) / rows),
      steps: Uint32Array.from(read, (file) => sums.steps[file] ?? 0),
    };
  }

  blocks(filter: Filter, file: number): BlockReads {
    const model = this.tracedModel(filter.model);
    const trace = this.trace(filter.model);
    const ids = this.blocksOf(model, file);
    const { from, to } = trace.clip(filter.span);
    const sums = sumSteps(this.table(filter, { file }), { from, to }, ids.length);
    const all = this.files(filter).selections.reduce((sum, value) => sum + value, 0);
    const rows = (to - from) * (filter.lanes?.length ?? trace.lanes);
    const focus = this.blockFocus(model, file);
    return {
      blocks: ids.map((block, unit) => {
        const selected = sums.selections[unit] ?? 0;
        return {
          block,
          ...linesOf({ model }, block),
          symbols: symbolsOf({ pack: this.ask.pack, model }, block),
          focus: focus.get(block) ?? 0,
          selections: selected,
          share: all > 0 ? selected / all : 0,
          mass: rows > 0 ? (sums.mass[unit] ?? 0) / rows : 0,
          steps: sums.steps[unit] ?? 0,
        };
      }),
    };
  }

  heat(filter: Filter, rows: HeatRows, measure: HeatMeasure): Heat {
    const trace = this.trace(filter.model);
    const { from, to } = trace.clip(filter.span);
    const reads = this.table(filter, rows.t === "blocks" ? { file: rows.file } : rows.t);
    // Mass is a mean over lanes, as everywhere; the tables hold sums.
    const divisor = measure === "mass" ? (filter.lanes?.length ?? trace.lanes) : 1;
    const { count } = this.unitsOfRows(filter.model, rows.t === "blocks" ? rows : rows.t);
    const shown =
      rows.t === "files" ? rows.files : Uint32Array.from({ length: count }, (_, i) => i);
    const rowOf = new Int32Array(count).fill(-1);
    for (const [row, unit] of shown.entries()) rowOf[unit] = row;
    const columns = to - from;
    const cells = new Float32Array(shown.length * columns).fill(measure === "score" ? NaN : 0);
    for (let step = from; step < to; step++) {
      const end = reads.start[step + 1] ?? 0;
      for (let entry = reads.start[step] ?? 0; entry < end; entry++) {
        const row = rowOf[reads.unit[entry] as number] as number;
        if (row < 0) continue;
        cells[row * columns + step - from] = (reads[measure][entry] as number) / divisor;
      }
    }
    return { rows: shown.length, columns, cells };
  }

  lens(filter: Filter, target: LensTarget): LensReads {
    const trace = this.trace(filter.model);
    const { from, to } = trace.clip(filter.span);
    const { selections, mass } = this.lanes(filter.model, target);
    const steps = Math.max(1, to - from);
    const sum = (cells: Float32Array): Float32Array => sumLanes(cells, { from, to }, trace.lanes);
    return { mass: sum(mass).map((value) => value / steps), selections: sum(selections) };
  }

  /** Lines of a block and of its file, for previews. */
  placeOf(
    file: number,
    block: number,
  ): {
    readonly path: string;
    readonly startLine: number;
    readonly endLine: number;
    readonly symbols: readonly string[];
  } {
    const { pack, model } = this.ask;
    return {
      path: pack.files[file]?.path ?? "",
      ...linesOf({ model }, block),
      symbols: symbolsOf({ pack, model }, block),
    };
  }

  pathOf(file: number): string | undefined {
    return this.ask.pack.files[file]?.path;
  }

  private models(): readonly TracedModel[] {
    const { model, scout } = this.ask;
    return scout === undefined ? [model] : [model, scout];
  }

  private tracedModel(role: ModelRole): TracedModel {
    return this.models().find((model) => model.role === role) ?? this.ask.model;
  }

  private trace(role: ModelRole): ModelTrace {
    return this.ask.store.trace(this.tracedModel(role).role);
  }

  private model({ role, info }: TracedModel): EvidenceModel {
    const { name, quantization, indexSource, layout, sparseLayers, groups, k } = info;
    const trace = this.trace(role);
    const filter: Filter = { model: role, span: trace.all, lanes: undefined };
    const { start, mass } = this.table(filter, "files");
    const texts = stepTexts(trace);
    const steps = Array.from({ length: trace.length }, (_, at): EvidenceStep => {
      const { kind, citation } = trace.head(at);
      const concentration = concentrationOf(mass.subarray(start[at], start[at + 1]));
      const step = { text: texts[at] ?? "", kind, concentration };
      return citation === undefined ? step : { ...step, citation };
    });
    const denseLayers = Math.max(0, info.layers - sparseLayers);
    const { questionHeads } = info;
    return {
      ...{ role, name, quantization, indexSource, layout },
      ...{ denseLayers, sparseLayers, groups, k, questionHeads, steps },
    };
  }

  private blockFocus({ role }: TracedModel, file: number): ReadonlyMap<number, number> {
    if (role !== this.ask.model.role) return new Map();
    const path = this.pathOf(file);
    const read = this.ranked().find((ranked) => ranked.path === path);
    return new Map(read?.blocks.map(({ block, focus }) => [block, focus]));
  }

  /** The table below the answer, made again when there are more steps. */
  private ranked(): readonly FileRead[] {
    const { length } = this.trace(this.ask.model.role);
    if (this.ranking?.length !== length) this.ranking = { length, files: rankFiles(this.ask) };
    return this.ranking.files;
  }

  private unitsOf(role: ModelRole): Units {
    let units = this.units.get(role);
    if (units === undefined) {
      units = fileUnits(this.tracedModel(role).table, this.ask.pack);
      this.units.set(role, units);
    }
    return units;
  }

  private inSightOf(role: ModelRole): Uint32Array {
    let counts = this.inSight.get(role);
    if (counts === undefined) {
      const { table } = this.tracedModel(role);
      const isAnswering = role === this.ask.model.role;
      const sight = isAnswering ? this.ask.sight : this.ask.scouted;
      counts = blocksInSight(table, this.unitsOf(role), sight);
      this.inSight.set(role, counts);
    }
    return counts;
  }

  private blocksOfFiles(): Uint32Array {
    const { model, pack } = this.ask;
    return blocksInSight(model.table, this.unitsOf(model.role), pack.segments.keys());
  }

  private blocksOf({ table }: TracedModel, file: number): number[] {
    const { firstSegment, segmentCount } = this.ask.pack.files[file] ?? {
      firstSegment: 0,
      segmentCount: 0,
    };
    if (segmentCount === 0) return [];
    const first = table.firstBlock[firstSegment] ?? 0;
    const end = endBlockOf(table, firstSegment + segmentCount - 1);
    return Array.from({ length: end - first }, (_, at) => first + at);
  }

  private lensUnits(model: TracedModel, target: LensTarget): Units {
    const { ofBlock } = this.unitsOf(model.role);
    const isTarget = (file: number, block: number): boolean => {
      switch (target.t) {
        case "all":
          return file !== NO_UNIT;
        case "file":
          return file === target.file;
        case "block":
          return block === target.block;
      }
    };
    const chosen = ofBlock.map((file, block) => (isTarget(file, block) ? 0 : NO_UNIT));
    return { ofBlock: chosen, count: 1 };
  }

  private unitsOfRows(role: ModelRole, rows: TableRows): Units {
    if (rows === "files") return this.unitsOf(role);
    const model = this.tracedModel(role);
    if (rows === "forced") return forcedUnits(model);
    return unitsOfBlocks(model, this.blocksOf(model, rows.file));
  }

  /** Kept until the lanes, the file or the number of steps change. */
  private table({ model, lanes }: Filter, rows: TableRows): StepReads {
    const trace = this.trace(model);
    const slot = `${model}:${typeof rows === "string" ? rows : "blocks"}`;
    const file = typeof rows === "string" ? "" : rows.file;
    const key = `${file}:${trace.length}:${lanes === undefined ? "all" : lanes.join(",")}`;
    const known = this.stepReads.get(slot);
    if (known?.key === key) return known.table;
    const over = lanes ?? allLanes(trace.shape);
    const table = readsByStep(trace, trace.all, over, this.unitsOfRows(model, rows));
    this.stepReads.set(slot, { key, table });
    return table;
  }

  /** Kept until the target or the number of steps change. */
  private lanes(role: ModelRole, target: LensTarget): LaneReads {
    const trace = this.trace(role);
    const key = `${trace.length}:${JSON.stringify(target)}`;
    const known = this.laneReads.get(role);
    if (known?.key === key) return known.table;
    const table = readsByLane(trace, trace.all, this.lensUnits(this.tracedModel(role), target));
    this.laneReads.set(role, { key, table });
    return table;
  }
}

/** Sum of squared parts: 1 where all mass on files is on one, 1/n where n share it evenly. */
export function concentrationOf(mass: Float32Array): number {
  let sum = 0;
  let squares = 0;
  for (const value of mass) {
    sum += value;
    squares += value * value;
  }
  return sum > 0 ? squares / (sum * sum) : 0;
}

function unitsOfBlocks({ table }: TracedModel, ids: readonly number[]): Units {
  const ofBlock = new Int32Array(table.blockCount).fill(NO_UNIT);
  for (const [unit, block] of ids.entries()) ofBlock[block] = unit;
  return { ofBlock, count: ids.length };
}

/** Two rows that no measure counts: the system turn, and the conversation's own blocks. */
function forcedUnits({ table }: TracedModel): Units {
  const ofBlock = new Int32Array(table.blockCount + CONVERSATION_BLOCKS).fill(NO_UNIT);
  ofBlock[0] = PREFIX_ROW;
  ofBlock.fill(CONVERSATION_ROW, table.blockCount);
  return { ofBlock, count: 2 };
}
