/**
 * How often a file that a question needs is among the first segments by the scout's focus, by the
 * question's words, and by both. The scout's focus is that of the whole pack, or, as after `planScout`
 * where a pack is large, of the nearest quarter. No model is opened.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { type PackedWords, nearnessOf } from "../../src/ask/nearness.js";
import { byFocus, byFocusAndNearness } from "../../src/ask/readingOrder.js";
import { planScout } from "../../src/ask/readingPlan.js";

const FIRST = [1, 3, 5, 8, 12, 16];
/** A scout that reads nothing in ten seconds: the quarter is what it has to read first. */
const SLOW = 1;

/** A line of `python -m blocksight_train order`. */
interface OrderedPack {
  readonly name: string;
  readonly paths: readonly string[];
  readonly texts: readonly string[];
  readonly tokens: readonly number[];
  readonly questions: readonly {
    readonly text: string;
    readonly type: string;
    readonly gold: readonly string[];
    /** Segments by the scout's focus, the first of them. */
    readonly order: readonly number[];
  }[];
}

type Order = (focus: Float64Array, nearness: Float64Array) => Uint32Array;
const ORDERS: readonly (readonly [string, Order])[] = [
  ["scout", (focus) => byFocus(focus)],
  ["words", (_, nearness) => byFocus(nearness)],
  ["both", byFocusAndNearness],
];

/** Ranks alone are known of the records, and ranks alone count. */
function focusOf(order: readonly number[], segments: number): Float64Array {
  const focus = new Float64Array(segments);
  for (const [rank, segment] of order.entries()) focus[segment] = 1 / (1 + rank);
  return focus;
}

function nearQuarter(nearness: Float64Array, tokens: readonly number[]): Set<number> {
  const held = new Uint8Array(tokens.length);
  const state = { segmentTokens: Uint32Array.from(tokens), held, tokensPerSecond: SLOW };
  return new Set(planScout({ t: "auto" }, nearness, state).fresh);
}

/** Shares of the wanted files that are among the first 1, 3, 5, … segments. */
function found(order: Uint32Array, paths: readonly string[], gold: readonly string[]): number[] {
  return FIRST.map((count) => {
    const read = new Set([...order.subarray(0, count)].map((segment) => paths[segment]));
    return gold.filter((file) => read.has(file)).length / gold.length;
  });
}

function packOfTexts({ paths, texts }: OrderedPack): PackedWords {
  const names = [...new Set(paths)];
  const encoder = new TextEncoder();
  return {
    files: names.map((file) => ({ path: file })),
    segments: paths.map((file) => ({ file: names.indexOf(file) })),
    texts: texts.map((text) => encoder.encode(text)),
  };
}

/** By order, of every question: `found` where the scout has ranked all, then where it has ranked the quarter. */
function measure(packs: readonly OrderedPack[]): Map<string, number[][]> {
  const results = new Map<string, number[][]>();
  for (const ordered of packs) {
    const pack = packOfTexts(ordered);
    for (const { text, gold, order } of ordered.questions) {
      const nearness = nearnessOf(text, pack);
      const near = nearQuarter(nearness, ordered.tokens);
      const quarter = order.filter((segment) => near.has(segment));
      for (const [part, ranked] of [
        ["all", order],
        ["the quarter", quarter],
      ] as const) {
        const focus = focusOf(ranked, ordered.paths.length);
        for (const [name, by] of ORDERS) {
          const key = `${part} | ${name}`;
          const rows = results.get(key) ?? results.set(key, []).get(key);
          rows?.push(found(by(focus, nearness), ordered.paths, gold));
        }
      }
    }
  }
  return results;
}

function main(): void {
  const files = process.argv.slice(2);
  if (files.length === 0) {
    process.stderr.write("Usage: node scripts/evaluateOrder.mjs PACKS.jsonl ...\n");
    process.exit(2);
  }
  for (const file of files) {
    const lines = readFileSync(path.resolve(process.env["INIT_CWD"] ?? "", file), "utf8").split(
      "\n",
    );
    const packs = lines
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as OrderedPack);
    const results = measure(packs);
    const head = `| ranked by the scout | order | ${FIRST.join(" | ")} |\n|---|---|${"---:|".repeat(FIRST.length)}\n`;
    const questions = [...results.values()][0]?.length ?? 0;
    process.stdout.write(
      `\n${path.basename(file)}, ${questions} questions, right files among the first segments, percent\n\n${head}`,
    );
    for (const [key, rows] of results) {
      const shares = FIRST.map(
        (_, at) => rows.reduce((sum, row) => sum + (row[at] ?? 0), 0) / rows.length,
      );
      process.stdout.write(
        `| ${key} | ${shares.map((share) => (100 * share).toFixed(1)).join(" | ")} |\n`,
      );
    }
  }
}

main();
