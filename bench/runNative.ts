/** The steps that run programs of their own: `slots_bench`, and the peer. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { PeerRun, SlotsAsked, SlotsRun } from "./measurements.js";

const MOST_OUTPUT = 50_000_000;

/** Stdout of a program that must succeed. */
export function outputOf(command: string, args: readonly string[], env = process.env): string {
  const { status, stdout, error } = spawnSync(command, args, {
    env,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: MOST_OUTPUT,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${path.basename(command)} ended with status ${status ?? -1}.`);
  return stdout;
}

export interface SlotsOptions {
  readonly program: string;
  readonly model: string;
  readonly adapter?: string;
  readonly index?: "keys";
  readonly kv?: "bf16";
  readonly text: string;
  readonly read: number;
  readonly slots: readonly number[];
  readonly repeat: number;
  readonly answer: number;
  readonly mostMegabytes?: number;
  readonly withTrace: boolean;
  readonly threads: number;
}

type SlotsLine =
  | ({ readonly t: "machine" } & Pick<SlotsRun, "bandwidth" | "kernels" | "indexDim">)
  | ({ readonly t: "read" } & SlotsRun["read"])
  | ({ readonly t: "ask" } & SlotsAsked);

export function runSlots(options: SlotsOptions): SlotsRun {
  const { model, adapter, index, kv, text, read, slots, repeat, answer, threads } = options;
  const output = outputOf(options.program, [
    `--model=${model}`,
    ...(adapter === undefined ? [] : [`--adapter=${adapter}`]),
    ...(index === undefined ? [] : [`--index=${index}`]),
    ...(kv === undefined ? [] : [`--kv=${kv}`]),
    ...(options.mostMegabytes === undefined ? [] : [`--most-mb=${options.mostMegabytes}`]),
    ...[`--text=${text}`, `--read=${read}`, `--slots=${slots.join(",")}`],
    ...[`--repeat=${repeat}`, `--answer=${answer}`, `--threads=${threads}`],
    `--trace=${options.withTrace ? 1 : 0}`,
  ]);
  const lines = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as SlotsLine);
  const machine = lines.find((line) => line.t === "machine");
  const readLine = lines.find((line) => line.t === "read");
  if (!machine || !readLine) throw new Error("slots_bench printed too little.");
  const { bandwidth, kernels, indexDim } = machine;
  return {
    ...{ bandwidth, kernels, indexDim },
    read: { tokensPerSecond: readLine.tokensPerSecond, all: readLine.all },
    asked: lines.filter((line) => line.t === "ask"),
  };
}

export interface PeerOptions {
  readonly folder: string;
  readonly model: string;
  readonly text: string;
  readonly lengths: readonly number[];
  readonly seconds: number;
  readonly threads: number;
}

/** Installs the peer where it is missing: prebuilt, by its own lock file. */
export function runPeer({ folder, model, text, lengths, seconds, threads }: PeerOptions): PeerRun {
  if (!existsSync(path.join(folder, "node_modules/node-llama-cpp"))) {
    outputOf("npm", [
      ...["ci", "--prefix", folder, "--omit=optional", "--ignore-scripts"],
      ...["--no-audit", "--no-fund", "--loglevel=error"],
    ]);
  }
  const output = outputOf(process.execPath, [
    path.join(folder, "measure.mjs"),
    ...["--model", model, "--text", text, "--lengths", lengths.join(",")],
    ...["--seconds", String(seconds), "--threads", String(threads)],
  ]);
  return JSON.parse(output) as PeerRun;
}

/** Files of a model. */
export interface ModelFiles {
  readonly model: string;
  readonly adapter: string;
}
