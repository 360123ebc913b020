/** `blocksight trace FILE`: the same answer and table as when it was asked. */
import { askResultOf } from "../trace/askResult.js";
import {
  type Command,
  type CommandContext,
  EXIT,
  type ExitStatus,
  resolvePath,
} from "./commandContext.js";
import { escapeLine, escapeText } from "./escapeText.js";
import { TRACE_HELP } from "./help.js";
import { jsonText } from "./jsonText.js";
import { parseCommand, takePositionals, usageError } from "./parseCommand.js";
import { renderEvidence, renderTimings } from "./renderAnswer.js";
import { styleOf } from "./style.js";
import type { MakeReport } from "./makeReport.js";
import { loadTrace, saveReport } from "./traceFiles.js";

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  json: { type: "boolean", default: false },
  html: { type: "string" },
} as const;

export function traceCommand(makeReport: MakeReport): Command {
  return (args, context) => showTrace(args, context, makeReport);
}

async function showTrace(
  args: readonly string[],
  context: CommandContext,
  makeReport: MakeReport,
): Promise<ExitStatus> {
  const { values, positionals } = parseCommand("trace", args, OPTIONS);
  if (values.help) {
    context.stdout.write(TRACE_HELP);
    return EXIT.ok;
  }
  const [file] = takePositionals("trace", positionals, 1, "file");
  if (file === undefined) throw usageError("trace", "There is no file to show.");
  const { trace, notices } = await loadTrace(resolvePath(context, file));
  const { stdout, stderr } = context;
  const style = styleOf(stderr);
  for (const notice of notices) stderr.write(`${style.warn(escapeLine(notice))}\n`);
  if (values.html !== undefined) {
    await saveReport(resolvePath(context, values.html), await makeReport(trace));
  }
  const result = askResultOf(trace);
  if (values.json) {
    stdout.write(jsonText(result));
    return EXIT.ok;
  }
  stderr.write(`${style.bold(escapeLine(result.question))}\n\n`);
  const answer = escapeText(result.answer);
  if (answer !== "") stdout.write(answer.endsWith("\n") ? answer : `${answer}\n`);
  const page = { columns: stderr.columns, style };
  stderr.write(
    `\n${renderEvidence(result, page)}${style.dim(escapeLine(renderTimings(result)))}\n`,
  );
  return EXIT.ok;
}
