/** A made trace of any size with the locality of real ones: sentences that keep to a few files. */
import { NO_BLOCK } from "../../src/shared/blocks.js";
import type { PackedFile, Segment } from "../../src/shared/pack.js";
import type { Step } from "../../src/shared/step.js";
import type { AskTrace, TracedModel } from "../../src/trace/askTrace.js";
import type { BlockTable } from "../../src/trace/blockTable.js";
import { TraceStore } from "../../src/trace/traceStore.js";

export interface SyntheticOptions {
  readonly steps: number;
  readonly questionSteps?: number;
  readonly files: number;
  /** Blocks of the pack besides the prefix. */
  readonly blocks: number;
  readonly layers?: number;
  readonly sparseLayers: number;
  readonly groups: number;
  readonly k?: number;
  readonly seed?: number;
  readonly hostile?: boolean;
}

const FOLDERS = ["src/http", "src/core", "src/cli", "lib/util", "test", "docs", "src/store/pages"];
const NAMES = [
  "header",
  "parser",
  "session",
  "router",
  "cache",
  "reader",
  "writer",
  "index",
  "queue",
];
const WORDS = [
  "The",
  " session",
  " is",
  " kept",
  " in",
  " a",
  " signed",
  " cookie",
  ",",
  " see",
  " `",
  "open",
  "_session",
  "`",
  " and",
  " its",
  " reader",
  ".",
  "\n",
];

export function syntheticTrace(options: SyntheticOptions): AskTrace {
  const {
    steps,
    files: fileCount,
    blocks,
    sparseLayers,
    groups,
    k = 16,
    hostile = false,
  } = options;
  const questionSteps = options.questionSteps ?? Math.min(24, Math.ceil(steps / 8));
  const random = mulberry32(options.seed ?? 7);
  const sizes = fileSizes(fileCount, blocks, random);
  const files: PackedFile[] = sizes.map((_, at) => ({
    path: hostile ? hostilePath(at) : pathOf(at),
    root: 0,
    contentHash: at.toString(16).padStart(64, "0"),
    bytes: 1000,
    lines: (sizes[at] ?? 1) * 12,
    firstSegment: at,
    segmentCount: 1,
  }));
  const segments: Segment[] = sizes.map((size, at) => ({
    file: at,
    part: 1,
    parts: 1,
    startByte: 0,
    endByte: 1000,
    startLine: 1,
    endLine: size * 12,
    symbols: [
      {
        name: `read${NAMES[at % NAMES.length] ?? ""}`,
        kind: "function",
        startLine: 3,
        endLine: 14,
      },
    ],
  }));
  const table = tableOf(sizes);
  const lanes = sparseLayers * groups;
  const model: TracedModel = {
    role: "coder",
    table,
    info: {
      name: "synthetic",
      architecture: "made",
      quantization: "F32",
      indexSource: "trained",
      layout: "independent",
      kernels: {},
      layers: options.layers ?? sparseLayers,
      sparseLayers,
      groups,
      k,
      questionHeads: [{ layer: Math.floor(sparseLayers / 2), group: 0 }],
      pointerWeight: 1,
    },
  };
  const store = new TraceStore([{ role: "coder", shape: { sparseLayers, groups, k } }]);
  const encoder = new TextEncoder();
  let topic = [0, 1, 2];
  for (let at = 0; at < steps; at++) {
    if (at % 23 === 0)
      topic = Array.from({ length: 3 }, () => Math.floor(random() ** 2 * fileCount));
    const word = WORDS[Math.floor(random() * WORDS.length)] ?? " x";
    const text = hostile && at % 9 === 0 ? "<img src=x onerror=alert(1)>" : word;
    store.append(step(at, encoder.encode(text), at < questionSteps ? "question" : "answer"));
  }

  function step(index: number, bytes: Uint8Array, kind: Step["kind"]): Step {
    const chosen = new Uint32Array(lanes * k).fill(NO_BLOCK);
    const score = new Float32Array(lanes * k);
    const mass = new Float32Array(lanes * k);
    const row = new Uint32Array(k);
    for (let lane = 0; lane < lanes; lane++) {
      const loyalty = 0.25 + 0.7 * (((lane * 37) % lanes) / lanes);
      row[0] = 0;
      for (let at = 1; at < k - 1; at++) row[at] = oneBlock(loyalty);
      row[k - 1] = table.blockCount + 1 + (index >> 7);
      row.sort();
      let total = 0;
      for (let at = 0; at < k; at++) {
        const weight = random() ** 3 + 0.01;
        mass[lane * k + at] = weight;
        score[lane * k + at] = 4 * random();
        total += weight;
      }
      for (let at = 0; at < k; at++) {
        const entry = lane * k + at;
        chosen[entry] = row[at] as number;
        mass[entry] = (mass[entry] as number) / total;
      }
    }
    return {
      requestId: 1,
      index,
      model: "coder",
      kind,
      tokenId: index,
      bytes,
      blocks: chosen,
      score,
      mass,
    };
  }

  function oneBlock(loyalty: number): number {
    if (random() > loyalty) return 1 + Math.floor(random() * blocks);
    const file = topic[Math.floor(random() * topic.length)] ?? 0;
    const first = table.firstBlock[file] ?? 1;
    return first + Math.floor(random() * (sizes[file] ?? 1));
  }

  return {
    question: hostile
      ? "<script>alert(1)</script>\u202e?"
      : "How is a session kept from being tampered with?",
    pack: { packId: "0".repeat(64), roots: ["synthetic"], files, segments, skipped: [] },
    model,
    scout: undefined,
    store,
    readMode: "count",
    scouted: new Uint32Array(),
    sight: Uint32Array.from({ length: Math.ceil(fileCount * 0.7) }, (_, at) => at),
    stopReason: "eos",
    timings: {
      packMs: 1,
      scoutMs: 0,
      prefillMs: 1,
      prefillTokens: 1,
      reusedTokens: 0,
      firstTokenMs: 1,
      decodeTokens: steps - questionSteps,
      decodeMs: 1000,
    },
  };
}

function pathOf(at: number): string {
  const folder = FOLDERS[at % FOLDERS.length] ?? "src";
  const name = NAMES[(at * 5) % NAMES.length] ?? "file";
  return `${folder}/${name}${at >= 9 ? at : ""}.ts`;
}

function hostilePath(at: number): string {
  const names = [
    `<img src=x onerror=alert(1)>.ts`,
    `a\u202egpj.exe`,
    `"><script>alert(1)</script>.js`,
    `x'onmouseover='alert(1).py`,
  ];
  return `src/${at}/${names[at % names.length] ?? ""}`;
}

/** Few large files and many small ones. */
function fileSizes(files: number, blocks: number, random: () => number): number[] {
  const weights = Array.from({ length: files }, () => random() ** 4 + 0.02);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const sizes = weights.map((weight) => Math.max(1, Math.floor((weight / total) * blocks)));
  const used = sizes.reduce((sum, size) => sum + size, 0);
  sizes[0] = Math.max(1, (sizes[0] ?? 1) + blocks - used);
  return sizes;
}

function tableOf(sizes: readonly number[]): BlockTable {
  const blockCount = 1 + sizes.reduce((sum, size) => sum + size, 0);
  const firstBlock = new Uint32Array(sizes.length);
  const segmentOfBlock = new Uint32Array(blockCount).fill(NO_BLOCK);
  const startLine = new Uint32Array(blockCount);
  const endLine = new Uint32Array(blockCount);
  let next = 1;
  for (const [segment, size] of sizes.entries()) {
    firstBlock[segment] = next;
    for (let at = 0; at < size; at++, next++) {
      segmentOfBlock[next] = segment;
      startLine[next] = at * 12 + 1;
      endLine[next] = at * 12 + 12;
    }
  }
  const segmentTokens = Uint32Array.from(sizes, (size) => size * 128 - 20);
  const tokenCount = segmentTokens.reduce((sum, tokens) => sum + tokens, 0);
  return {
    tokenizer: "made",
    firstBlock,
    segmentTokens,
    blockCount,
    segmentOfBlock,
    startLine,
    endLine,
    tokenCount,
    paddingTokens: sizes.length * 20,
  };
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
