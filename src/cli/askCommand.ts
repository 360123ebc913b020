/** `blocksight ask`. */
import { AskSession } from "../askSession.js";
import type { AskParts, Asked, ConnectedParts } from "../ask/askParts.js";
import { type AskArguments, parseAskArguments } from "./askArguments.js";
import { AskSurface } from "./askSurface.js";
import { type Command, type CommandContext, EXIT, resolvePath } from "./commandContext.js";
import { ASK_HELP } from "./help.js";
import { jsonText } from "./jsonText.js";
import type { MakeReport } from "./makeReport.js";
import { checkTarget, saveReport, saveTrace } from "./traceFiles.js";

/** Makes the parts for these arguments; tests put a fake engine here. */
export type Connect = (args: AskArguments, context: CommandContext) => Promise<ConnectedParts>;

export function askCommand(connect: Connect, makeReport: MakeReport): Command {
  return async (list, context) => {
    const args = parseAskArguments(list);
    if (args.isHelp) {
      context.stdout.write(ASK_HELP);
      return EXIT.ok;
    }
    const pathOf = (file: string | undefined): string | undefined =>
      file === undefined ? undefined : resolvePath(context, file);
    const traceFile = pathOf(args.traceFile);
    const htmlFile = pathOf(args.htmlFile);
    if (traceFile !== undefined) await checkTarget(traceFile, "trace");
    if (htmlFile !== undefined) await checkTarget(htmlFile, "report");
    const parts = await connect(args, context);
    try {
      const { result, trace } = await askOnce(parts, args, context);
      if (traceFile !== undefined) await saveTrace(traceFile, trace);
      if (htmlFile !== undefined) await saveReport(htmlFile, await makeReport(trace));
      if (args.isJson) context.stdout.write(jsonText(result));
      return result.stopReason === "cancelled" ? EXIT.cancelled : EXIT.ok;
    } finally {
      await parts.dispose();
    }
  };
}

async function askOnce(
  parts: AskParts,
  args: AskArguments,
  context: CommandContext,
): Promise<Asked> {
  const surface = new AskSurface(context, args.isJson);
  const { question, read, scout, maxTokens, sampling, budgetTokens } = args;
  try {
    return await new AskSession(parts).ask(
      {
        text: question,
        read,
        scout,
        maxTokens,
        sampling,
        ...(budgetTokens === undefined ? {} : { budgetTokens }),
      },
      { signal: context.signal, onEvent: (event) => surface.onEvent(event) },
    );
  } finally {
    surface.clear();
  }
}
