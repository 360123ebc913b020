/**
 * Answers the evidence view's requests from a trace. Runs where the trace lies: in the extension's
 * process, or in the worker of a stand-alone report; never on a page's own thread.
 *
 * One pass over the trace makes a table of reads by step and file, kept for the last filter of
 * lanes. A brushed span is then a sum over that table's rows, whatever the number of lanes.
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
import { allLanes, type CellMeasure, readsByLane, readsByStep } from "../trace/measures.js";
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

/** Cells `[step][unit]` of all steps under one filter of lanes. */
interface Table {
  readonly key: string;
  readonly cells: Float32Array;
}

export class EvidenceService {
  private readonly tables = new Map<string, Table>();
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
    const selections = this.table(filter, "selections");
    const mass = this.table(filter, "mass");
    const { from, to } = trace.clip(filter.span);
    const sums = new Float64Array(count);
    const masses = new Float64Array(count);
    const steps = new Uint32Array(count);
    for (let step = from; step < to; step++) {
      for (let file = 0, at = step * count; file < count; file++, at++) {
        const selected = selections[at] as number;
        if (selected === 0) continue;
        sums[file] = (sums[file] as number) + selected;
        masses[file] = (masses[file] as number) + (mass[at] as number);
        steps[file] = (steps[file] as number) + 1;
      }
    }
    const sight = this.inSightOf(filter.model);
    const allSelections = sums.reduce((sum, value) => sum + value, 0);
    const allBlocks = sight.reduce((sum, value) => sum + value, 0);
    const rows = (to - from) * (filter.lanes?.length ?? trace.lanes);
    const read = Uint32Array.from(sums.keys()).filter((file) => (sums[file] as number) > 0);
    const of = (value: (file: number) => number): Float32Array => Float32Array.from(read, value);
    const share = (file: number): number => (sums[file] as number) / allSelections;
    return {
      files: read,
      selections: of((file) => sums[file] as number),
      share: of(share),
      lift: of((file) => {
        const blocks = sight[file] ?? 0;
        return blocks > 0 ? share(file) / (blocks / allBlocks) : 0;
      }),
      mass: of((file) => (masses[file] as number) / rows),
      steps: Uint32Array.from(read, (file) => steps[file] as number),
    };
  }

  blocks(filter: Filter, file: number): BlockReads {
    const model = this.tracedModel(filter.model);
    const trace = this.trace(filter.model);
    const ids = this.blocksOf(model, file);
    const units = unitsOfBlocks(model, ids);
    const lanes = filter.lanes ?? allLanes(trace.shape);
    const { from, to } = trace.clip(filter.span);
    const selections = readsByStep(trace, filter.span, lanes, units, "selections");
    const mass = readsByStep(trace, filter.span, lanes, units, "mass");
    const all = this.files(filter).selections.reduce((sum, value) => sum + value, 0);
    const rows = (to - from) * lanes.length;
    const focus = this.blockFocus(model, file);
    return {
      blocks: ids.map((block, unit) => {
        let selected = 0;
        let weight = 0;
        let steps = 0;
        for (let at = unit; at < selections.length; at += ids.length) {
          const here = selections[at] as number;
          selected += here;
          weight += mass[at] as number;
          if (here > 0) steps++;
        }
        return {
          block,
          ...linesOf({ model }, block),
          symbols: symbolsOf({ pack: this.ask.pack, model }, block),
          focus: focus.get(block) ?? 0,
          selections: selected,
          share: all > 0 ? selected / all : 0,
          mass: rows > 0 ? weight / rows : 0,
          steps,
        };
      }),
    };
  }

  heat(filter: Filter, rows: EvidenceRequests["heat"][0]["rows"], measure: HeatMeasure): Heat {
    const trace = this.trace(filter.model);
    const { from, to } = trace.clip(filter.span);
    // Mass is a mean over lanes, as everywhere; the tables hold sums.
    const divisor = measure === "mass" ? (filter.lanes?.length ?? trace.lanes) : 1;
    if (rows.t === "files") {
      const { count } = this.unitsOf(filter.model);
      const table = this.table(filter, measure);
      return transpose(rows.files.length, from, to, (row, step) => {
        return (table[step * count + (rows.files[row] as number)] ?? NaN) / divisor;
      });
    }
    const model = this.tracedModel(filter.model);
    const units =
      rows.t === "blocks"
        ? unitsOfBlocks(model, this.blocksOf(model, rows.file))
        : forcedUnits(model);
    const lanes = filter.lanes ?? allLanes(trace.shape);
    const cells = readsByStep(trace, filter.span, lanes, units, measure);
    return transpose(units.count, from, to, (row, step) => {
      return (cells[(step - from) * units.count + row] ?? NaN) / divisor;
    });
  }

  lens(filter: Filter, target: LensTarget): LensReads {
    const model = this.tracedModel(filter.model);
    const trace = this.trace(filter.model);
    const units = this.lensUnits(model, target);
    const { from, to } = trace.clip(filter.span);
    const steps = Math.max(1, to - from);
    const mass = readsByLane(trace, filter.span, units, 0, "mass").map((value) => value / steps);
    return { mass, selections: readsByLane(trace, filter.span, units, 0, "selections") };
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
    const mass = this.table(filter, "mass");
    const { count } = this.unitsOf(role);
    const texts = stepTexts(trace);
    const steps = Array.from({ length: trace.length }, (_, at): EvidenceStep => {
      const { kind, citation } = trace.head(at);
      const concentration = concentrationOf(mass.subarray(at * count, (at + 1) * count));
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
      const sight = isAnswering ? this.ask.sight : this.ask.pack.segments.keys();
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

  /** Reads by step and file, kept until the lanes or the number of steps change. */
  private table({ model, lanes }: Filter, measure: CellMeasure): Float32Array {
    const trace = this.trace(model);
    const key = `${trace.length}:${lanes === undefined ? "all" : lanes.join(",")}`;
    const slot = `${model}:${measure}`;
    const known = this.tables.get(slot);
    if (known?.key === key) return known.cells;
    const over = lanes ?? allLanes(trace.shape);
    const cells = readsByStep(trace, trace.all, over, this.unitsOf(model), measure);
    this.tables.set(slot, { key, cells });
    return cells;
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

function transpose(
  rows: number,
  from: number,
  to: number,
  value: (row: number, step: number) => number,
): Heat {
  const columns = to - from;
  const cells = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      cells[row * columns + column] = value(row, from + column);
    }
  }
  return { rows, columns, cells };
}
