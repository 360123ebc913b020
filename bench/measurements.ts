/** What a run measured, as it was measured; rows and plots are made of it. Kept in build/bench.json. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import path from "node:path";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
}

/** One line of `slots_bench` about a pack of `slots`. */
export interface SlotsAsked {
  readonly slots: number;
  readonly firstTokenMs: number;
  readonly stepMs: number;
  readonly all: readonly number[];
  readonly stepMsWithoutTrace: number;
  readonly allWithoutTrace: readonly number[];
  readonly weightBytes: number;
  readonly indexBytes: number;
  readonly pageBytes: number;
  readonly boundMs: number;
  readonly ofBandwidth: number;
  readonly residentBytes: number;
}

export interface SlotsRun {
  readonly bandwidth: number;
  readonly kernels: Readonly<Record<string, string>>;
  readonly indexDim: number;
  readonly read: { readonly tokensPerSecond: number; readonly all: readonly number[] };
  readonly asked: readonly SlotsAsked[];
}

export interface PeerRun {
  readonly peer: string;
  readonly rows: readonly {
    readonly length: number;
    readonly partTokens: number;
    readonly partMs: number;
    readonly prefillTokensPerSecond: number;
    readonly decodeMs: number;
  }[];
}

/** One question through the product. */
export interface ProductAsk {
  /** From the question to the first text of the answer. */
  readonly firstTextMs: number;
  /** From the start of the process. */
  readonly sinceStartMs: number;
  readonly packTokens: number;
  readonly packMs: number;
  readonly scoutMs: number;
  readonly prefillMs: number;
  readonly prefillTokens: number;
  readonly reusedTokens: number;
  readonly engineFirstTokenMs: number;
  readonly decodeTokens: number;
  readonly decodeMs: number;
  readonly segmentsInSight: number;
  /** 0 where no scout was needed. */
  readonly segmentsScouted: number;
  readonly ofSegments: number;
  readonly engineResidentBytes: number;
  /** Tokens read so far and milliseconds since reading began. */
  readonly progress: readonly (readonly [tokens: number, ms: number])[];
}

export type ProductRun = Readonly<Record<string, ProductAsk>>;

/** Reading the same text with one thread and with all of a run. */
export interface ThreadsRun {
  readonly threads: number;
  readonly oneThread: number;
  /** Tokens per second. */
  readonly allThreads: number;
}

export interface PackingRun {
  readonly bytes: number;
  readonly coldMs: readonly number[];
  readonly unchangedMs: readonly number[];
  /** The whole command, start-up and tokenizers included. */
  readonly coldCommandMs: readonly number[];
  readonly unchangedCommandMs: readonly number[];
}

/** By step name. */
export interface StepResults {
  readonly [name: `slots.${string}`]: SlotsRun;
  readonly [name: `memory.${string}`]: SlotsRun;
  readonly [name: `peer.${string}`]: PeerRun;
  readonly [name: `product.${string}`]: ProductRun;
  readonly [name: `threads.${string}`]: ThreadsRun;
  readonly packing: PackingRun;
}

export type StepName = keyof StepResults;

export interface Measured {
  /** HEAD when it was measured, with "+" where files differed from it. */
  readonly commit: string;
  readonly at: string;
  /** Before the step began and when it had ended. */
  readonly load: number;
  readonly loadAfter: number;
  readonly seconds: number;
  readonly result: StepResults[StepName];
}

export interface Measurements {
  readonly machine: Machine;
  readonly steps: Readonly<Record<string, Measured>>;
}

export function currentLoad(): number {
  return loadavg()[0] ?? NaN;
}

export function loadMeasurements(file: string): Measurements | undefined {
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")) as Measurements;
}

export function saveMeasurements(file: string, measurements: Measurements): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, `${JSON.stringify(measurements, undefined, 1)}\n`);
  renameSync(`${file}.part`, file);
}

export function resultOf<N extends StepName>(
  { steps }: Measurements,
  name: N,
): StepResults[N] | undefined {
  return steps[name]?.result as StepResults[N] | undefined;
}
