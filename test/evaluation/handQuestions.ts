/** The questions of test/eval: written by hand over reserved repositories, one JSON object a line. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { readLines } from "./lineFile.js";

export interface HandQuestion {
  readonly repo: string;
  readonly commit: string;
  readonly language: string;
  readonly question: string;
  /** Every file that is needed; lines are 1-based and inclusive. */
  readonly files: readonly { readonly path: string; readonly lines: readonly [number, number] }[];
  /** A right answer, short. */
  readonly answer: string;
  /** What a right answer must hold, each fact in one of its spellings. */
  readonly facts: readonly (readonly string[])[];
}

/** Questions of every file in `folder`, in the order of the files' names. */
export function readHandQuestions(folder: string): readonly HandQuestion[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .flatMap((name) => readLines(path.join(folder, name)) as readonly HandQuestion[]);
}

/** Files of a language, as `--include` takes them: documentation would answer instead of the code. */
export const SOURCES: Readonly<Record<string, readonly string[]>> = {
  python: ["**/*.py"],
  javascript: ["**/*.js", "**/*.mjs", "**/*.ts"],
  typescript: ["**/*.ts", "**/*.tsx", "**/*.js"],
  go: ["**/*.go"],
  java: ["**/*.java"],
  rust: ["**/*.rs"],
};

/** Bundles that hold every source a second time, and tables of generated data: a file is asked for once. */
export const COPIES: readonly string[] = ["dist/**", "profiling/**"];
