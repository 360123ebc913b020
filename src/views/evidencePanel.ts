/** The evidence view in an editor tab: one panel, restorable, over a live, kept or opened trace. */
import { createHash } from "node:crypto";
import * as vscode from "vscode";
import { EvidenceService } from "../evidence/evidenceService.js";
import type {
  EvidenceViewEvents,
  EvidenceViewRequests,
  Filter,
  Preview,
} from "../shared/evidence.js";
import { MessageChannel, type Nothing } from "../shared/messageChannel.js";
import { REPORT_ASSETS, reportHtml } from "../report/reportHtml.js";
import { exportFile, type ExportedFile } from "../report/exports.js";
import type { AskTrace } from "../trace/askTrace.js";
import { resolvePath } from "../workspace/resolvePath.js";
import { joined } from "./answerStore.js";
import { bootData, webviewHtml } from "./webviewHtml.js";

type Channel = MessageChannel<Nothing, EvidenceViewRequests, EvidenceViewEvents, Nothing>;

export interface EvidenceSource {
  /** Finds the trace again after the window was reloaded. */
  readonly id: string;
  readonly trace: AskTrace;
  readonly notices?: readonly string[];
  readonly live?: boolean;
}

export interface EvidenceHost {
  readonly dist: vscode.Uri;
  readonly find: (id: string) => Promise<EvidenceSource | undefined>;
  readonly open: (path: string, startLine: number, endLine: number) => Promise<void>;
  readonly onBug: (error: unknown) => void;
}

/** Files that are hashed when a trace is opened: those most read. */
const MOST_HASHED = 300;
const CONTEXT_LINES = 2;
/** While an answer streams, the panel asks again at most this often. */
const GROW_EVERY_MS = 400;

export class EvidencePanel implements vscode.WebviewPanelSerializer, vscode.Disposable {
  static readonly type = "blocksight.evidence";
  private panel: vscode.WebviewPanel | undefined;
  private channel: Channel | undefined;
  private source: EvidenceSource | undefined;
  private service: EvidenceService | undefined;
  /** Why a restored panel has no trace. */
  private failure: Error | undefined;
  private growing: NodeJS.Timeout | undefined;

  constructor(private readonly host: EvidenceHost) {}

  /** Shows a trace, in the panel that is open or in a new one. */
  async show(source: EvidenceSource): Promise<void> {
    await this.use(source);
    if (this.panel !== undefined) {
      this.panel.reveal(undefined, false);
      this.channel?.notify("changed", { reset: true });
      return;
    }
    const panel = vscode.window.createWebviewPanel(
      EvidencePanel.type,
      vscode.l10n.t("Evidence"),
      vscode.ViewColumn.Active,
      this.options(),
    );
    this.attach(panel);
  }

  /** The live trace has more steps, or is whole now. */
  async grew(source: EvidenceSource): Promise<void> {
    if (this.panel === undefined || this.source?.id !== source.id) return;
    if (source.live !== true) {
      await this.use(source);
      this.channel?.notify("changed", { reset: false });
      return;
    }
    this.growing ??= setTimeout(() => {
      this.growing = undefined;
      this.channel?.notify("changed", { reset: false });
    }, GROW_EVERY_MS);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const id = typeof state === "object" && state !== null && "source" in state ? state.source : "";
    try {
      const source = typeof id === "string" ? await this.host.find(id) : undefined;
      if (source === undefined) {
        panel.dispose(); // the answer was forgotten meanwhile
        return;
      }
      await this.use(source);
    } catch (error) {
      // The page asks, and says it.
      this.failure = error instanceof Error ? error : new Error(String(error));
    }
    panel.webview.options = this.options();
    this.attach(panel);
  }

  dispose(): void {
    clearTimeout(this.growing);
    this.panel?.dispose();
  }

  private options(): vscode.WebviewOptions {
    return { enableScripts: true, localResourceRoots: [this.host.dist] };
  }

  private async use(source: EvidenceSource): Promise<void> {
    this.source = source;
    const { trace, notices = [], live = false } = source;
    const changed = live ? new Set<string>() : await changedFiles(trace);
    const options = { changed, notices, live, hasFiles: true, source: source.id };
    this.service = new EvidenceService(trace, options);
  }

  private attach(panel: vscode.WebviewPanel): void {
    const { webview } = panel;
    const current = (): EvidenceService => {
      if (this.service === undefined) throw this.failure ?? new Error("The panel has no trace.");
      return this.service;
    };
    const channel: Channel = new MessageChannel({
      post: (message) => void webview.postMessage(message),
      events: {},
      onBug: this.host.onBug,
      handlers: {
        open: () => current().meta(),
        files: (filter) => current().files(filter),
        blocks: (request) => current().blocks(request, request.file),
        heat: (request) => current().handlers.heat(request),
        lens: (request) => current().handlers.lens(request),
        preview: ({ file, block }) => this.preview(file, block),
        reveal: async ({ file, startLine, endLine }) => {
          const path = current().pathOf(file);
          if (path !== undefined) await this.host.open(path, startLine, endLine);
        },
        export: ({ format, bytes, filter }) => this.export(format, filter, bytes),
      },
    });
    this.panel = panel;
    this.channel = channel;
    const icon = (theme: string): vscode.Uri =>
      vscode.Uri.joinPath(this.host.dist, "..", "media", `tab-${theme}.svg`);
    panel.iconPath = { light: icon("light"), dark: icon("dark") };
    webview.onDidReceiveMessage((message: unknown) => channel.receive(message));
    panel.onDidDispose(() => {
      channel.dispose();
      if (this.panel === panel) this.panel = this.channel = undefined;
    });
    webview.html = webviewHtml(webview, this.host.dist, "evidence");
  }

  private async preview(file: number, block: number): Promise<Preview | undefined> {
    const place = this.service?.placeOf(file, block);
    const uri = place === undefined ? undefined : await resolvePath(place.path);
    if (place === undefined || uri === undefined || place.startLine === 0) return undefined;
    const document = await vscode.workspace.openTextDocument(uri);
    const first = Math.max(1, place.startLine - CONTEXT_LINES);
    const last = Math.min(document.lineCount, place.endLine + CONTEXT_LINES);
    const lines: string[] = [];
    for (let line = first; line <= last; line++) lines.push(document.lineAt(line - 1).text);
    const hash = this.source?.trace.pack.files[file]?.contentHash;
    const changed = createHash("sha256").update(document.getText()).digest("hex") !== hash;
    return { ...place, firstLine: first, lines, changed };
  }

  private async export(
    format: EvidenceViewRequests["export"][0]["format"],
    filter: Filter,
    picture: Uint8Array | undefined,
  ): Promise<void> {
    const { source, service } = this;
    if (source === undefined || service === undefined) return;
    const { trace } = source;
    switch (format) {
      case "trace":
        return save({ name: "answer.blocksight", bytes: joined(trace) });
      case "report":
        return save({ name: "evidence.html", bytes: await reportBytes(trace, this.host.dist) });
      case "png":
      case "csv":
      case "json":
      case "markdown": {
        const file = exportFile(trace, service, format, filter, picture);
        if (file !== undefined) await save(file);
      }
    }
  }
}

export async function reportBytes(trace: AskTrace, dist: vscode.Uri): Promise<Uint8Array> {
  const text = async (name: string): Promise<string> =>
    new TextDecoder().decode(await vscode.workspace.fs.readFile(vscode.Uri.joinPath(dist, name)));
  const [script, style, worker] = await Promise.all([
    text(REPORT_ASSETS.script),
    text(REPORT_ASSETS.style),
    text(REPORT_ASSETS.worker),
  ]);
  const { locale, strings } = bootData("report");
  return new TextEncoder().encode(
    reportHtml(trace, { script, style, worker }, { locale, strings }),
  );
}

export async function save({ name, bytes }: ExportedFile): Promise<void> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  const target = await vscode.window.showSaveDialog(
    folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder.uri, name) },
  );
  if (target !== undefined) await vscode.workspace.fs.writeFile(target, bytes);
}

/** Paths of read files whose bytes are no longer those that were packed; missing ones are not. */
export async function changedFiles(trace: AskTrace): Promise<ReadonlySet<string>> {
  const whole = { model: trace.model.role, span: { from: 0, to: Infinity }, lanes: undefined };
  const { files, mass } = new EvidenceService(trace, { hasFiles: false }).files(whole);
  const order = [...files.keys()].sort((a, b) => (mass[b] ?? 0) - (mass[a] ?? 0));
  const changed = new Set<string>();
  for (const at of order.slice(0, MOST_HASHED)) {
    const packed = trace.pack.files[files[at] ?? -1];
    const uri = packed === undefined ? undefined : await resolvePath(packed.path);
    if (packed === undefined || uri === undefined) continue;
    try {
      const bytes = await vscode.workspace.fs.readFile(uri);
      const hash = createHash("sha256").update(bytes).digest("hex");
      if (hash !== packed.contentHash) changed.add(packed.path);
    } catch {
      // It went away between the look and the read: nothing to compare with.
    }
  }
  return changed;
}
