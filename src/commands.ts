/** Command id -> handler, one table: the manifest test compares it with package.json. */
import * as vscode from "vscode";
import type { Log } from "./platform/log.js";
import { runCommand } from "./platform/runCommand.js";

const COMMANDS = [
  "ask",
  "askSelection",
  "askFile",
  "askFolder",
  "stop",
  "newConversation",
  "showEvidence",
  "openTrace",
  "saveTrace",
  "exportReport",
  "readOn",
  "refreshPack",
  "toggleMarks",
  "clearMarks",
  "openRead",
  "getModels",
  "restartEngine",
  "showStatus",
  "showLog",
  "openSettings",
] as const;

type CommandName = (typeof COMMANDS)[number];

export type CommandHandlers = Readonly<
  Record<CommandName, (argument?: unknown, second?: unknown) => unknown>
>;

export function registerCommands(handlers: CommandHandlers, log: Log): vscode.Disposable {
  return vscode.Disposable.from(
    ...COMMANDS.map((name) =>
      vscode.commands.registerCommand(
        `blocksight.${name}`,
        (argument?: unknown, second?: unknown) =>
          runCommand(log, () => handlers[name](argument, second)),
      ),
    ),
  );
}

/** The resource a menu was opened on, or the active editor's. */
export function targetOf(argument: unknown): vscode.Uri | undefined {
  if (argument instanceof vscode.Uri) return argument;
  return vscode.window.activeTextEditor?.document.uri;
}
