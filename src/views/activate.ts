/**
 * Connects the parts of the extension. `connect` makes the engine and the pack: the shipped
 * extension forks the engine process, tests of the surface put a fake engine here.
 */
import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import type { Asked, ConnectedParts } from "../ask/askParts.js";
import { type CommandHandlers, registerCommands } from "../commands.js";
import { traceMarks } from "../evidence/fileMarks.js";
import { readConfig, SECTION } from "../platform/config.js";
import { createLog, type Log } from "../platform/log.js";
import { runCommand } from "../platform/runCommand.js";
import { sayProblem } from "../platform/say.js";
import { StatusBar } from "../platform/statusBar.js";
import { answerMarkdown } from "../report/answerMarkdown.js";
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";
import type { AskState, ProblemAction } from "../shared/messages.js";
import { askResultOf } from "../trace/askResult.js";
import type { AskTrace } from "../trace/askTrace.js";
import { decodeTrace } from "../trace/traceFile.js";
import { areModelsPresent, getModels } from "../workspace/getModels.js";
import { packPathOf } from "../workspace/resolvePath.js";
import { registerAdapters } from "./adapters.js";
import {
  askAboutFile,
  askAboutSelection,
  askWithinFolders,
  chooseScope,
  openLines,
} from "./askActions.js";
import { AskController, type AskSettings, type PackSelection } from "./askController.js";
import { AskModel } from "./askModel.js";
import { AskView } from "./askView.js";
import { AnswerStore, joined } from "./answerStore.js";
import { EditorMarks } from "./editorMarks.js";
import {
  changedFiles,
  EvidencePanel,
  type EvidenceSource,
  reportBytes,
  save,
} from "./evidencePanel.js";
import { FilesReadTree } from "./filesReadTree.js";
import { SaveWatcher } from "./saveWatcher.js";

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
const OPENED = "file:";

export function activateBlocksight(
  context: vscode.ExtensionContext,
  connect: Connect,
): BlocksightApi {
  const { subscriptions, workspaceState } = context;
  const log = createLog();
  const onBug = (error: unknown): void => log.error(error);
  const statusBar = new StatusBar();
  const dist = vscode.Uri.joinPath(context.extensionUri, "dist");
  const answers = new AnswerStore(context.storageUri, workspaceState);
  /** What evidence, marks and tree show; also what "Save Trace" saves. */
  let current: EvidenceSource | undefined;

  const model = new AskModel((state) => {
    statusBar.show(state);
    view.changed();
    setContext("busy", isForeground(state));
    setContext("canReadOn", canReadOn(state));
  });
  const controller = new AskController(
    model,
    {
      connect: (selection) => connect(context, selection, log),
      settings: askSettings,
      newId: randomUUID,
      onTraced: (id, trace) => {
        current = { id, trace, live: true };
        setContext("hasTrace", true);
        void panel.grew(current);
      },
      onAnswered,
      onStopped: async (id, question) => {
        await answers.keepQuestion(id, question);
        model.setHistory(answers.history);
      },
      onBug,
      saveLeftOut: (leftOut) => void workspaceState.update(LEFT_OUT, leftOut),
    },
    workspaceState.get<string[]>(LEFT_OUT, []),
  );
  const panel = new EvidencePanel({
    dist,
    find: async (id) => {
      const source = await findSource(id);
      if (source !== undefined) use(source);
      return source;
    },
    open: (path, startLine, endLine) => run(() => openLines(path, startLine, endLine)),
    onBug,
  });
  const marks = new EditorMarks(readConfig().showMarks, (path) => model.markChanged(path));
  const tree = new FilesReadTree();
  const saves = new SaveWatcher(
    () => readConfig().readOnSave,
    (paths) => void controller.readSaved(paths),
  );

  const view = new AskView(
    dist,
    () => model.state,
    {
      ask: ({ text }) => void run(() => controller.ask(text)),
      askAgain: ({ id }) => void run(() => controller.askAgain(id)),
      stop: () => controller.stop(),
      readOn: () => void controller.readOn(),
      newConversation: () => controller.newConversation(),
      showHistory: ({ id }) => run(() => showPast(id)),
      forget: async ({ id }) => {
        await answers.forget(id);
        model.setHistory(answers.history);
      },
      clearScope: ({ path }) => controller.clearScope(path),
      chooseScope: () => void run(() => chooseScope(controller)),
      listFolder: ({ folder }) => controller.listFolder(folder),
      listSkipped: ({ reason }) => controller.tree.listSkipped(reason),
      setIncluded: ({ path, included }) => void controller.setIncluded(path, included),
      open: ({ path, startLine, endLine }) => run(() => openLines(path, startLine, endLine)),
      showEvidence: ({ id }) => run(() => showEvidence(id)),
      copy: async ({ id }) => {
        const source = await findSource(id);
        if (source !== undefined) await vscode.env.clipboard.writeText(markdownOf(source.trace));
      },
      exportAnswer: ({ id }) => run(() => exportMarkdown(id)),
      act: ({ action }) => void run(() => act(action)),
    },
    () => void controller.prepare(),
    onBug,
  );
  model.setHistory(answers.history);

  const run = (work: () => unknown): Promise<void> => runCommand(log, work);

  function use(source: EvidenceSource): void {
    current = source;
    const found = traceMarks(source.trace);
    marks.show(found);
    tree.show(found);
    setContext("hasTrace", true);
    setContext("hasMarks", true);
  }

  async function onAnswered(id: string, { trace }: Asked): Promise<void> {
    await answers.keep(id, trace);
    model.setHistory(answers.history);
    const source = { id, trace };
    use(source);
    await panel.grew(source);
  }

  /** A kept answer by its id, or a trace file by its address. */
  async function findSource(id: string): Promise<EvidenceSource | undefined> {
    if (current?.id === id) return current;
    if (id.startsWith(OPENED)) return openSource(vscode.Uri.parse(id.slice(OPENED.length), true));
    const found = await answers.load(id);
    return found === undefined ? undefined : { id, trace: found.trace, notices: found.notices };
  }

  async function openSource(uri: vscode.Uri): Promise<EvidenceSource> {
    const { trace, notices } = decodeTrace(await readTrace(uri));
    return { id: OPENED + uri.toString(), trace, notices };
  }

  async function showPast(id: string): Promise<void> {
    const kept = answers.history.find((item) => item.id === id);
    const source = await findSource(id);
    if (source === undefined) {
      if (kept?.stopped === true) model.showStopped(id, kept.question);
      return;
    }
    model.showPast(id, askResultOf(source.trace), [...(await changedFiles(source.trace))]);
    use(source);
  }

  async function showEvidence(id: string | undefined): Promise<void> {
    const source = id === undefined ? current : await findSource(id);
    if (source === undefined) return;
    if (source !== current) use(source);
    await panel.show(source);
  }

  async function openTrace(argument: unknown): Promise<void> {
    const [uri] =
      argument instanceof vscode.Uri
        ? [argument]
        : ((await vscode.window.showOpenDialog({ filters: { Blocksight: ["blocksight"] } })) ?? []);
    if (uri === undefined) return;
    const source = await openSource(uri);
    use(source);
    await panel.show(source);
  }

  async function exportMarkdown(id: string): Promise<void> {
    const source = await findSource(id);
    if (source === undefined) return;
    await save({ name: "answer.md", bytes: new TextEncoder().encode(markdownOf(source.trace)) });
  }

  async function fetchModels(): Promise<void> {
    if (!(await getModels())) return;
    setContext("modelsPresent", true);
    await controller.restart();
  }

  async function act(action: ProblemAction): Promise<void> {
    switch (action) {
      case "getModels":
        return fetchModels();
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
    showEvidence: () => showEvidence(undefined),
    openTrace,
    saveTrace: async () => {
      if (current === undefined) return;
      await save({ name: "answer.blocksight", bytes: joined(current.trace) });
    },
    exportReport: async () => {
      if (current === undefined) return;
      await save({ name: "evidence.html", bytes: await reportBytes(current.trace, dist) });
    },
    readOn: () => controller.readOn(),
    refreshPack: async () => {
      await view.focusQuestion();
      await controller.prepare();
    },
    toggleMarks: () => marks.toggle(),
    clearMarks: () => {
      marks.show(undefined);
      tree.show(undefined);
      setContext("hasMarks", false);
    },
    openRead: (argument) => {
      const { path, startLine, endLine } = argument as ReadPlace;
      return openLines(path, startLine, endLine);
    },
    getModels: fetchModels,
    restartEngine: () => controller.restart(),
    showStatus: () => showStatus(model.state, log),
    showLog: () => log.show(),
    openSettings: () =>
      vscode.commands.executeCommand("workbench.action.openSettings", "@ext:blocksight.blocksight"),
  };

  subscriptions.push(
    log,
    statusBar,
    marks,
    tree,
    panel,
    saves,
    registerCommands(handlers, log),
    vscode.window.registerWebviewViewProvider(AskView.id, view),
    vscode.window.registerWebviewPanelSerializer(EvidencePanel.type, panel),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(`${SECTION}.marks`)) marks.setShown(readConfig().showMarks);
      const restarts = ["models", "engine", "pageStore"].map((part) => `${SECTION}.${part}`);
      if (restarts.some((part) => event.affectsConfiguration(part))) void controller.restart();
      const chooses = [`${SECTION}.pack`, "files.exclude"];
      if (chooses.some((part) => event.affectsConfiguration(part))) void controller.choiceChanged();
    }),
    // Also where a window knows its folders only a while after it opens.
    vscode.workspace.onDidChangeWorkspaceFolders(() => void controller.choiceChanged()),
    vscode.workspace.onDidSaveTextDocument(({ uri }) => {
      const path = packPathOf(uri);
      if (path !== undefined) model.markChanged(path);
    }),
    registerAdapters(controller, model, log),
    { dispose: () => void controller.dispose() },
  );
  void areModelsPresent().then((present) => setContext("modelsPresent", present), onBug);
  return { state: () => model.state };
}

/** What a tree item passes with its command. */
interface ReadPlace {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
}

async function readTrace(uri: vscode.Uri): Promise<Uint8Array> {
  try {
    return await vscode.workspace.fs.readFile(uri);
  } catch {
    throw new BlocksightError(
      "unreadableFile",
      phrase("{0} cannot be read.", uri.fsPath),
      phrase("Open the trace from where it is now."),
    );
  }
}

function markdownOf(trace: AskTrace): string {
  return answerMarkdown(askResultOf(trace));
}

async function showStatus({ engine, pack, problem }: AskState, log: Log): Promise<void> {
  const lines = [
    engine.model ?? vscode.l10n.t("No model is open."),
    ...(pack === undefined
      ? []
      : [vscode.l10n.t("{0} files, {1} tokens", pack.files, pack.tokens)]),
    ...(problem === undefined ? [] : [sayProblem(problem)]),
    ...(engine.detail === undefined ? [] : ["", engine.detail]),
  ];
  const showLog = vscode.l10n.t("Show Log");
  const options = { modal: true, detail: lines.join("\n") };
  const chosen = await vscode.window.showInformationMessage("Blocksight", options, showLog);
  if (chosen === showLog) log.show();
}

function askSettings(): AskSettings {
  const config = readConfig();
  const { readMode, readSegments } = config;
  return {
    read: readMode === "count" ? { t: "count", count: readSegments } : { t: readMode },
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

function setContext(key: string, value: boolean): void {
  void vscode.commands.executeCommand("setContext", `blocksight.${key}`, value);
}
