/** Arguments to a command, and every ending to an exit status. Pure but for what it is given. */
import { SCHEMA } from "../shared/answer.js";
import { BlocksightError, type WireError } from "../shared/errors.js";
import { type Command, type CommandContext, EXIT, type ExitStatus } from "./commandContext.js";
import { escapeLine, escapeText } from "./escapeText.js";
import { HELP } from "./help.js";
import { jsonText } from "./jsonText.js";
import { styleOf } from "./style.js";

export type Commands = Readonly<Record<string, Command>>;

/** Never throws. */
export async function runCommandLine(
  commands: Commands,
  version: string,
  args: readonly string[],
  context: CommandContext,
): Promise<ExitStatus> {
  const [name, ...rest] = args;
  try {
    if (name === "--version" || name === "-v") {
      context.stdout.write(`blocksight ${version}\n`);
      return EXIT.ok;
    }
    if (name === "--help" || name === "-h" || name === "help") {
      context.stdout.write(HELP);
      return EXIT.ok;
    }
    const command =
      name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) throw unknownCommand(commands, name);
    return await command(rest, context);
  } catch (error) {
    return report(error, context, endOfOptions(rest).includes("--json"));
  }
}

function endOfOptions(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

function unknownCommand(commands: Commands, name: string | undefined): BlocksightError {
  const names = Object.keys(commands).join(", ");
  const what =
    name === undefined ? "There is no command." : `There is no command ${JSON.stringify(name)}.`;
  return new BlocksightError(
    "usage",
    what,
    `The commands are ${names}; see \`blocksight --help\`. Under npm put \`--\` before the arguments.`,
  );
}

/** Three outcomes: stopped (quiet), expected (a sentence and a next step), a bug (with its stack). */
function report(error: unknown, { stdout, stderr }: CommandContext, isJson: boolean): ExitStatus {
  const failure = wireErrorOf(error);
  const style = styleOf(stderr);
  stderr.write(`${style.warn("blocksight:")} ${escapeLine(failure.message)}\n`);
  if (failure.next !== "") stderr.write(`${escapeLine(failure.next)}\n`);
  if (!(error instanceof BlocksightError) && error instanceof Error && error.stack !== undefined) {
    stderr.write(style.dim(`${escapeText(error.stack)}\n`));
  }
  if (isJson) stdout.write(jsonText({ schema: SCHEMA, error: failure }));
  if (failure.code === "usage") return EXIT.usage;
  return failure.code === "cancelled" ? EXIT.cancelled : EXIT.failed;
}

function wireErrorOf(error: unknown): WireError {
  // Without the words for surfaces with buttons: `--json` holds what is printed.
  if (error instanceof BlocksightError) {
    const { code, message, next } = error;
    return { code, message, next };
  }
  return {
    code: "internal",
    message: `This is a bug in Blocksight: ${error instanceof Error ? error.message : String(error)}`,
    next: "Please report it with the lines below; `blocksight doctor` prints the versions.",
  };
}
