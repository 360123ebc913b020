/** `util.parseArgs` with failures in words: every usage error is one sentence and a next step. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { BlocksightError } from "../shared/errors.js";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** What every command that packs takes: which files, and how many of their tokens. */
export const PACK_OPTIONS = {
  repo: { type: "string", multiple: true },
  include: { type: "string", multiple: true },
  exclude: { type: "string", multiple: true },
  budget: { type: "string" },
} as const;

type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: O; strict: true; allowPositionals: true }>
>;

/** Throws `usage` for anything that the options do not name or that lacks its value. */
export function parseCommand<const O extends Options>(
  command: string,
  args: readonly string[],
  options: O,
): { values: Parsed<O>["values"]; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    // Node's message ends with advice of its own in further sentences; the first one says what is wrong.
    const text = error instanceof Error ? error.message : String(error);
    const sentence = text.split(/\.\s|\n/, 1)[0]?.replace(/\.?$/, ".") ?? text;
    throw usageError(command, sentence);
  }
}

export function usageError(command: string, message: string): BlocksightError {
  return new BlocksightError("usage", message, `Run \`blocksight ${command} --help\`.`);
}

/** At most `count` positionals. More usually means that npm ate the options, or a missing quote. */
export function takePositionals(
  command: string,
  positionals: readonly string[],
  count: number,
  noun: string,
): readonly string[] {
  if (positionals.length <= count) return positionals;
  throw new BlocksightError(
    "usage",
    `${command} takes ${count === 0 ? "no" : "one"} ${noun}, and got ${positionals.length}: ${positionals
      .map((text) => JSON.stringify(text))
      .join(", ")}.`,
    "Quote a question of several words, and under npm put `--` before the arguments: " +
      `npm run -s blocksight -- ${command} …`,
  );
}

/** A whole number in `[low, high]`, or a usage error that says so. */
export function wholeNumber(
  command: string,
  option: string,
  text: string,
  low: number,
  high: number,
): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < low || value > high) {
    throw usageError(
      command,
      `${option} takes a whole number from ${low} to ${high}, not ${JSON.stringify(text)}.`,
    );
  }
  return value;
}

/** A number in `[low, high]`, or a usage error that says so. */
export function realNumber(
  command: string,
  option: string,
  text: string,
  low: number,
  high: number,
): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= low && value <= high)) {
    throw usageError(
      command,
      `${option} takes a number from ${low} to ${high}, not ${JSON.stringify(text)}.`,
    );
  }
  return value;
}
