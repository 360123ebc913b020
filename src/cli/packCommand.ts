/** `blocksight pack`: what would be read, and what is skipped and why, without running a model. */
import { MOST_TOKENS, overBudget, refuseEmpty } from "../ask/budget.js";
import { productModels } from "../packDirectories.js";
import { WorkspacePacker, openPackTokenizers } from "../packWorkspace.js";
import type { Engine } from "../shared/engine.js";
import { BlocksightError } from "../shared/errors.js";
import type { FindSymbols } from "../shared/fileSymbols.js";
import { type Command, type CommandContext, EXIT, resolvePath } from "./commandContext.js";
import { escapeLine } from "./escapeText.js";
import { formatDuration, formatNoun } from "./format.js";
import { PACK_HELP } from "./help.js";
import { jsonText } from "./jsonText.js";
import { type PackArguments, parsePackArguments } from "./packArguments.js";
import { packTableOf, renderPackTable } from "./packTable.js";
import { ProgressLine } from "./progressLine.js";
import { styleOf } from "./style.js";

/** What packing needs; tests put a fake engine here. */
interface PackParts {
  readonly engine: Engine;
  readonly findSymbols: FindSymbols;
  /** Where adapters and tokenizers of the product lie. */
  readonly media: string;
  /** Where cuts are kept between runs. */
  readonly cacheDirectory: string;
  readonly dispose: () => Promise<void>;
}

export type ConnectPack = (context: CommandContext) => PackParts;

/** A page of the coder: 28 layers of keys and values in int8 and of index keys, for each token. */
const CODER_BYTES_PER_TOKEN = 18_000;

export function packCommand(connect: ConnectPack): Command {
  return async (list, context) => {
    const args = parsePackArguments(list);
    if (args.isHelp) {
      context.stdout.write(PACK_HELP);
      return EXIT.ok;
    }
    const parts = connect(context);
    try {
      await runPack(args, parts, context);
      return EXIT.ok;
    } catch (error) {
      if (context.signal.aborted) throw cancelled();
      throw error;
    } finally {
      await parts.dispose();
    }
  };
}

async function runPack(
  args: PackArguments,
  { engine, findSymbols, media, cacheDirectory }: PackParts,
  context: CommandContext,
): Promise<void> {
  const { stdout, stderr, signal } = context;
  const style = styleOf(stderr);
  const progress = new ProgressLine(stderr);
  const packer = new WorkspacePacker({
    engine,
    findSymbols,
    ...(args.isCacheUsed ? { cacheDirectory } : {}),
  });
  const [tokenizers, budgetTokens] = await Promise.all([
    openPackTokenizers(engine, await productModels(media, "coder")),
    args.budgetTokens ?? memoryBudget(engine),
  ]);
  const start = performance.now();
  const built = await packer.pack({
    roots: args.repos.map((repo) => resolvePath(context, repo)),
    include: args.include,
    exclude: args.exclude.map((glob) => ({ glob, rule: { text: `--exclude ${glob}` } })),
    ...{ tokenizers, layout: args.layout, budgetTokens, signal },
    ...(args.order === undefined ? {} : { order: args.order }),
    onProgress: ({ files, ofFiles, path }) => {
      progress.draw(
        () => `Packing ${files} of ${formatNoun(ofFiles, "file")}  ${style.dim(escapeLine(path))}`,
      );
    },
  });
  progress.clear();
  for (const { text, file = "", line = 0 } of built.refusedRules) {
    const place = escapeLine(`${file}:${line}`);
    stderr.write(
      style.warn(`${place}: a rule with this many wildcards is not applied: ${escapeLine(text)}\n`),
    );
  }
  if (built.t === "overBudget") {
    const { tokens, folders, isEstimate } = built.over;
    throw overBudget(tokens, budgetTokens, folders, isEstimate);
  }
  const table = packTableOf(built.pack, args.layout, performance.now() - start);
  if (built.pack.files.length === 0) {
    // Nothing is left, but why is worth seeing.
    if (!args.isJson) stderr.write(renderPackTable(table, { columns: stderr.columns, style }));
  }
  refuseEmpty(built.pack);
  const page = { columns: stdout.columns, style: styleOf(stdout) };
  stdout.write(args.isJson ? jsonText(table) : renderPackTable(table, page));
  stderr.write(style.dim(`Packed in ${formatDuration(table.timings.packMs)}\n`));
  await packer.settle();
}

async function memoryBudget(engine: Engine): Promise<number> {
  const { freeMemoryBytes } = await engine.request("hello", undefined);
  return Math.min(MOST_TOKENS, Math.floor(freeMemoryBytes / 2 / CODER_BYTES_PER_TOKEN));
}

function cancelled(): BlocksightError {
  return new BlocksightError("cancelled", "Packing was stopped.", "Run the command again.");
}
