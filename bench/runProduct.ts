/** The steps that go through the product: questions from end to end, and packing. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cacheFolder, modelsFolder } from "../src/engine/modelFiles.js";
import type { ModelRole } from "../src/shared/model.js";
import type { PackingRun, ProductRun } from "./measurements.js";
import type { Action, Scenario } from "./productMain.js";
import { TEN_MEGABYTES, benchFolder, copyRepository } from "./repositories.js";
import { outputOf } from "./runNative.js";

export interface ProductOptions {
  /** Root of the clone, bundles built. */
  readonly root: string;
  readonly threads: number;
}

/** 298 lines. */
const SAVED_FILE = "flask/testing.py";
const QUESTION = "How does the application dispatch a request to a view function?";
const SECOND = "Where are signed cookies verified, and what happens when one is stale?";

/** A cache of its own, empty but for the hashes of model files; the models stay where they are. */
function freshCache(name: string): NodeJS.ProcessEnv {
  const base = path.join(benchFolder(), "caches", name);
  rmSync(base, { recursive: true, force: true });
  const cache = path.join(base, "blocksight");
  mkdirSync(cache, { recursive: true });
  const hashes = path.join(cacheFolder(process.env), "hashes.json");
  if (existsSync(hashes)) copyFileSync(hashes, path.join(cache, "hashes.json"));
  return { ...process.env, XDG_CACHE_HOME: base, BLOCKSIGHT_MODELS: modelsFolder(process.env) };
}

function play(
  { root, threads }: ProductOptions,
  env: NodeJS.ProcessEnv,
  what: { readonly repo: string; readonly model: ModelRole; readonly actions: readonly Action[] },
): ProductRun {
  const bundles = path.join(root, "dist");
  const scenario: Scenario = { ...what, bundles, threads, startedAt: Date.now() };
  const program = path.join(root, "build/benchProduct.cjs");
  return JSON.parse(
    outputOf(process.execPath, [program, JSON.stringify(scenario)], env),
  ) as ProductRun;
}

const ask = (name: string, question: string, read: "all" | "auto" = "all"): Action => ({
  ...{ t: "ask", name, read, question },
});

/** Both models' files are in the system's cache and their hashes are known, as after a first use. */
function warmUp(options: ProductOptions, env: NodeJS.ProcessEnv, model: ModelRole): void {
  const repo = path.join(benchFolder(), "repositories", "warm");
  mkdirSync(repo, { recursive: true });
  copyFileSync(path.join(options.root, "LICENSE"), path.join(repo, "LICENSE"));
  play(options, env, { repo, model, actions: [ask("warm", QUESTION)] });
}

/** A repository of 96K tokens: first question, second, after saves, from disk, in a new process. */
export function runHundred(options: ProductOptions, model: ModelRole): ProductRun {
  const env = freshCache(`hundred-${model}`);
  const repo = copyRepository("hundred");
  warmUp(options, env, model);
  const [file, read] = [SAVED_FILE, "all"] as const;
  const first = play(options, env, {
    ...{ repo, model },
    actions: [
      ask("first", QUESTION, read),
      ask("second", SECOND),
      ask("third", QUESTION),
      { t: "save", file, mark: "one" },
      ask("afterSave", SECOND),
      { t: "save", file, mark: "two" },
      { t: "readChanged", file },
      ask("afterBackground", SECOND),
      { t: "forgetPages" },
      ask("fromDisk", SECOND),
    ],
  });
  const again = play(options, env, { repo, model, actions: [ask("newProcess", SECOND)] });
  return { ...first, ...again };
}

/** A repository of 152K tokens that was never seen, as `blocksight ask` reads it by default. */
export function runFirstAnswer(options: ProductOptions): ProductRun {
  const env = freshCache("first");
  const repo = copyRepository("hundredFifty");
  warmUp(options, env, "coder");
  const question = "How does a command parse its options?";
  return play(options, env, { repo, model: "coder", actions: [ask("first", question, "auto")] });
}

export function runPacking({ root }: ProductOptions, repeat: number): PackingRun {
  const repo = copyRepository("large");
  const coldMs: number[] = [];
  const unchangedMs: number[] = [];
  const coldCommandMs: number[] = [];
  const unchangedCommandMs: number[] = [];
  let bytes = 0;
  for (let run = 0; run < repeat; run++) {
    const env = freshCache("packing");
    const cold = packOnce(root, repo, env);
    const unchanged = packOnce(root, repo, env);
    coldMs.push(cold.packMs);
    coldCommandMs.push(cold.commandMs);
    unchangedMs.push(unchanged.packMs);
    unchangedCommandMs.push(unchanged.commandMs);
    bytes = cold.bytes;
  }
  return { bytes, coldMs, unchangedMs, coldCommandMs, unchangedCommandMs };
}

interface Packed {
  readonly packMs: number;
  readonly commandMs: number;
  readonly bytes: number;
}

function packOnce(root: string, repo: string, env: NodeJS.ProcessEnv): Packed {
  const start = performance.now();
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      ...[path.join(root, "dist/cli.cjs"), "pack", "--json", "--repo", repo],
      ...["--budget", "8000000", ...TEN_MEGABYTES.flatMap((glob) => ["--include", glob])],
    ],
    { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 50_000_000 },
  );
  const commandMs = performance.now() - start;
  if (status !== 0) throw new Error("blocksight pack failed.");
  const { files, timings } = JSON.parse(stdout) as {
    files: readonly { bytes: number }[];
    timings: { packMs: number };
  };
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { packMs: timings.packMs, commandMs, bytes };
}
