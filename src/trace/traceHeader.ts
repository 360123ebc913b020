/** The header of a trace file: models, pack tables, what was asked. No file text, no absolute path. */
import type { Timings } from "../shared/answer.js";
import type { StopReason } from "../shared/answer.js";
import type { ModelRole, QuestionHead } from "../shared/model.js";
import type { PackedFile, Segment, SkippedFile, SkipReason, SymbolSpan } from "../shared/pack.js";
import type { AskTrace, TracedModel, TracedModelInfo } from "./askTrace.js";
import type { BlockTable, PackTable } from "./blockTable.js";
import {
  JsonMismatch,
  type JsonReader,
  readCount,
  readFields,
  readList,
  readNumber,
  readOneOf,
  readOptional,
  readText,
  readTextMap,
} from "./checkJson.js";
import { NO_BLOCK } from "../shared/blocks.js";

/** Bounds far above what a pack of a million tokens needs, far below what would exhaust memory. */
const MOST_FILES = 1_000_000;
const MOST_SEGMENTS = 1_000_000;
const MOST_BLOCKS = 4_000_000;
const MOST_SYMBOLS = 100_000;
const MOST_LINES = 0xffff_fffe;
const MOST_LANES = 65_536;
const MOST_K = 1_024;

export interface TraceHeader {
  readonly question: string;
  readonly pack: PackTable;
  readonly model: TracedModel;
  readonly scout: TracedModel | undefined;
  readonly readMode: AskTrace["readMode"];
  readonly sight: readonly number[];
  readonly scouted: readonly number[];
}

export interface TraceEnd {
  readonly stopReason: StopReason;
  readonly timings: Timings;
}

/** A path from a trace names a file inside an open root, or nothing. */
export function isPathInside(path: string): boolean {
  return (
    path !== "" &&
    !/[\\\0]/.test(path) &&
    !/^[a-z]:/i.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

export function encodeHeader(ask: AskTrace): string {
  const { pack, model, scout, question, readMode } = ask;
  return JSON.stringify({
    question,
    readMode,
    sight: [...ask.sight],
    pack: {
      ...pack,
      // Where the repository lies on this machine is nobody's business.
      roots: pack.roots.map((root) => root.split(/[\\/]/).pop() ?? ""),
    },
    model: encodeModel(model),
    ...(scout ? { scout: encodeModel(scout), scouted: [...ask.scouted] } : {}),
  });
}

function encodeModel({ role, info, table }: TracedModel): object {
  const { name, architecture, quantization, indexSource, layout, kernels } = info;
  const { layers, sparseLayers, groups, k, questionHeads, pointerWeight, citationToken } = info;
  return {
    role,
    info: {
      name,
      architecture,
      quantization,
      indexSource,
      layout,
      kernels,
      layers,
      sparseLayers,
      groups,
      k,
      questionHeads,
      pointerWeight,
      citationToken,
    },
    table: {
      tokenizer: table.tokenizer,
      segmentTokens: [...table.segmentTokens],
      firstBlock: [...table.firstBlock],
      blockCount: table.blockCount,
      startLine: [...table.startLine],
      endLine: [...table.endLine],
      tokenCount: table.tokenCount,
      paddingTokens: table.paddingTokens,
    },
  };
}

const readPath: JsonReader<string> = (value, where) => {
  const path = readText(value, where);
  if (!isPathInside(path)) throw new JsonMismatch(where, "a path inside the repository");
  return path;
};

const readHash: JsonReader<string> = (value, where) => {
  const hash = readText(value, where);
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new JsonMismatch(where, "a sha256");
  return hash;
};

const readLine = readCount(MOST_LINES);
const readBytes = readCount(Number.MAX_SAFE_INTEGER);

const readPackedFile = readFields<PackedFile>({
  path: readPath,
  root: readCount(MOST_FILES),
  contentHash: readHash,
  bytes: readBytes,
  lines: readLine,
  firstSegment: readCount(MOST_SEGMENTS),
  segmentCount: readCount(MOST_SEGMENTS),
});

const readSegment = readFields<Segment>({
  file: readCount(MOST_FILES),
  part: readCount(MOST_SEGMENTS),
  parts: readCount(MOST_SEGMENTS),
  startByte: readBytes,
  endByte: readBytes,
  startLine: readLine,
  endLine: readLine,
  symbols: readList(
    readFields<SymbolSpan>({
      name: readText,
      kind: readText,
      startLine: readLine,
      endLine: readLine,
    }),
    MOST_SYMBOLS,
  ),
});

/** A record, so that a reason missing here does not compile. */
const SKIP_REASONS = Object.keys({
  ignored: true,
  binary: true,
  notebookOutputs: true,
  symbolicLink: true,
  encoding: true,
  tooLarge: true,
  generated: true,
  lockFile: true,
  minified: true,
  likelySecret: true,
  outsideRoot: true,
  unreadable: true,
  empty: true,
  overBudget: true,
  unsafeName: true,
} satisfies Record<SkipReason, true>) as SkipReason[];

/** A skipped name is shown, never opened: it may be any text. */
const readSkipped: JsonReader<SkippedFile> = (value, where) => {
  const { rule, bytes, isFolder, ...rest } = readFields<{
    path: string;
    reason: SkipReason;
    rule: { text: string; file: string | undefined; line: number | undefined } | undefined;
    bytes: number | undefined;
    isFolder: string | undefined;
  }>({
    path: readText,
    reason: readOneOf(SKIP_REASONS),
    rule: readOptional(
      readFields({ text: readText, file: readOptional(readText), line: readOptional(readLine) }),
    ),
    bytes: readOptional(readBytes),
    isFolder: readOptional((flag) => (flag === true ? "yes" : undefined)),
  })(value, where);
  return {
    ...rest,
    ...(rule === undefined
      ? {}
      : {
          rule: {
            text: rule.text,
            ...(rule.file === undefined ? {} : { file: rule.file }),
            ...(rule.line === undefined ? {} : { line: rule.line }),
          },
        }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(isFolder === undefined ? {} : { isFolder: true }),
  };
};

const readPack = readFields<PackTable>({
  packId: readHash,
  roots: readList(readText, 10_000),
  files: readList(readPackedFile, MOST_FILES),
  segments: readList(readSegment, MOST_SEGMENTS),
  skipped: readList(readSkipped, 10_000_000),
});

const readModelInfo = readFields<
  Omit<TracedModelInfo, "citationToken"> & { citationToken: number | undefined }
>({
  name: readText,
  architecture: readText,
  quantization: readText,
  indexSource: readOneOf(["trained", "keys"]),
  layout: readOneOf(["independent", "causal"]),
  kernels: readTextMap,
  layers: readCount(MOST_LANES),
  sparseLayers: readCount(MOST_LANES),
  groups: readCount(MOST_LANES),
  k: readCount(MOST_K),
  questionHeads: readList(
    readFields<QuestionHead>({ layer: readCount(MOST_LANES), group: readCount(MOST_LANES) }),
    MOST_LANES,
  ),
  pointerWeight: readNumber,
  citationToken: readOptional(readCount(0xffff_ffff)),
});

interface EncodedTable {
  readonly tokenizer: string;
  readonly segmentTokens: readonly number[];
  readonly firstBlock: readonly number[];
  readonly blockCount: number;
  readonly startLine: readonly number[];
  readonly endLine: readonly number[];
  readonly tokenCount: number;
  readonly paddingTokens: number;
}

const readTable = readFields<EncodedTable>({
  tokenizer: readText,
  segmentTokens: readList(readCount(0xffff_ffff), MOST_SEGMENTS),
  firstBlock: readList(readCount(MOST_BLOCKS), MOST_SEGMENTS),
  blockCount: readCount(MOST_BLOCKS),
  startLine: readList(readLine, MOST_BLOCKS),
  endLine: readList(readLine, MOST_BLOCKS),
  tokenCount: readBytes,
  paddingTokens: readBytes,
});

/** Segments must tile the blocks in order, from block 1 to the last. */
function blockTableFrom(table: EncodedTable, segments: number, where: string): BlockTable {
  const { firstBlock, blockCount, startLine, endLine, segmentTokens } = table;
  const isSized =
    firstBlock.length === segments &&
    segmentTokens.length === segments &&
    startLine.length === blockCount &&
    endLine.length === blockCount;
  if (!isSized) throw new JsonMismatch(where, "a table of the pack's size");
  const segmentOfBlock = new Uint32Array(blockCount).fill(NO_BLOCK);
  let next = 1;
  for (const [segment, first] of firstBlock.entries()) {
    const end = firstBlock[segment + 1] ?? blockCount;
    if (first !== next || end <= first || end > blockCount) {
      throw new JsonMismatch(`${where}.firstBlock[${segment}]`, "where the segment before it ends");
    }
    segmentOfBlock.fill(segment, first, end);
    next = end;
  }
  return {
    ...table,
    segmentOfBlock,
    firstBlock: Uint32Array.from(firstBlock),
    segmentTokens: Uint32Array.from(segmentTokens),
    startLine: Uint32Array.from(startLine),
    endLine: Uint32Array.from(endLine),
  };
}

const ROLES: readonly ModelRole[] = ["coder", "scout"];

function readModel(segments: number): JsonReader<TracedModel> {
  return (value, where) => {
    const { role, info, table } = readFields({
      role: readOneOf(ROLES),
      info: readModelInfo,
      table: readTable,
    })(value, where);
    const { citationToken, ...rest } = info;
    if (rest.sparseLayers * rest.groups > MOST_LANES) {
      throw new JsonMismatch(`${where}.info`, `a model of at most ${MOST_LANES} lanes`);
    }
    return {
      role,
      info: citationToken === undefined ? rest : { ...rest, citationToken },
      table: blockTableFrom(table, segments, `${where}.table`),
    };
  };
}

/** Throws JsonMismatch for anything that a writer of version 1 would not have written. */
export function decodeHeader(text: string): TraceHeader {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new JsonMismatch("the header", "JSON");
  }
  const { pack } = readFields({ pack: readPack })(json, "header");
  checkPack(pack);
  const model = readModel(pack.segments.length);
  const readSegments = readList(
    readCount(Math.max(0, pack.segments.length - 1)),
    pack.segments.length,
  );
  const { scouted, ...header } = readFields<
    Omit<TraceHeader, "pack" | "scouted"> & { scouted: readonly number[] | undefined }
  >({
    question: readText,
    model,
    scout: readOptional(model),
    readMode: readOneOf(["all", "count", "auto"]),
    sight: readSegments,
    scouted: readOptional(readSegments),
  })(json, "header");
  if (header.scout && header.scout.role === header.model.role) {
    throw new JsonMismatch("header.scout", "another model than the answering one");
  }
  // A trace of before says nothing: its scout read everything.
  const everything = header.scout ? [...pack.segments.keys()] : [];
  return { ...header, scouted: scouted ?? everything, pack };
}

/** Files and segments must point at each other. */
function checkPack({ files, segments }: PackTable): void {
  let next = 0;
  for (const [at, file] of files.entries()) {
    if (file.firstSegment !== next) {
      throw new JsonMismatch(`header.pack.files[${at}]`, "where the file before it ends");
    }
    next += file.segmentCount;
    for (let segment = file.firstSegment; segment < next; segment++) {
      if (segments[segment]?.file !== at) {
        throw new JsonMismatch(`header.pack.segments[${segment}]`, "a segment of its file");
      }
    }
  }
  if (next !== segments.length) throw new JsonMismatch("header.pack", "a pack of whole files");
}

export function encodeEnd({ stopReason, timings }: TraceEnd): string {
  return JSON.stringify({ stopReason, timings });
}

export function decodeEnd(text: string): TraceEnd {
  return readFields<TraceEnd>({
    stopReason: readOneOf(["eos", "maxTokens", "cancelled", "windowFull"]),
    timings: readFields<Timings>({
      packMs: readNumber,
      scoutMs: readNumber,
      prefillMs: readNumber,
      prefillTokens: readNumber,
      reusedTokens: readNumber,
      firstTokenMs: readNumber,
      decodeTokens: readNumber,
      decodeMs: readNumber,
    }),
  })(JSON.parse(text), "end");
}
