/**
 * Asks a shipped model in the engine what `python -m blocksight_train evaluate` asks it in PyTorch, and
 * writes records that `python -m blocksight_train report` reads beside the other's.
 */
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { GREEDY } from "../../src/ask/askParts.js";
import { AskSession } from "../../src/askSession.js";
import { parseAskArguments } from "../../src/cli/askArguments.js";
import { connectTo } from "../../src/cli/connect.js";
import type { AskResult } from "../../src/shared/answer.js";
import { adapterTag } from "./adapterTag.js";
import { packOf } from "./handPack.js";
import {
  type MadeQuestion,
  MadeRecords,
  type MadeTree,
  answerWithCitations,
  readMadeTrees,
} from "./madeQuestions.js";
import { silentContext } from "./silentContext.js";

const USAGE = `Usage: npm run eval -- --made FOLDER --out FILE [--model scout|coder] [--read all|auto|N]
  [--trees N,N] [--max-tokens 48] [--minutes N]

FOLDER is what "python -m blocksight_train trees" wrote; --trees takes the numbers that its trees
begin with. A run that was stopped, or that --minutes ended, goes on where it was. "python -m blocksight_train report FILE ..." prints the tables.
`;
/** As `evaluate` keeps them. */
const KEPT_FILES = 10;
/** No pack is too large for an evaluation: what does not fit into memory says so. */
const BUDGET_TOKENS = 100_000_000;

function readOptions() {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", short: "h", default: false },
      made: { type: "string", default: "" },
      out: { type: "string", default: "" },
      model: { type: "string", default: "scout" },
      read: { type: "string", default: "all" },
      trees: { type: "string" },
      "max-tokens": { type: "string", default: "48" },
      minutes: { type: "string", default: "Infinity" },
    },
  });
  const { model, made, out } = values;
  const isKnown = model === "coder" || model === "scout";
  const isMisspelt =
    Number.isNaN(Number(values.minutes)) || Number.isNaN(Number(values["max-tokens"]));
  if (values.help || made === "" || out === "" || !isKnown || isMisspelt) {
    process.stderr.write(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  return {
    made,
    out,
    model,
    // The scout reads everything, whatever the option says.
    read: model === "coder" ? values.read : "all",
    trees: values.trees?.split(",").map(Number),
    maxTokens: Number(values["max-tokens"]),
    endsAt: Date.now() + Number(values.minutes) * 60_000,
  };
}

type Options = ReturnType<typeof readOptions>;

const CONTEXT = silentContext(process.cwd());

/** What changes answers. `report` prints the adapter. */
function headOf({ model, read, maxTokens }: Options): object {
  const adapters = adapterTag(model === "coder" ? ["coder", "scout"] : ["scout"]);
  const adapter = `media/models/${model}.safetensors`;
  return { engine: true, adapter, adapters, read, maxTokens };
}

/** What `report` reads, and how long it took. */
interface MadeRecord extends MadeQuestion {
  readonly answer: string;
  /** Path and focus, the best first. */
  readonly files: readonly (readonly [string, number])[];
  readonly cited: readonly string[];
  readonly ofFiles: number;
  readonly tokens: number;
  readonly firstTokenMs: number;
  readonly prefillMs: number;
  readonly prefillTokens: number;
  readonly decodeMs: number;
  readonly decodeTokens: number;
}

function recordOf(asked: MadeQuestion, result: AskResult): MadeRecord {
  const { timings } = result;
  return {
    ...asked,
    answer: answerWithCitations(result.answer, result.citations),
    files: result.files
      .filter(({ focus }) => focus > 0)
      .slice(0, KEPT_FILES)
      .map((file) => [file.path, file.focus] as const),
    cited: result.citations.map((citation) => citation.path),
    ofFiles: result.files.length,
    tokens: result.pack.tokens,
    firstTokenMs: Math.round(timings.firstTokenMs),
    prefillMs: Math.round(timings.prefillMs),
    prefillTokens: timings.prefillTokens,
    decodeMs: Math.round(timings.decodeMs),
    decodeTokens: timings.decodeTokens,
  };
}

/** Files that questions are about and that the product's packer left out: their questions cannot be answered. */
function tellLeftOut(tree: MadeTree, packed: ReadonlySet<string>): void {
  const gold = new Set(tree.questions.flatMap((asked) => asked.gold));
  const missing = [...gold].filter((file) => !packed.has(file));
  for (const file of missing) process.stderr.write(`${tree.name}: not packed: ${file}\n`);
}

/** Whether everything was asked before the time was over. */
async function askTree(options: Options, tree: MadeTree, records: MadeRecords): Promise<boolean> {
  const open = tree.questions.filter((asked) => !records.has(asked));
  if (open.length === 0) return true;
  const { model, read, maxTokens } = options;
  const budgetTokens = BUDGET_TOKENS;
  const repo = ["--repo", tree.folder, "--budget", String(budgetTokens), "--no-cache"];
  const args = parseAskArguments(["--model", model, "--read", read, ...repo, "evaluation"]);
  const parts = await connectTo(path.resolve("dist"))(args, CONTEXT);
  try {
    const pack = await packOf(parts, CONTEXT);
    tellLeftOut(tree, new Set(pack.files.map((file) => file.path)));
    const session = new AskSession({ ...parts, pack: () => Promise.resolve(pack) });
    const asking = { read: args.read, maxTokens, sampling: GREEDY, budgetTokens };
    for (const [at, asked] of open.entries()) {
      if (Date.now() > options.endsAt) return false;
      const { result } = await session.ask(
        { text: asked.text, ...asking },
        { signal: CONTEXT.signal, onEvent: () => undefined },
      );
      records.add(recordOf(asked, result));
      const seconds = (result.timings.firstTokenMs / 1000).toFixed(1);
      process.stderr.write(
        `${tree.name} ${at + 1}/${open.length}  ${seconds} s  ${asked.type}  ${asked.text}\n`,
      );
    }
    return true;
  } finally {
    await parts.dispose();
  }
}

/** Runs in the root of a clone whose bundles are built. */
async function main(): Promise<void> {
  const options = readOptions();
  const { made, trees } = options;
  const numberOf = ({ name }: MadeTree): number => Number.parseInt(name, 10);
  const chosen = readMadeTrees(made).filter((tree) => trees?.includes(numberOf(tree)) ?? true);
  if (chosen.length === 0) throw new Error(`${made} has no such trees.`);
  const records = new MadeRecords(options.out, headOf(options));
  for (const tree of chosen) {
    if (!(await askTree(options, tree, records))) break;
  }
}

void main();
