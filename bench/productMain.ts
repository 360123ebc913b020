/**
 * One run of the product in a process of its own: `node benchProduct.cjs SCENARIO`, a JSON object on
 * stdout. The session, the engine process and the stores are those of `blocksight ask`.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { AskEvent } from "../src/ask/askEvents.js";
import { type AskParts, GREEDY } from "../src/ask/askParts.js";
import { AskSession } from "../src/askSession.js";
import { parseAskArguments } from "../src/cli/askArguments.js";
import type { CommandContext } from "../src/cli/commandContext.js";
import { connectTo } from "../src/cli/connect.js";
import type { ModelRole } from "../src/shared/model.js";
import type { ProductAsk } from "./measurements.js";

export interface Scenario {
  readonly bundles: string;
  readonly repo: string;
  readonly model: ModelRole;
  readonly threads: number;
  /** `Date.now()` when the process was started. */
  readonly startedAt: number;
  readonly actions: readonly Action[];
}

export type Action =
  | {
      readonly t: "ask";
      readonly name: string;
      readonly read: "all" | "auto";
      readonly question: string;
    }
  /** Changes every segment of a file: a comment after every 40th line. */
  | { readonly t: "save"; readonly file: string; readonly mark: string }
  /** Saves are read in the background, as the extension does it. */
  | { readonly t: "readChanged"; readonly file: string }
  /** Pages leave memory, and the system's cache of their files is dropped. */
  | { readonly t: "forgetPages" };

const ANSWER_TOKENS = 16;

async function ask(
  session: AskSession,
  action: Extract<Action, { t: "ask" }>,
  startedAt: number,
): Promise<ProductAsk> {
  const start = performance.now();
  let first: { readonly ms: number; readonly sinceStart: number } | undefined;
  let readingSince = start;
  const progress: (readonly [number, number])[] = [];
  const onEvent = (event: AskEvent): void => {
    if (event.t === "readingStarts") readingSince = performance.now();
    if (event.t === "reading") progress.push([event.doneTokens, performance.now() - readingSince]);
    if (event.t === "text") {
      first ??= { ms: performance.now() - start, sinceStart: Date.now() - startedAt };
    }
  };
  const { signal } = new AbortController();
  const { result } = await session.ask(
    {
      text: action.question,
      read: { t: action.read },
      maxTokens: ANSWER_TOKENS,
      sampling: GREEDY,
    },
    { signal, onEvent },
  );
  const { timings, sight, pack } = result;
  return {
    firstTextMs: first?.ms ?? NaN,
    sinceStartMs: first?.sinceStart ?? NaN,
    packTokens: pack.tokens,
    packMs: timings.packMs,
    scoutMs: timings.scoutMs,
    prefillMs: timings.prefillMs,
    prefillTokens: timings.prefillTokens,
    reusedTokens: timings.reusedTokens,
    engineFirstTokenMs: timings.firstTokenMs,
    decodeTokens: timings.decodeTokens,
    decodeMs: timings.decodeMs,
    segmentsInSight: sight.segments,
    segmentsScouted: sight.scouted ?? 0,
    ofSegments: sight.ofSegments,
    engineResidentBytes: engineResidentBytes(),
    progress: thinned(progress, 100),
  };
}

function thinned<T>(values: readonly T[], most: number): readonly T[] {
  const step = Math.max(1, Math.floor(values.length / most));
  return values.filter((_, at) => at % step === 0 || at === values.length - 1);
}

/** Of the engine process, this one's child; NaN where the system does not say. */
function engineResidentBytes(): number {
  try {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
    const sizes = children
      .trim()
      .split(/\s+/)
      .map((pid) => /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
      .map((kilobytes) => Number(kilobytes) * 1024);
    return Math.max(...sizes);
  } catch {
    return NaN;
  }
}

function save(file: string, mark: string): void {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => !line.startsWith("# bench: "));
  const marked = lines.flatMap((line, at) => (at % 40 === 0 ? [line, `# bench: ${mark}`] : [line]));
  writeFileSync(file, marked.join("\n"));
}

/** Without the system's cache of a store's files, reading them is reading the disk. */
function dropFileCache(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".page")) continue;
    spawnSync("dd", [`if=${path.join(folder, name)}`, "iflag=nocache", "count=0"], {
      stdio: "ignore",
    });
  }
}

async function main(): Promise<void> {
  const scenario = JSON.parse(process.argv[2] ?? "") as Scenario;
  const { repo, model, threads, startedAt, actions } = scenario;
  const args = parseAskArguments([
    "--model",
    model,
    "--threads",
    String(threads),
    "--repo",
    repo,
    "x",
  ]);
  const silent = { write: () => undefined, isTerminal: false, columns: 100, hasColor: false };
  const context: CommandContext = {
    stdout: silent,
    stderr: silent,
    env: process.env,
    workingDirectory: process.cwd(),
    signal: new AbortController().signal,
  };
  const parts = await connectTo(scenario.bundles)(args, context);
  const session = new AskSession(parts);
  const asked: Record<string, ProductAsk> = {};
  try {
    for (const action of actions) {
      await act(action, { session, parts, repo, startedAt, asked });
    }
  } finally {
    await parts.dispose();
  }
  process.stdout.write(`${JSON.stringify(asked)}\n`);
}

interface Acting {
  readonly session: AskSession;
  readonly parts: AskParts;
  readonly repo: string;
  readonly startedAt: number;
  readonly asked: Record<string, ProductAsk>;
}

async function act(
  action: Action,
  { session, parts, repo, startedAt, asked }: Acting,
): Promise<void> {
  switch (action.t) {
    case "ask":
      asked[action.name] = await ask(session, action, startedAt);
      break;
    case "save":
      save(path.join(repo, action.file), action.mark);
      break;
    case "readChanged": {
      const { signal } = new AbortController();
      await session.readChanged(new Set([action.file]), { signal, onEvent: () => undefined });
      break;
    }
    case "forgetPages": {
      await parts.engine.request("clearPages", { disk: false });
      const { pageStore } = await parts.engine.request("hello", undefined);
      if (pageStore) dropFileCache(pageStore.path);
      break;
    }
  }
}

void main();
