/** Measurements -> the lines of the table, with the targets of a machine of two AVX-512 VNNI cores. */
import { AUTO_BUDGET_MS } from "../src/ask/readingPlan.js";
import type { ModelRole } from "../src/shared/model.js";
import {
  type Measurements,
  type PeerRun,
  type ProductAsk,
  type SlotsAsked,
  type StepName,
  type ThreadsRun,
  resultOf,
} from "./measurements.js";
import type { Row, Target, Unit } from "./rows.js";
import { denseReadMs, fitLine, median } from "./statistics.js";

const PEER_SLOTS = 65_536;
const MODELS: readonly ModelRole[] = ["scout", "coder"];
export const INDEX_SOURCES = ["trained", "random", "keys"] as const;
type IndexName = (typeof INDEX_SOURCES)[number];

const INDEX_WORDS: Readonly<Record<IndexName, string>> = {
  trained: "trained 64-dim index",
  random: "32-dim index of random weights",
  keys: "index `keys`",
};

const TARGETS = {
  prefill: { scout: 4000, coder: 400 },
  endToEnd: { scout: 2500, coder: 330 },
  afterSave: { scout: 1.5, coder: 8 },
  resident: { scout: 2, coder: 4 },
} as const satisfies Record<string, Record<ModelRole, number>>;

interface More {
  readonly target?: Target | undefined;
  readonly all?: readonly number[];
  readonly note?: string | undefined;
  /** The other step that the value is made of. */
  readonly also?: StepName;
}

export function rowsOf(measurements: Measurements): readonly Row[] {
  const rows: Row[] = [];
  const { steps } = measurements;
  const add =
    (step: StepName) =>
    (id: string, what: string, value: number, unit: Unit, more: More = {}): void => {
      const { target, all, note, also = step } = more;
      const load = Math.max(
        ...[step, also].flatMap((name) => {
          const measured = steps[name];
          return measured ? [measured.load, measured.loadAfter] : [];
        }),
      );
      rows.push({
        ...{ id, what, value, unit, load },
        ...(target === undefined ? {} : { target }),
        ...(all === undefined ? {} : { all }),
        ...(note === undefined ? {} : { note }),
      });
    };
  for (const model of MODELS) {
    addRead(measurements, model, add(`slots.${model}.trained`));
    addProduct(measurements, model, add(`product.${model}`));
  }
  addFirstAnswer(measurements, add("product.first"));
  addManyCores(measurements, add("product.first"));
  for (const model of MODELS) {
    for (const index of INDEX_SOURCES) {
      addDecode(measurements, model, index, add(`slots.${model}.${index}`));
    }
  }
  addPacking(measurements, add("packing"));
  for (const model of MODELS) addMemory(measurements, model, add(`memory.${model}.i8`));
  return rows;
}

type Add = (id: string, what: string, value: number, unit: Unit, more?: More) => void;

function addRead(measurements: Measurements, model: ModelRole, add: Add): void {
  const run = resultOf(measurements, `slots.${model}.trained`);
  if (!run) return;
  add(`bandwidth.${model}`, `read bandwidth, beside the ${model}`, run.bandwidth / 1e9, "GB/s");
  const { tokensPerSecond, all } = run.read;
  add(`prefill.${model}`, `prefill, 2,048 tokens at once: ${model}`, tokensPerSecond, "tokens/s", {
    ...{ all, target: { least: TARGETS.prefill[model] } },
  });
  const peer = resultOf(measurements, `peer.${model}`);
  const nearest = peer?.rows.filter(({ length }) => length <= 2048).at(-1);
  if (!peer || !nearest) return;
  const { length, prefillTokensPerSecond } = nearest;
  const note = `${peer.peer}: ${prefillTokensPerSecond.toFixed(0)} tokens/s over ${length} tokens`;
  const ratio = tokensPerSecond / prefillTokensPerSecond;
  add(`prefill.${model}.ratio`, `the same against the peer: ${model}`, ratio, "×", {
    ...{ target: { least: 3 }, note, also: `peer.${model}` },
  });
}

/** The peer's mean rate over one sequence of `tokens`; beyond what it read, by the fitted line. */
export function peerReadRate(peer: PeerRun, tokens: number): number {
  const parts = peer.rows.map(({ length, partTokens, partMs }) => ({
    ...{ from: length - partTokens, tokens: partTokens, ms: partMs },
  }));
  return (tokens / denseReadMs(parts, tokens)) * 1000;
}

export function peerStepMs(peer: PeerRun, slots: number): number {
  const { at0, slope } = fitLine(peer.rows.map(({ length, decodeMs }) => [length, decodeMs]));
  return at0 + Math.max(0, slope) * slots;
}

function extrapolated(peer: PeerRun): string {
  return `the peer at 64K extrapolated from ${peer.rows.at(-1)?.length ?? 0} tokens`;
}

function addProduct(measurements: Measurements, model: ModelRole, add: Add): void {
  const run = resultOf(measurements, `product.${model}`);
  if (!run) return;
  const { first, second, third, fromDisk, newProcess, afterSave, afterBackground } = run;
  if (first) {
    const rate = (first.packTokens / first.sinceStartMs) * 1000;
    const reading = (first.prefillTokens / first.prefillMs) * 1000;
    add(
      `endToEnd.${model}`,
      `a repository of ${first.packTokens} tokens, from the command's start to the first answer token: ${model}`,
      rate,
      "tokens/s",
      {
        target: { least: TARGETS.endToEnd[model] },
        note: `${(first.sinceStartMs / 1000).toFixed(1)} s, of it packing ${(first.packMs / 1000).toFixed(1)} s; reading alone ${reading.toFixed(0)} tokens/s`,
      },
    );
    const peer = resultOf(measurements, `peer.${model}`);
    if (peer) {
      const ratio = rate / peerReadRate(peer, PEER_SLOTS);
      add(`endToEnd.${model}.ratio`, `the same against the peer at 64K: ${model}`, ratio, "×", {
        ...{ target: { least: 10 }, note: extrapolated(peer), also: `peer.${model}` },
      });
    }
  }
  const inMemory = [second, third].filter((one) => one !== undefined);
  if (inMemory.length > 0) {
    const all = inMemory.map(({ firstTextMs }) => firstTextMs / 1000);
    add(`second.${model}`, `second question, pages in memory: ${model}`, median(all), "s", {
      ...{ all, target: { most: 0.5 } },
      note: `packing again ${(second?.packMs ?? NaN).toFixed(0)} ms, the engine ${(second?.engineFirstTokenMs ?? NaN).toFixed(0)} ms`,
    });
  }
  const seconds = (ms: number | undefined): number => (ms ?? NaN) / 1000;
  if (fromDisk) {
    const note = `pages ${(fromDisk.prefillMs / 1000).toFixed(2)} s, the system's cache of them dropped`;
    const value = seconds(fromDisk.firstTextMs);
    add(`disk.${model}`, `second question, pages from disk: ${model}`, value, "s", {
      ...{ target: { most: 3 }, note },
    });
  }
  if (newProcess) {
    add(
      `newProcess.${model}`,
      `second question as a new command, from its start: ${model}`,
      seconds(newProcess.sinceStartMs),
      "s",
      { note: "with start-up and opening the models" },
    );
  }
  if (afterSave) {
    add(
      `afterSave.${model}`,
      `question after saving a file of 300 lines: ${model}`,
      seconds(afterSave.firstTextMs),
      "s",
      {
        target: { most: TARGETS.afterSave[model] },
        note: `${afterSave.prefillTokens} tokens read anew`,
      },
    );
  }
  if (afterBackground) {
    add(
      `afterBackground.${model}`,
      `the same, the file read in the background: ${model}`,
      seconds(afterBackground.firstTextMs),
      "s",
      { target: { most: 0.7 } },
    );
  }
  if (first) {
    const gigabytes = (third ?? first).engineResidentBytes / 1e9;
    add(`resident.${model}`, `resident memory of the engine, all read: ${model}`, gigabytes, "GB", {
      target: { most: TARGETS.resident[model] },
    });
  }
}

function addFirstAnswer(measurements: Measurements, add: Add): void {
  const first = resultOf(measurements, "product.first")?.["first"];
  if (!first) return;
  const { sinceStartMs, scoutMs, prefillMs, prefillTokens, packTokens } = first;
  add(
    "first",
    `first answer about a repository of ${packTokens} tokens never seen, --read auto, from the command's start`,
    sinceStartMs / 1000,
    "s",
    {
      target: { most: 90 },
      note: `scout ${(scoutMs / 1000).toFixed(1)} s for ${first.segmentsScouted} segments, coder ${(prefillMs / 1000).toFixed(1)} s for ${prefillTokens} tokens, ${first.segmentsInSight} of ${first.ofSegments} segments in sight`,
    },
  );
}

const MANY_CORES = 16;

/**
 * The first answer on `cores` from the parts of a run on fewer. Reading is divided by the speed-up
 * that the same doubling of threads gave from one to all of the run, once for each doubling; a coder
 * that is through sooner than its budget of time reads on until that is spent. Packing, start-up and
 * the question itself are taken as they were.
 */
export function firstAnswerOn(
  cores: number,
  { sinceStartMs, scoutMs, prefillMs }: Pick<ProductAsk, "sinceStartMs" | "scoutMs" | "prefillMs">,
  speedUps: Readonly<Record<ModelRole, ThreadsRun>>,
): number {
  const faster = ({ threads, oneThread, allThreads }: ThreadsRun): number => {
    const perDoubling = (allThreads / oneThread) ** (1 / Math.log2(threads));
    return perDoubling ** Math.log2(cores / threads);
  };
  const coderMs = Math.max(prefillMs / faster(speedUps.coder), AUTO_BUDGET_MS);
  const rest = sinceStartMs - scoutMs - prefillMs;
  return rest + scoutMs / faster(speedUps.scout) + Math.min(prefillMs, coderMs);
}

function addManyCores(measurements: Measurements, add: Add): void {
  const first = resultOf(measurements, "product.first")?.["first"];
  const scout = resultOf(measurements, "threads.scout");
  const coder = resultOf(measurements, "threads.coder");
  if (!first || !scout || !coder || scout.threads < 2) return;
  const gain = ({ threads, oneThread, allThreads }: ThreadsRun): string =>
    `${(allThreads / oneThread).toFixed(2)}× from 1 to ${threads} threads`;
  add(
    "first.many",
    `the same on ${MANY_CORES} cores, **computed**`,
    firstAnswerOn(MANY_CORES, first, { scout, coder }) / 1000,
    "s",
    {
      ...{ target: { most: 20 }, also: "threads.coder" },
      note: `from the parts of the row above; scout ${gain(scout)}, coder ${gain(coder)}`,
    },
  );
}

const kilo = (slots: number): string =>
  slots >= 1_000_000 ? "1M" : slots >= 100_000 ? "100K" : `${Math.round(slots / 1024)}K`;

function addDecode(measurements: Measurements, model: ModelRole, index: IndexName, add: Add): void {
  const run = resultOf(measurements, `slots.${model}.${index}`);
  if (!run) return;
  const id = `decode.${model}.${index}`;
  for (const asked of run.asked.filter(({ slots }) => [2048, 100_000, 1_000_000].includes(slots))) {
    add(
      `${id}.${kilo(asked.slots)}`,
      `decode at ${kilo(asked.slots)} slots, ${INDEX_WORDS[index]}, of what the bandwidth allows: ${model}`,
      asked.ofBandwidth * 100,
      "%",
      { target: { least: 70 }, note: bytesNote(asked) },
    );
  }
  const peer = resultOf(measurements, `peer.${model}`);
  const at64 = run.asked.find(({ slots }) => slots === PEER_SLOTS);
  if (index !== "trained") return;
  if (peer && at64) {
    const ratio = peerStepMs(peer, PEER_SLOTS) / at64.stepMs;
    const note = `${at64.stepMs.toFixed(1)} ms a step; ${extrapolated(peer)}`;
    add(`${id}.ratio`, `decode at 64K slots against the peer: ${model}`, ratio, "×", {
      ...{ target: { least: 5 }, note, also: `peer.${model}` },
    });
  }
  const traced = run.asked.filter(({ allWithoutTrace }) => allWithoutTrace.length > 0);
  if (traced.length === 0) return;
  const slower = traced.map(({ stepMs, stepMsWithoutTrace }) => stepMs / stepMsWithoutTrace - 1);
  add(`trace.${model}`, `trace on against off: ${model}`, median(slower) * 100, "%", {
    ...{ target: { most: 1 }, note: `median over ${traced.length} sizes` },
  });
}

function bytesNote({ stepMs, weightBytes, indexBytes, pageBytes }: SlotsAsked): string {
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  return `${stepMs.toFixed(1)} ms; weights ${mb(weightBytes)}, index ${mb(indexBytes)}, pages ${mb(pageBytes)}`;
}

function addPacking(measurements: Measurements, add: Add): void {
  const run = resultOf(measurements, "packing");
  if (!run) return;
  const seconds = (all: readonly number[]): readonly number[] => all.map((ms) => ms / 1000);
  const size = `${(run.bytes / 1e6).toFixed(1)} MB`;
  const whole = (all: readonly number[]): string =>
    `whole command ${(median(all) / 1000).toFixed(2)} s`;
  const cold = seconds(run.coldMs);
  add("packing.cold", `packing ${size} of source, cold`, median(cold), "s", {
    ...{ all: cold, target: { most: 4 }, note: whole(run.coldCommandMs) },
  });
  const unchanged = seconds(run.unchangedMs);
  add("packing.unchanged", `packing ${size}, nothing changed`, median(unchanged), "s", {
    ...{ all: unchanged, target: { most: 0.5 }, note: whole(run.unchangedCommandMs) },
  });
}

/** Beside int8: the same pack in bf16, which the command line does not offer. */
function addMemory(measurements: Measurements, model: ModelRole, add: Add): void {
  for (const kv of ["i8", "bf16"] as const) {
    const asked = resultOf(measurements, `memory.${model}.${kv}`)?.asked[0];
    if (!asked) continue;
    const what = `resident memory, engine library alone, 100K slots in ${kv === "i8" ? "int8" : "bf16"}: ${model}`;
    add(`resident.${model}.${kv}`, what, asked.residentBytes / 1e9, "GB");
  }
}
