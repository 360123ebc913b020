/**
 * Connects the parts of the extension. `connect` makes the engine and the pack: the shipped
 * extension forks the engine process, tests of the surface put a fake engine here.
 */
import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import { type CommandHandlers, registerCommands } from "../commands.js";
import type { Asked } from "../ask/askParts.js";
import { readConfig, SECTION } from "../platform/config.js";
import { createLog, type Log } from "../platform/log.js";
import { runCommand } from "../platform/runCommand.js";
import { StatusBar } from "../platform/statusBar.js";
import type { AskState, ProblemAction } from "../shared/messages.js";
import { askResultOf } from "../trace/askResult.js";
import {
  askAboutFile,
  askAboutSelection,
  askWithinFolders,
  chooseScope,
  openLines,
} from "./askActions.js";
import type { ConnectedParts } from "../ask/askParts.js";
import { AskController, type AskSettings, type PackSelection } from "./askController.js";
import { AskModel } from "./askModel.js";
import { AskView } from "./askView.js";
import { AnswerStore } from "./answerStore.js";
import { answerMarkdown } from "./answerMarkdown.js";

export type Connect = (
  context: vscode.ExtensionContext,
  selection: () => PackSelection,
  log: Log,
) => Promise<ConnectedParts>;

/** What other extensions and the tests in a real editor may use. */
export interface BlocksightApi {
  readonly state: () => AskState;
}

const LEFT_OUT = "blocksight.leftOut";

export async function activateBlocksight(
  context: vscode.ExtensionContext,
  connect: Connect,
): Promise<BlocksightApi> {
  const { subscriptions } = context;
  const log = createLog();
  const statusBar = new StatusBar();
  const dist = vscode.Uri.joinPath(context.extensionUri, "dist");
  const answers = new AnswerStore(context.storageUri, context.workspaceState);
  const onBug = (error: unknown): void => log.error(error);

  const model = new AskModel((state) => {
    statusBar.show(state);
    view.changed();
    void setContext("busy", isForeground(state));
    void setContext("canReadOn", canReadOn(state));
    void setContext(
      "hasTrace",
      state.turns.some(({ hasTrace }) => hasTrace),
    );
  });
  const controller = new AskController(
    model,
    {
      connect: (selection) => connect(context, selection, log),
      settings: askSettings,
      newId: randomUUID,
      onAnswered,
      onBug,
      saveLeftOut: (leftOut) => void context.workspaceState.update(LEFT_OUT, leftOut),
    },
    context.workspaceState.get<string[]>(LEFT_OUT, []),
  );
  const view = new AskView(
    dist,
    () => model.state,
    {
      ask: ({ text }) => void controller.ask(text),
      stop: () => controller.stop(),
      readOn: () => void controller.readOn(),
      newConversation: () => controller.newConversation(),
      showHistory: ({ id }) => showPast(id),
      forget: async ({ id }) => {
        await answers.forget(id);
        model.setHistory(answers.history);
      },
      clearScope: ({ path }) => controller.clearScope(path),
      chooseScope: () => void runCommand(log, () => chooseScope(controller)),
      listFolder: ({ folder }) =>
        controller.tree.list(folder, (path) => controller.isLeftOut(path)),
      listSkipped: ({ reason }) => controller.tree.listSkipped(reason),
      setIncluded: ({ path, included }) => void controller.setIncluded(path, included),
      open: ({ path, startLine, endLine }) =>
        runCommand(log, () => openLines(path, startLine, endLine)),
      showEvidence: () => undefined,
      copy: async ({ id }) => {
        const text = await markdownOf(id);
        if (text !== undefined) await vscode.env.clipboard.writeText(text);
      },
      exportAnswer: ({ id }) => runCommand(log, () => exportMarkdown(id)),
      act: ({ action }) => void runCommand(log, () => act(action)),
    },
    () => void controller.prepare(),
    onBug,
  );
  model.setHistory(answers.history);

  async function onAnswered(id: string, { trace }: Asked): Promise<void> {
    await answers.keep(id, trace);
    model.setHistory(answers.history);
  }

  async function showPast(id: string): Promise<void> {
    const found = await answers.load(id);
    if (found !== undefined) model.showPast(id, askResultOf(found.trace), []);
  }

  async function markdownOf(id: string): Promise<string | undefined> {
    const found = await answers.load(id);
    return found === undefined ? undefined : answerMarkdown(askResultOf(found.trace));
  }

  async function exportMarkdown(id: string): Promise<void> {
    const text = await markdownOf(id);
    const target = await vscode.window.showSaveDialog({ filters: { Markdown: ["md"] } });
    if (text === undefined || target === undefined) return;
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
  }

  async function act(action: ProblemAction): Promise<void> {
    switch (action) {
      case "getModels":
        await vscode.commands.executeCommand("blocksight.getModels");
        return;
      case "useScout": {
        const settings = vscode.workspace.getConfiguration(SECTION);
        await settings.update("models.answer", "scout", vscode.ConfigurationTarget.Global);
        return controller.restart();
      }
      case "openSettings":
        await vscode.commands.executeCommand("blocksight.openSettings");
        return;
      case "restartEngine":
        return controller.restart();
      case "showLog":
        log.show();
        return;
      case "refreshPack":
        return controller.prepare();
      case "openFolder":
        await vscode.commands.executeCommand("vscode.openFolder");
        return;
      case "retry":
        return controller.retry();
    }
  }

  const handlers: CommandHandlers = {
    ask: () => view.focusQuestion(),
    askSelection: async () => {
      askAboutSelection(controller);
      await view.focusQuestion();
    },
    askFile: async (argument) => {
      askAboutFile(controller, argument);
      await view.focusQuestion();
    },
    askFolder: async (argument, all) => {
      askWithinFolders(controller, argument, all);
      await view.focusQuestion();
    },
    stop: () => controller.stop(),
    newConversation: async () => {
      controller.newConversation();
      await view.focusQuestion();
    },
    showEvidence: () => undefined,
    openTrace: () => undefined,
    saveTrace: () => undefined,
    exportReport: () => undefined,
    readOn: () => controller.readOn(),
    refreshPack: async () => {
      await view.focusQuestion();
      await controller.prepare();
    },
    toggleMarks: () => undefined,
    clearMarks: () => undefined,
    openRead: () => undefined,
    getModels: () => undefined,
    restartEngine: () => controller.restart(),
    showStatus: () => undefined,
    showLog: () => log.show(),
    openSettings: () =>
      vscode.commands.executeCommand("workbench.action.openSettings", "@ext:blocksight.blocksight"),
  };

  subscriptions.push(
    log,
    statusBar,
    registerCommands(handlers, log),
    vscode.window.registerWebviewViewProvider(AskView.id, view),
    { dispose: () => void controller.dispose() },
  );
  return Promise.resolve({ state: () => model.state });
}

function askSettings(): AskSettings {
  const config = readConfig();
  return {
    read:
      config.readMode === "count"
        ? { t: "count", count: config.readSegments }
        : { t: config.readMode },
    maxTokens: config.maxTokens,
    temperature: config.temperature,
    budgetTokens: config.budgetTokens > 0 ? config.budgetTokens : undefined,
    readInBackground: config.readInBackground,
  };
}

function isForeground({ activity }: AskState): boolean {
  return activity !== undefined && !(activity.kind === "reading" && activity.background);
}

function canReadOn({ turns, activity }: AskState): boolean {
  const sight = turns.at(-1)?.sight;
  return activity === undefined && sight !== undefined && sight.segments < sight.ofSegments;
}

function setContext(key: string, value: boolean): Thenable<unknown> {
  return vscode.commands.executeCommand("setContext", `blocksight.${key}`, value);
}
