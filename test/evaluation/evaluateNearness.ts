/**
 * How large a part of a pack must be read in the order of nearness until it holds a file that a
 * question of test/eval needs. No model is opened: a repository takes seconds.
 */
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { nearnessOf } from "../../src/ask/nearness.js";
import { byFocus } from "../../src/ask/readingOrder.js";
import { cacheFolder } from "../../src/engine/modelFiles.js";
import type { Pack } from "../../src/shared/pack.js";
import { connectHand, packOf } from "./handPack.js";
import { type HandQuestion, readHandQuestions } from "./handQuestions.js";
import { fetchTree } from "./repositories.js";
import { silentContext } from "./silentContext.js";

const PARTS = [0.1, 0.2, 0.25, 0.3, 0.35, 0.5, 0.7];
const CONTEXT = silentContext(process.cwd());

/** Packs larger than memory would hold are measured as well: nothing of them is read. */
const BUDGET_TOKENS = "5000000";

/** The part of the tokens that stands before the nearest segment with lines that the question needs. */
function partBefore({ question, files }: HandQuestion, pack: Pack): number {
  const tokens = pack.models[0]?.tokens.map((ids) => ids.length) ?? [];
  const all = tokens.reduce((sum, count) => sum + count, 0);
  let before = 0;
  for (const segment of byFocus(nearnessOf(question, pack))) {
    const { file = -1, startLine = 0, endLine = 0 } = pack.segments[segment] ?? {};
    const isGold = files.some(
      ({ path: gold, lines: [from, to] }) =>
        gold === pack.files[file]?.path && from <= endLine && to >= startLine,
    );
    if (isGold) return before / all;
    before += tokens[segment] ?? 0;
  }
  return 1;
}

function row(name: string, parts: readonly number[]): string {
  const within = PARTS.map((part) => parts.filter((before) => before < part).length);
  const shares = within.map((count) => ((100 * count) / Math.max(1, parts.length)).toFixed(1));
  return `| ${name} | ${parts.length} | ${shares.join(" | ")} |\n`;
}

/** Runs in the root of a clone whose bundles are built. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { repos: { type: "string" }, mirror: { type: "string" } },
  });
  const wanted = values.repos?.split(",");
  const every = readHandQuestions("test/eval");
  const names = [...new Set(every.map(({ repo }) => repo))].filter(
    (repo) => wanted === undefined || wanted.includes(repo.split("/")[1] ?? ""),
  );
  const cache = path.join(cacheFolder(process.env), "evaluation");
  const source = { cache, ...(values.mirror === undefined ? {} : { mirror: values.mirror }) };
  const ofAll: number[] = [];
  const heads = PARTS.map((part) => `${Math.round(part * 100)} %`).join(" | ");
  process.stdout.write(`| within this part of the tokens | questions | ${heads} |\n`);
  process.stdout.write(`|---|---:|${PARTS.map(() => "---:|").join("")}\n`);
  for (const name of names) {
    const questions = every.filter(({ repo }) => repo === name);
    const [{ commit, language } = { commit: "", language: "" }] = questions;
    const folder = fetchTree(name, commit, source);
    const parts = await connectHand(["--budget", BUDGET_TOKENS], { folder, language }, CONTEXT);
    try {
      const pack = await packOf(parts, CONTEXT);
      const before = questions.map((question) => partBefore(question, pack));
      ofAll.push(...before);
      process.stdout.write(row(name, before));
    } finally {
      await parts.dispose();
    }
  }
  process.stdout.write(row("all", ofAll));
}

void main();
