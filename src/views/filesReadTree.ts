/** The tree of files that were read, and their badges in the explorer. */
import * as vscode from "vscode";
import type { BlockMark, FileMark, TraceMarks } from "../evidence/fileMarks.js";
import { openRoots, type Root } from "../workspace/resolvePath.js";
import { readWords } from "./editorMarks.js";
import path from "node:path";

type Node = FileNode | BlockNode;
interface FileNode {
  readonly t: "file";
  readonly file: FileMark;
}
interface BlockNode {
  readonly t: "block";
  readonly file: FileMark;
  readonly block: BlockMark;
}

/** Less focus than this gets no badge: a badge says "look here". */
const BADGE_FROM = 0.02;

export class FilesReadTree
  implements vscode.TreeDataProvider<Node>, vscode.FileDecorationProvider, vscode.Disposable
{
  private readonly treeChanged = new vscode.EventEmitter<void>();
  private readonly decorationsChanged = new vscode.EventEmitter<vscode.Uri[] | undefined>();
  private readonly registered: vscode.Disposable;
  private marks: TraceMarks | undefined;
  private badges: ReadonlyMap<string, FileMark> = new Map();
  readonly onDidChangeTreeData = this.treeChanged.event;
  readonly onDidChangeFileDecorations = this.decorationsChanged.event;

  constructor() {
    this.registered = vscode.Disposable.from(
      vscode.window.createTreeView("blocksight.filesRead", { treeDataProvider: this }),
      vscode.window.registerFileDecorationProvider(this),
    );
  }

  show(marks: TraceMarks | undefined): void {
    this.marks = marks;
    const roots = openRoots();
    const badged = (marks?.files ?? []).filter(({ focus }) => focus >= BADGE_FROM);
    this.badges = new Map(
      badged.flatMap((file) => {
        const uri = uriOf(file.path, roots);
        return uri === undefined ? [] : [[uri.toString(), file] as const];
      }),
    );
    this.treeChanged.fire();
    this.decorationsChanged.fire(undefined);
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) return (this.marks?.files ?? []).map((file) => ({ t: "file", file }));
    if (node.t === "block") return [];
    const { file } = node;
    const blocks = file.blocks.toSorted((a, b) => b.focus - a.focus);
    return blocks.map((block) => ({ t: "block", file, block }));
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const ofSteps = this.marks?.ofSteps ?? 0;
    if (node.t === "file") return fileItem(node.file);
    const { file, block } = node;
    const item = new vscode.TreeItem(
      vscode.l10n.t("Lines {0} to {1}", block.startLine, block.endLine),
    );
    item.description = block.symbols.join(", ");
    item.tooltip = readWords(block.steps, ofSteps, block.mass);
    item.iconPath = new vscode.ThemeIcon(
      block.level === 3 ? "circle-filled" : "circle-outline",
      new vscode.ThemeColor("blocksight.heatForeground"),
    );
    item.command = openCommand(file.path, block.startLine, block.endLine);
    return item;
  }

  provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
    const file = this.badges.get(uri.toString());
    if (file === undefined) return undefined;
    const percent = Math.round(file.focus * 100);
    return new vscode.FileDecoration(
      String(Math.min(99, percent)),
      vscode.l10n.t("Blocksight: focus {0} %", percent),
      new vscode.ThemeColor("blocksight.heatForeground"),
    );
  }

  dispose(): void {
    this.registered.dispose();
    this.treeChanged.dispose();
    this.decorationsChanged.dispose();
  }
}

function fileItem(file: FileMark): vscode.TreeItem {
  const uri = uriOf(file.path, openRoots());
  const item = new vscode.TreeItem(
    path.posix.basename(file.path),
    vscode.TreeItemCollapsibleState.Collapsed,
  );
  const folder = path.posix.dirname(file.path);
  const percent = (file.focus * 100).toFixed(file.focus < 0.095 ? 1 : 0);
  item.description = `${percent} %${folder === "." ? "" : `  ${folder}`}`;
  item.tooltip = vscode.l10n.t(
    "{0}: focus {1} %, mass {2}",
    file.path,
    percent,
    file.mass.toFixed(3),
  );
  item.iconPath = vscode.ThemeIcon.File;
  if (uri !== undefined) item.resourceUri = uri;
  const best = file.blocks.toSorted((a, b) => b.focus - a.focus)[0];
  item.command = openCommand(file.path, best?.startLine ?? 1, best?.endLine ?? 1);
  return item;
}

function openCommand(file: string, startLine: number, endLine: number): vscode.Command {
  return {
    command: "blocksight.openRead",
    title: vscode.l10n.t("Open"),
    arguments: [{ path: file, startLine, endLine }],
  };
}

/** For icons and badges only: whether the file is there is checked when it is opened. */
function uriOf(packPath: string, roots: readonly Root[]): vscode.Uri | undefined {
  const [only] = roots;
  if (only === undefined) return undefined;
  if (roots.length === 1) return vscode.Uri.file(path.join(only.fsPath, packPath));
  const root = roots.find(({ name }) => packPath.startsWith(`${name}/`));
  return root && vscode.Uri.file(path.join(root.fsPath, packPath.slice(root.name.length + 1)));
}
