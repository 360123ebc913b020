/**
 * `npm run bench`: measures, keeps what was measured in build/bench.json, prints one table. Steps that
 * are there from the same commit are not run again, so a run that was stopped goes on where it was.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findOpenModel, modelsFolder } from "../src/engine/modelFiles.js";
import type { ModelRole } from "../src/shared/model.js";
import { growthSvg } from "./growth.js";
import {
  type Machine,
  type Measured,
  type Measurements,
  type StepName,
  type StepResults,
  currentLoad,
  loadMeasurements,
  saveMeasurements,
} from "./measurements.js";
import { writeRandomIndex } from "./randomIndex.js";
import { textFile } from "./repositories.js";
import { renderRows } from "./rows.js";
import { type ModelFiles, outputOf, runPeer, runSlots } from "./runNative.js";
import { runFirstAnswer, runHundred, runPacking } from "./runProduct.js";
import { INDEX_SOURCES, rowsOf } from "./table.js";

const PARTS = ["peer", "slots", "threads", "packing", "product", "memory"] as const;
type Part = (typeof PARTS)[number];

const USAGE = `Usage: npm run bench -- [options]

  --only PART,...    of ${PARTS.join(", ")}
  --model scout|coder    one model's steps only
  --quick            small sizes, one repetition: whether it runs, not how fast
  --again            measure again what is there from this commit
  --threads N        default 2
  --table            measure nothing, print the table of what is there
  --save NAME        also write bench/results/NAME.json and the plot docs/growth.svg
`;

interface Options {
  readonly parts: readonly Part[];
  readonly models: readonly ModelRole[];
  readonly isQuick: boolean;
  readonly isAgain: boolean;
  readonly isTableOnly: boolean;
  readonly threads: number;
  readonly save: string | undefined;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: PARTS.join(",") },
      model: { type: "string", default: "scout,coder" },
      quick: { type: "boolean", default: false },
      again: { type: "boolean", default: false },
      table: { type: "boolean", default: false },
      threads: { type: "string", default: "2" },
      save: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const given = values.only.split(",");
  const parts = PARTS.filter((part) => given.includes(part));
  const models = (["scout", "coder"] as const).filter((m) => values.model.split(",").includes(m));
  if (values.help || parts.length !== given.length || models.length === 0) return undefined;
  return {
    ...{ parts, models, threads: Number(values.threads), save: values.save },
    ...{ isQuick: values.quick, isAgain: values.again, isTableOnly: values.table },
  };
}

interface Step<N extends StepName> {
  readonly name: N;
  readonly part: Part;
  readonly run: () => StepResults[N];
}

type AnyStep = { [N in StepName]: Step<N> }[StepName];

async function stepsOf(options: Options, root: string): Promise<readonly AnyStep[]> {
  const { isQuick, models, threads } = options;
  const steps: AnyStep[] = [];
  const program = path.join(root, "build/release/slots_bench");
  const peers = path.join(root, "bench/peers");
  const files = async (role: ModelRole): Promise<ModelFiles> => {
    const { modelPath, adapterPath = "" } = await findOpenModel(
      role,
      modelsFolder(process.env),
      path.join(root, "media"),
    );
    return { model: modelPath, adapter: adapterPath };
  };
  const repeat = isQuick ? 1 : 3;
  for (const role of models) {
    const { model, adapter } = await files(role);
    const isCoder = role === "coder";
    // A coder's token takes the peer ten times a scout's.
    const lengths = isQuick ? [256, 512] : isCoder ? [512, 2048, 4096] : [512, 2048, 4096, 8192];
    steps.push({
      name: `peer.${role}`,
      part: "peer",
      run: () =>
        runPeer({ folder: peers, model, text: textFile("hundred"), lengths, seconds: 90, threads }),
    });
    const slots = {
      ...{ program, model, text: textFile("hundred"), repeat, threads },
      ...{ answer: isQuick ? 4 : 24, withTrace: false, adapter },
    };
    const sizes = isQuick ? [2048] : [2048, 100_000, 1_000_000];
    const growing = [1024, 2048, 8192, 32_768, 65_536, 100_000, 262_144, 1_000_000];
    for (const index of INDEX_SOURCES) {
      const read = isQuick ? 2048 : index !== "trained" ? 2048 : isCoder ? 6144 : 8192;
      steps.push({
        name: `slots.${role}.${index}`,
        part: "slots",
        run: () => {
          const own = { ...slots, read, slots: sizes };
          if (index === "trained") {
            return runSlots({ ...own, withTrace: true, slots: isQuick ? sizes : growing });
          }
          if (index === "keys") return runSlots({ ...own, index });
          const random = path.join(root, "build", `${role}-random-index.safetensors`);
          writeRandomIndex(adapter, random, 32);
          return runSlots({ ...own, adapter: random });
        },
      });
    }
    steps.push({
      name: `threads.${role}`,
      part: "threads",
      run: () => {
        const own = { ...slots, repeat: 1, answer: 1, read: 2048, slots: [2048] };
        const rate = (count: number): number =>
          runSlots({ ...own, threads: count }).read.tokensPerSecond;
        return { threads, oneThread: rate(1), allThreads: rate(threads) };
      },
    });
    for (const kv of ["i8", "bf16"] as const) {
      const own = { ...slots, repeat: 1, answer: 2, read: 1024, mostMegabytes: 100_000 };
      const fixed = { ...own, slots: [isQuick ? 2048 : 100_000] };
      steps.push({
        name: `memory.${role}.${kv}`,
        part: "memory",
        run: () => runSlots(kv === "bf16" ? { ...fixed, kv } : fixed),
      });
    }
    // Sizes of the product's steps are their point: a quick run has none of the slow model.
    if (isQuick && isCoder) continue;
    steps.push({
      name: `product.${role}`,
      part: "product",
      run: () => runHundred({ root, threads }, role),
    });
  }
  if (!isQuick && models.includes("coder")) {
    const run = (): StepResults["product.first"] => runFirstAnswer({ root, threads });
    steps.push({ name: "product.first", part: "product", run });
  }
  const packing = (): StepResults["packing"] => runPacking({ root, threads }, repeat);
  steps.push({ name: "packing", part: "packing", run: packing });
  return steps
    .filter(({ part }) => options.parts.includes(part))
    .sort((a, b) => PARTS.indexOf(a.part) - PARTS.indexOf(b.part));
}

function machineOf(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
  };
}

function commitOf(root: string): string {
  const git = (...args: readonly string[]): string => outputOf("git", ["-C", root, ...args]).trim();
  const isClean = git("status", "--porcelain", "--untracked-files=no") === "";
  return `${git("rev-parse", "--short=10", "HEAD")}${isClean ? "" : "+"}`;
}

async function main(): Promise<void> {
  const options = readOptions();
  if (!options) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  const root = process.cwd();
  // A quick run's numbers are none: they never stand beside real ones.
  const file = path.join(root, options.isQuick ? "build/bench-quick.json" : "build/bench.json");
  const commit = commitOf(root);
  const before = loadMeasurements(file);
  let measurements: Measurements = { machine: machineOf(), steps: before?.steps ?? {} };
  const steps = options.isTableOnly ? [] : await stepsOf(options, root);
  for (const { name, run } of steps) {
    const known = measurements.steps[name];
    if (known?.commit === commit && !options.isAgain) {
      process.stderr.write(`${name}: kept from ${known.at}\n`);
      continue;
    }
    const load = currentLoad();
    process.stderr.write(`${name} … (load ${load.toFixed(1)})\n`);
    const start = performance.now();
    const at = new Date().toISOString();
    const result = run();
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    const measured: Measured = { commit, at, load, loadAfter: currentLoad(), seconds, result };
    measurements = { ...measurements, steps: { ...measurements.steps, [name]: measured } };
    saveMeasurements(file, measurements);
  }
  process.stdout.write(reportOf(measurements));
  if (options.save !== undefined && !options.isQuick) save(root, options.save, measurements);
}

function reportOf(measurements: Measurements): string {
  const { machine, steps } = measurements;
  const slots = steps["slots.scout.trained"] ?? steps["slots.coder.trained"];
  const kernels = slots && (slots.result as StepResults["slots.x"]).kernels;
  const named = Object.entries(kernels ?? {}).map(([operation, id]) => `${operation} ${id}`);
  const rows = rowsOf(measurements);
  const busy = rows.filter(({ load }) => load > machine.cores + 1).length;
  return [
    `machine  ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, node ${machine.node}`,
    ...commitLines(measurements),
    `kernels  ${named.join(", ") || "no step that says"}`,
    ...(busy > 0
      ? [
          `busy     ${busy} of ${rows.length} rows at a load above ${machine.cores + 1}: others used ` +
            "the machine, and what is met or missed there says little",
        ]
      : []),
    "",
    renderRows(rows),
    "",
  ].join("\n");
}

/** With the steps, where not all are from one commit. */
function commitLines({ steps }: Measurements): readonly string[] {
  const byCommit = new Map<string, string[]>();
  for (const [name, { commit }] of Object.entries(steps)) {
    byCommit.set(commit, [...(byCommit.get(commit) ?? []), name]);
  }
  return [...byCommit].map(([commit, names]) =>
    byCommit.size === 1 ? `commit   ${commit}` : `commit   ${commit}: ${names.join(", ")}`,
  );
}

function save(root: string, name: string, measurements: Measurements): void {
  const folder = path.join(root, "bench/results");
  mkdirSync(folder, { recursive: true });
  const saved = { ...measurements, rows: rowsOf(measurements) };
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(saved, undefined, 1)}\n`);
  writeFileSync(path.join(root, "docs/growth.svg"), growthSvg(measurements));
}

void main();
