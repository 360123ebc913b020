/** What the buttons, menus and links of the ask view do in the editor. */
import * as vscode from "vscode";
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";
import { openRoots, packPathOf, resolvePath } from "../workspace/resolvePath.js";
import { targetOf } from "../commands.js";
import type { AskController } from "./askController.js";

/** A selection longer than this is cut: the conversation holds about 2,000 tokens. */
const MOST_SELECTED_CHARACTERS = 2000;

/** Opens a file of the pack at lines; says so where it is not in the open folders. */
export async function openLines(
  path: string,
  startLine: number,
  endLine: number,
  options: { readonly preserveFocus?: boolean } = {},
): Promise<void> {
  const uri = await resolvePath(path);
  if (uri === undefined) {
    throw new BlocksightError(
      "unreadableFile",
      phrase("{0} is not in the open folders.", path),
      phrase("Open the folder that the answer is about."),
    );
  }
  const first = Math.max(0, startLine - 1);
  const last = Math.max(first, endLine - 1);
  const selection = new vscode.Range(first, 0, last, Number.MAX_SAFE_INTEGER);
  const editor = await vscode.window.showTextDocument(uri, {
    preview: true,
    preserveFocus: options.preserveFocus === true,
    viewColumn: columnBesidePanels(),
  });
  const start = selection.start;
  editor.selection = new vscode.Selection(start, start);
  editor.revealRange(selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

/** A file opened from the evidence panel must not cover it. */
function columnBesidePanels(): vscode.ViewColumn {
  const { activeTabGroup, all } = vscode.window.tabGroups;
  const isPanel = activeTabGroup.activeTab?.input instanceof vscode.TabInputWebview;
  if (!isPanel) return vscode.ViewColumn.Active;
  const other = all.find((group) => group !== activeTabGroup);
  return other?.viewColumn ?? vscode.ViewColumn.Beside;
}

export function askAboutSelection(controller: AskController): void {
  const editor = vscode.window.activeTextEditor;
  const path = editor === undefined ? undefined : packPathOf(editor.document.uri);
  if (editor === undefined || path === undefined) return;
  const { selection, document } = editor;
  const endsAtLineStart =
    selection.end.character === 0 && selection.end.line > selection.start.line;
  const start = selection.start.line + 1;
  const end = selection.end.line + (endsAtLineStart ? 0 : 1);
  const text = document.getText(selection).slice(0, MOST_SELECTED_CHARACTERS);
  controller.askAbout({
    label: `${path}:${start === end ? start : `${start}–${end}`}`,
    text: `This is about ${path}, lines ${start} to ${end}:\n\`\`\`\n${text}\n\`\`\``,
  });
}

export function askAboutFile(controller: AskController, argument: unknown): void {
  const uri = targetOf(argument);
  const path = uri === undefined ? undefined : packPathOf(uri);
  if (path !== undefined)
    controller.askAbout({ label: path, text: `This is about the file ${path}.` });
}

export function askWithinFolders(controller: AskController, argument: unknown, all: unknown): void {
  const uris = Array.isArray(all) ? all : [argument];
  const scope = uris.flatMap((uri) => {
    const path = uri instanceof vscode.Uri ? packPathOf(uri) : undefined;
    return path === undefined || path === "" ? [] : [`${path}/`];
  });
  controller.askWithin(scope);
}

/** A picker over the workspace's folders, for the chip in the question box. */
export async function chooseScope(controller: AskController): Promise<void> {
  const folders = new Map<string, string>();
  for (const { fsPath } of openRoots()) {
    const uri = vscode.Uri.file(fsPath);
    for (const [name, type] of await vscode.workspace.fs.readDirectory(uri)) {
      if (type !== vscode.FileType.Directory || name.startsWith(".")) continue;
      const path = packPathOf(vscode.Uri.joinPath(uri, name));
      if (path !== undefined) folders.set(`${path}/`, path);
    }
  }
  const other = vscode.l10n.t("Other folder…");
  const chosen = await vscode.window.showQuickPick([...folders.keys()].sort().concat(other), {
    canPickMany: true,
    placeHolder: vscode.l10n.t("Ask within these folders only"),
  });
  if (chosen === undefined) return;
  if (chosen.includes(other)) {
    const picked = await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      canSelectMany: true,
    });
    askWithinFolders(controller, undefined, picked ?? []);
  }
  controller.askWithin(chosen.filter((path) => path !== other));
}
