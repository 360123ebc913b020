/**
 * Asks questions about a package's own definitions through the product's session, and reports how
 * often the right file comes first. The pack is made once. Results are appended to a file, one line a
 * question and mode, so that a run can be stopped and taken up again.
 */
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { GREEDY } from "../../src/ask/askParts.js";
import type { ReadMode } from "../../src/ask/readingPlan.js";
import { AskSession } from "../../src/askSession.js";
import { parseAskArguments } from "../../src/cli/askArguments.js";
import { connectTo } from "../../src/cli/connect.js";
import type { AskResult } from "../../src/shared/answer.js";
import type { Pack } from "../../src/shared/pack.js";
import { appendLine, openLines } from "./lineFile.js";
import { type NameQuestion, nameQuestions } from "./nameQuestions.js";
import { silentContext } from "./silentContext.js";
import { type Measured, type SightMode, rankOf, tally } from "./tally.js";

const MODES: Readonly<Record<SightMode, ReadMode>> = {
  "8": { t: "count", count: 8 },
  "16": { t: "count", count: 16 },
  all: { t: "all" },
};

const USAGE = `Usage: node scripts/evaluateNames.mjs --repo DIR [--limit N] [--model coder|scout] [--modes 8,16,all] [--out FILE] [--max-tokens N]
The scout reads everything, whatever the modes.
`;

interface Options {
  readonly repo: string;
  readonly model: "coder" | "scout";
  readonly count: number;
  readonly modes: readonly SightMode[];
  readonly out: string;
  readonly maxTokens: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      repo: { type: "string" },
      model: { type: "string", default: "coder" },
      limit: { type: "string", default: "60" },
      modes: { type: "string", default: "8,16,all" },
      out: { type: "string", default: "build/names.jsonl" },
      "max-tokens": { type: "string", default: "64" },
    },
  });
  const { model } = values;
  const named = model === "scout" ? "all" : values.modes;
  const modes = named.split(",").filter((mode): mode is SightMode => mode in MODES);
  const isKnown = model === "coder" || model === "scout";
  if (values.repo === undefined || modes.length === 0 || !isKnown) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  return {
    repo: values.repo,
    model,
    count: Number(values.limit),
    modes,
    out: values.out,
    maxTokens: Number(values["max-tokens"]),
  };
}

function measure(result: AskResult, { path, lines }: NameQuestion, mode: SightMode): Measured {
  const byScout = result.files
    .map((file) => ({ path: file.path, focus: file.scoutFocus ?? 0 }))
    .sort((a, b) => b.focus - a.focus);
  const [first] = result.citations;
  return {
    question: result.question,
    path,
    mode,
    answeringRank: rankOf(path, result.files),
    ...(result.scout ? { scoutRank: rankOf(path, byScout) } : {}),
    cited: result.citations.map((citation) => citation.path),
    ...(first ? { citedLines: { startLine: first.startLine, endLine: first.endLine } } : {}),
    definition: lines,
    answer: result.answer,
    firstTokenMs: Math.round(result.timings.firstTokenMs),
  };
}

/** Runs in the root of a clone whose bundles are built. */
async function main(): Promise<void> {
  const { repo, model, count, modes, out, maxTokens } = readOptions();
  const args = parseAskArguments(["--model", model, "--repo", repo, "evaluation"]);
  const context = silentContext(process.env["INIT_CWD"] ?? process.cwd());
  const { signal } = context;
  const parts = await connectTo(path.resolve("dist"))(args, context);
  try {
    let packed: Promise<Pack> | undefined;
    const session = new AskSession({
      ...parts,
      pack: (request) => (packed ??= parts.pack(request)),
    });
    const done = [...(openLines(out) as readonly Measured[])];
    const isDone = (text: string, mode: SightMode): boolean =>
      done.some((one) => one.question === text && one.mode === mode);
    // Questions come from the pack, and the first question makes the pack.
    const ask = (text: string, mode: SightMode, tokens: number): Promise<AskResult> =>
      session
        .ask(
          { text, read: MODES[mode], maxTokens: tokens, sampling: GREEDY },
          { signal, onEvent: () => undefined },
        )
        .then(({ result }) => result);
    await ask("What is this?", "8", 1);
    if (!packed) throw new Error("The first question made no pack.");
    const questions = nameQuestions(await packed, count);
    for (const mode of modes) {
      for (const question of questions) {
        const { text, path } = question;
        if (isDone(text, mode)) continue;
        const one = measure(await ask(text, mode, maxTokens), question, mode);
        done.push(one);
        appendLine(out, one);
        process.stderr.write(
          `--read ${mode}  ${model} ${one.answeringRank}  scout ahead ${one.scoutRank ?? "-"}  ` +
            `${one.cited[0] === path ? "cited right" : `cited ${one.cited[0] ?? "nothing"}`}  ${text}\n`,
        );
      }
    }
    const asked = new Set(questions.map(({ text }) => text));
    process.stdout.write(
      `${tally(
        model,
        done.filter(({ question }) => asked.has(question)),
      )}\n`,
    );
  } finally {
    await parts.dispose();
  }
}

void main();
