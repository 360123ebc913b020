/** `blocksight doctor`: what a bug report needs, and what is missing with what to do about it. */
import type { Engine } from "../shared/engine.js";
import type { EngineInfo } from "../shared/engineMessages.js";
import { BlocksightError } from "../shared/errors.js";
import { KNOWN_MODELS } from "../engine/modelCatalog.js";
import { findModel, modelsFolder } from "../engine/modelFiles.js";
import { type Command, type CommandContext, EXIT } from "./commandContext.js";
import { escapeLine } from "./escapeText.js";
import { formatCount } from "./format.js";
import { DOCTOR_HELP } from "./help.js";
import { kernelText } from "./modelCommand.js";
import { parseCommand, takePositionals } from "./parseCommand.js";
import { styleOf } from "./style.js";

export interface DoctorParts {
  /** Starts the engine process; the command disposes it. */
  readonly startEngine: (context: CommandContext) => Engine;
  /** Of Blocksight, and of what it runs on: "node 20.20.2, linux x64". */
  readonly version: string;
  readonly platform: string;
}

type Row = readonly [name: string, value: string];

/** A row that the user can do something about. */
interface Finding {
  readonly rows: readonly Row[];
  readonly next?: string;
}

export function doctorCommand(parts: DoctorParts): Command {
  return async (args, context) => {
    const { values, positionals } = parseCommand("doctor", args, {
      help: { type: "boolean", short: "h" },
    });
    if (values.help) {
      context.stdout.write(DOCTOR_HELP);
      return EXIT.ok;
    }
    takePositionals("doctor", positionals, 0, "argument");
    const findings: readonly Finding[] = [
      { rows: [["blocksight", `${parts.version} on ${parts.platform}`]] },
      await engineFinding(parts, context),
      ...(await modelFindings(context)),
    ];
    const style = styleOf(context.stdout);
    for (const { rows, next } of findings) {
      for (const [name, value] of rows) {
        context.stdout.write(`${name.padEnd(11)} ${escapeLine(value)}\n`);
      }
      if (next !== undefined) {
        context.stdout.write(`${" ".repeat(12)}${style.warn(escapeLine(next))}\n`);
      }
    }
    return findings.some(({ next }) => next !== undefined) ? EXIT.failed : EXIT.ok;
  };
}

async function engineFinding(
  { startEngine }: DoctorParts,
  context: CommandContext,
): Promise<Finding> {
  let engine: Engine | undefined;
  try {
    engine = startEngine(context);
    return { rows: engineRows(await engine.request("hello", undefined)) };
  } catch (error) {
    if (!(error instanceof BlocksightError)) throw error;
    return { rows: [["engine", error.message]], next: error.next };
  } finally {
    await engine?.dispose();
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

function engineRows(info: EngineInfo): readonly Row[] {
  const { pageStore } = info;
  const store =
    pageStore === null
      ? "memory only"
      : `${gigabytes(pageStore.bytes)} of ${gigabytes(pageStore.limitBytes)} in ${pageStore.path}`;
  return [
    ["engine", info.version],
    ["processor", `${info.cpu}, ${info.threads} threads`],
    ["features", info.features.join(" ")],
    ["memory", `${gigabytes(info.freeMemoryBytes)} free`],
    [
      "kernels",
      `${info.tier}, ${info.numerics}, pages in ${info.kvType}: ${kernelText(info.kernels)}`,
    ],
    ["page store", store],
  ];
}

async function modelFindings({ env }: CommandContext): Promise<readonly Finding[]> {
  const folder = modelsFolder(env);
  return Promise.all(
    Object.values(KNOWN_MODELS).map(async (model): Promise<Finding> => {
      const { state, path, bytes } = await findModel(model, folder);
      const get = `Fetch it with: blocksight model get ${model.name}`;
      switch (state) {
        case "present":
          return { rows: [[model.name, `${model.title}, ${path}`]] };
        case "missing":
          return { rows: [[model.name, `not at ${path}`]], next: get };
        case "wrongSize": {
          const sizes = `${formatCount(bytes)} bytes instead of ${formatCount(model.bytes)}`;
          return { rows: [[model.name, `${path} has ${sizes}`]], next: get };
        }
      }
    }),
  );
}
