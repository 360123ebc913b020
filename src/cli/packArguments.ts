/** `pack`'s arguments, checked. */
import type { FileOrder } from "../pack/orderFiles.js";
import type { Layout } from "../shared/model.js";
import {
  PACK_OPTIONS,
  parseCommand,
  takePositionals,
  usageError,
  wholeNumber,
} from "./parseCommand.js";

export interface PackArguments {
  readonly isHelp: boolean;
  /** As given; relative ones start at the working directory. */
  readonly repos: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly budgetTokens: number | undefined;
  readonly layout: Layout;
  readonly order: FileOrder | undefined;
  readonly isJson: boolean;
  readonly isCacheUsed: boolean;
}

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  ...PACK_OPTIONS,
  layout: { type: "string", default: "independent" },
  order: { type: "string" },
  json: { type: "boolean", default: false },
  "no-cache": { type: "boolean", default: false },
} as const;

const MOST_TOKENS = 100_000_000;

/** Throws `usage`. */
export function parsePackArguments(args: readonly string[]): PackArguments {
  const { values, positionals } = parseCommand("pack", args, OPTIONS);
  takePositionals("pack", positionals, 0, "argument");
  const { layout, order, budget } = values;
  if (layout !== "independent" && layout !== "causal") {
    throw usageError(
      "pack",
      `--layout takes independent or causal, not ${JSON.stringify(layout)}.`,
    );
  }
  if (order !== undefined && order !== "path" && order !== "time") {
    throw usageError("pack", `--order takes path or time, not ${JSON.stringify(order)}.`);
  }
  return {
    isHelp: values.help === true,
    repos: values.repo ?? ["."],
    include: values.include ?? [],
    exclude: values.exclude ?? [],
    budgetTokens:
      budget === undefined ? undefined : wholeNumber("pack", "--budget", budget, 1, MOST_TOKENS),
    layout,
    order,
    isJson: values.json,
    isCacheUsed: !values["no-cache"],
  };
}
