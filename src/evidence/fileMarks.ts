/** What an editor shows of a trace: per file the read blocks in heat steps, and the read symbols. */
import type { AskTrace } from "../trace/askTrace.js";
import { answeringTrace } from "../trace/askTrace.js";
import { rankFiles } from "../trace/rankFiles.js";
import { EvidenceService } from "./evidenceService.js";

/**
 * 1 a little, 2 more, 3 most: steps of the square root of focus against the trace's highest. Focus
 * and not mass, because the mass of all lanes goes to every file's first lines.
 */
type HeatLevel = 1 | 2 | 3;

export interface BlockMark {
  readonly block: number;
  readonly startLine: number;
  readonly endLine: number;
  readonly symbols: readonly string[];
  /** Tokens that selected the block, of all tokens. */
  readonly steps: number;
  readonly mass: number;
  readonly focus: number;
  readonly level: HeatLevel;
}

/** Lines of one heat: where a block ends in the middle of a line, the line belongs to both. */
export interface LineMark {
  readonly startLine: number;
  readonly endLine: number;
  readonly level: HeatLevel;
  readonly blocks: readonly BlockMark[];
}

interface SymbolMark {
  readonly name: string;
  readonly startLine: number;
  readonly steps: number;
  readonly mass: number;
}

export interface FileMark {
  readonly path: string;
  readonly contentHash: string;
  readonly focus: number;
  readonly mass: number;
  readonly share: number;
  readonly blocks: readonly BlockMark[];
  /** The same by lines, each line once. */
  readonly lines: readonly LineMark[];
  readonly symbols: readonly SymbolMark[];
}

export interface TraceMarks {
  readonly ofSteps: number;
  /** Files that were read, most focus first. */
  readonly files: readonly FileMark[];
}

/** Blocks with less than this part of the highest focus are noise and get no mark. */
const LEAST_PART = 0.03;
const LEVEL_FROM = [0, 0.4, 0.7] as const;
/** Only definitions that were clearly read get a code lens. */
const LENS_FROM: HeatLevel = 2;

export function traceMarks(trace: AskTrace): TraceMarks {
  const service = new EvidenceService(trace, { hasFiles: false });
  const { pack, model } = trace;
  const { length, all } = answeringTrace(trace);
  const filter = { model: model.role, span: all, lanes: undefined };
  const fileAt = new Map(pack.files.map(({ path }, file) => [path, file]));
  const ranked = rankFiles(trace).filter(({ share }) => share > 0);
  const highest = Math.max(...ranked.flatMap(({ blocks }) => blocks.map(({ focus }) => focus)), 0);
  const files = ranked.flatMap(({ path, focus, mass, share, blocks }): FileMark[] => {
    const isWorth = blocks.some((block) => block.focus > 0 && block.focus >= highest * LEAST_PART);
    const file = fileAt.get(path);
    if (!isWorth || file === undefined) return [];
    const marks = service.blocks(filter, file).blocks.flatMap((block): BlockMark[] => {
      if (block.focus < highest * LEAST_PART || block.startLine === 0) return [];
      const { block: id, startLine, endLine, symbols, steps, mass, focus } = block;
      const level = levelOf(focus / highest);
      return [{ block: id, startLine, endLine, symbols, steps, mass, focus, level }];
    });
    const contentHash = pack.files[file]?.contentHash ?? "";
    const symbols = symbolMarks(trace, file, marks);
    const lines = lineMarks(marks);
    return [{ path, contentHash, focus, mass, share, blocks: marks, lines, symbols }];
  });
  return { ofSteps: length, files };
}

function levelOf(part: number): HeatLevel {
  const root = Math.sqrt(part);
  return LEVEL_FROM.filter((from) => root >= from).length as HeatLevel;
}

/** `blocks` in the order of their lines, with gaps. A line takes the highest heat of its blocks. */
export function lineMarks(blocks: readonly BlockMark[]): LineMark[] {
  const edges = blocks.flatMap(({ startLine, endLine }) => [startLine, endLine + 1]);
  const starts = [...new Set(edges)].sort((a, b) => a - b);
  const marks: LineMark[] = [];
  let next = 0;
  let open: BlockMark[] = [];
  for (const [at, startLine] of starts.entries()) {
    open = open.filter(({ endLine }) => endLine >= startLine);
    for (let block = blocks[next]; block?.startLine === startLine; block = blocks[++next]) {
      open.push(block);
    }
    if (open.length === 0) continue;
    const endLine = (starts[at + 1] ?? startLine + 1) - 1;
    const level = Math.max(...open.map((block) => block.level)) as HeatLevel;
    marks.push({ startLine, endLine, level, blocks: [...open] });
  }
  return marks;
}

/** Each definition with the reads of the blocks that it overlaps. */
function symbolMarks(trace: AskTrace, file: number, marks: readonly BlockMark[]): SymbolMark[] {
  const { firstSegment, segmentCount } = trace.pack.files[file] ?? {
    firstSegment: 0,
    segmentCount: 0,
  };
  const segments = trace.pack.segments.slice(firstSegment, firstSegment + segmentCount);
  const symbols = new Map(
    segments.flatMap(({ symbols }) => symbols.map((s) => [`${s.name}:${s.startLine}`, s] as const)),
  );
  return [...symbols.values()].flatMap(({ name, startLine, endLine }): SymbolMark[] => {
    const own = marks.filter((mark) => mark.startLine <= endLine && mark.endLine >= startLine);
    if (!own.some(({ level }) => level >= LENS_FROM)) return [];
    const mass = own.reduce((sum, mark) => sum + mark.mass, 0);
    return [{ name, startLine, steps: Math.max(...own.map(({ steps }) => steps)), mass }];
  });
}
