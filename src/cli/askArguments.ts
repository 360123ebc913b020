/** `ask`'s arguments, checked. */
import { GREEDY } from "../ask/askParts.js";
import type { ReadMode, ScoutMode } from "../ask/readingPlan.js";
import type { Sampling } from "../shared/engineMessages.js";
import type { IndexSource, Layout } from "../shared/model.js";
import {
  PACK_OPTIONS,
  parseCommand,
  realNumber,
  takePositionals,
  usageError,
  wholeNumber,
} from "./parseCommand.js";

export interface AskArguments {
  readonly isHelp: boolean;
  readonly question: string;
  /** As given; relative ones start at the working directory. */
  readonly repos: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly budgetTokens: number | undefined;
  /** "coder", "scout" or a path; undefined where the user left the choice open. */
  readonly model: string | undefined;
  /** Of a model that is given by path. */
  readonly adapter: string | undefined;
  readonly read: ReadMode;
  readonly scout: ScoutMode;
  readonly index: IndexSource | undefined;
  readonly layout: Layout | undefined;
  readonly maxTokens: number;
  readonly sampling: Sampling;
  readonly threads: number | undefined;
  readonly isJson: boolean;
  readonly traceFile: string | undefined;
  /** Where the stand-alone report goes. */
  readonly htmlFile: string | undefined;
  readonly isCacheUsed: boolean;
}

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  ...PACK_OPTIONS,
  model: { type: "string" },
  adapter: { type: "string" },
  read: { type: "string", default: "auto" },
  scout: { type: "string", default: "near" },
  index: { type: "string" },
  layout: { type: "string" },
  "max-tokens": { type: "string", default: "400" },
  temperature: { type: "string", default: "0" },
  "top-p": { type: "string", default: "1" },
  seed: { type: "string", default: "0" },
  threads: { type: "string" },
  json: { type: "boolean", default: false },
  trace: { type: "string" },
  html: { type: "string" },
  "no-cache": { type: "boolean", default: false },
} as const;

const MOST_SEGMENTS = 1_000_000;
const MOST_TOKENS = 100_000_000;
/** The conversation's window holds 2,048 tokens; a model with a larger one says so by itself. */
const MOST_ANSWER_TOKENS = 1_000_000;

/** Throws `usage`. */
export function parseAskArguments(args: readonly string[]): AskArguments {
  const { values, positionals } = parseCommand("ask", args, OPTIONS);
  const isHelp = values.help === true;
  const [question = ""] = takePositionals("ask", positionals, 1, "question");
  if (question.trim() === "" && !isHelp) {
    throw usageError("ask", "There is no question.");
  }
  return {
    isHelp,
    question,
    repos: values.repo ?? ["."],
    include: values.include ?? [],
    exclude: values.exclude ?? [],
    budgetTokens: optional(values.budget, (text) =>
      wholeNumber("ask", "--budget", text, 1, MOST_TOKENS),
    ),
    model: optional(values.model, (text) => {
      if (text === "")
        throw usageError("ask", "--model takes coder, scout or a path, not nothing.");
      return text;
    }),
    adapter: adapterOf(values),
    read: readMode(values.read),
    scout: oneOf("--scout", values.scout, ["near", "all"]),
    index: optional(values.index, (text) => oneOf("--index", text, ["trained", "keys"])),
    layout: optional(values.layout, (text) => oneOf("--layout", text, ["independent", "causal"])),
    maxTokens: wholeNumber("ask", "--max-tokens", values["max-tokens"], 1, MOST_ANSWER_TOKENS),
    sampling: {
      ...GREEDY,
      temperature: realNumber("ask", "--temperature", values.temperature, 0, 10),
      topP: realNumber("ask", "--top-p", values["top-p"], 0, 1),
      seed: wholeNumber("ask", "--seed", values.seed, 0, Number.MAX_SAFE_INTEGER),
    },
    threads: optional(values.threads, (text) => wholeNumber("ask", "--threads", text, 1, 1024)),
    isJson: values.json,
    traceFile: values.trace,
    htmlFile: values.html,
    isCacheUsed: !values["no-cache"],
  };
}

function adapterOf({
  adapter,
  model = "coder",
}: {
  readonly adapter?: string | undefined;
  readonly model?: string | undefined;
}): string | undefined {
  if (adapter === undefined) return undefined;
  if (adapter === "") throw usageError("ask", "--adapter takes a path, not nothing.");
  if (model === "coder" || model === "scout") {
    throw usageError("ask", "--adapter needs --model PATH; coder and scout have their own.");
  }
  return adapter;
}

function readMode(text: string): ReadMode {
  if (text === "auto" || text === "all") return { t: text };
  if (!/^[0-9]+$/.test(text)) {
    throw usageError("ask", `--read takes auto, all or a number, not ${JSON.stringify(text)}.`);
  }
  return { t: "count", count: wholeNumber("ask", "--read", text, 1, MOST_SEGMENTS) };
}

function oneOf<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) {
    const list = choices.join(" or ");
    throw usageError("ask", `${option} takes ${list}, not ${JSON.stringify(text)}.`);
  }
  return choice;
}

function optional<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}
