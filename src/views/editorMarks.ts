/**
 * Marks in editors: lines that were read in three heat steps, in the overview ruler too; a hover
 * that says by how much; a code lens per read symbol; "changed since read" where the text is newer.
 */
import { createHash } from "node:crypto";
import * as vscode from "vscode";
import type { FileMark, LineMark, TraceMarks } from "../evidence/fileMarks.js";
import { packPathOf } from "../workspace/resolvePath.js";

const LEVELS = [1, 2, 3] as const;
const MOST_LENSES = 200;

export class EditorMarks implements vscode.Disposable, vscode.CodeLensProvider {
  private readonly levels = LEVELS.map((level) => levelDecoration(level));
  private readonly changed = changedDecoration();
  private readonly lensesChanged = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[];
  private marks: TraceMarks | undefined;
  private byPath: ReadonlyMap<string, FileMark> = new Map();
  readonly onDidChangeCodeLenses = this.lensesChanged.event;

  constructor(
    private isShown: boolean,
    private readonly onChangedFile: (path: string) => void,
  ) {
    this.subscriptions = [
      vscode.window.onDidChangeVisibleTextEditors(() => this.paintAll()),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0) this.edited(document);
      }),
      vscode.languages.registerCodeLensProvider({ scheme: "file" }, this),
    ];
  }

  get hasMarks(): boolean {
    return this.marks !== undefined;
  }

  show(marks: TraceMarks | undefined): void {
    this.marks = marks;
    this.byPath = new Map(marks?.files.map((file) => [file.path, file]));
    this.repaint();
  }

  setShown(isShown: boolean): void {
    this.isShown = isShown;
    this.repaint();
  }

  toggle(): void {
    this.setShown(!this.isShown);
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const mark = this.markOf(document);
    if (mark === undefined || this.marks === undefined) return [];
    const { ofSteps } = this.marks;
    return mark.symbols.slice(0, MOST_LENSES).flatMap((symbol) => {
      const line = symbol.startLine - 1;
      if (line >= document.lineCount) return [];
      const title = readWords(symbol.steps, ofSteps, symbol.mass);
      const command = { title, command: "blocksight.showEvidence" };
      return [new vscode.CodeLens(new vscode.Range(line, 0, line, 0), command)];
    });
  }

  dispose(): void {
    this.show(undefined);
    for (const item of [...this.levels, this.changed, this.lensesChanged, ...this.subscriptions]) {
      item.dispose();
    }
  }

  private repaint(): void {
    this.paintAll();
    this.lensesChanged.fire();
  }

  private paintAll(): void {
    for (const editor of vscode.window.visibleTextEditors) this.paint(editor);
  }

  private markOf(document: vscode.TextDocument): FileMark | undefined {
    if (!this.isShown || this.byPath.size === 0) return undefined;
    const path = packPathOf(document.uri);
    return path === undefined ? undefined : this.byPath.get(path);
  }

  private paint(editor: vscode.TextEditor): void {
    const mark = this.markOf(editor.document);
    const { ofSteps } = this.marks ?? { ofSteps: 0 };
    for (const [at, level] of LEVELS.entries()) {
      const decoration = this.levels[at];
      if (decoration === undefined) continue;
      const lines = (mark?.lines ?? []).filter((line) => line.level === level);
      editor.setDecorations(
        decoration,
        lines.map((line) => decorationOf(editor.document, line, ofSteps)),
      );
    }
    this.paintChanged(editor, mark);
  }

  private paintChanged(editor: vscode.TextEditor, mark: FileMark | undefined): void {
    const isChanged = mark !== undefined && hashOf(editor.document) !== mark.contentHash;
    editor.setDecorations(this.changed, isChanged ? [new vscode.Range(0, 0, 0, 0)] : []);
  }

  /** Decorations move with the text by themselves; only the mark of the change is set. */
  private edited(document: vscode.TextDocument): void {
    const mark = this.markOf(document);
    if (mark === undefined) return;
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document === document) this.paintChanged(editor, mark);
    }
    this.onChangedFile(mark.path);
  }
}

export function readWords(steps: number, ofSteps: number, mass: number): string {
  return vscode.l10n.t("read by {0} of {1} tokens, mass {2}", steps, ofSteps, mass.toFixed(3));
}

function decorationOf(
  document: vscode.TextDocument,
  { startLine, endLine, blocks }: LineMark,
  ofSteps: number,
): vscode.DecorationOptions {
  const last = Math.max(0, document.lineCount - 1);
  const start = Math.min(last, startLine - 1);
  const end = Math.min(last, endLine - 1);
  const words = blocks.flatMap(({ steps, mass, symbols }) => [
    `Blocksight: ${readWords(steps, ofSteps, mass)}`,
    ...(symbols.length === 0 ? [] : [symbols.join(", ")]),
  ]);
  return {
    range: new vscode.Range(start, 0, end, 0),
    // Plain text: symbol names come from the repository.
    hoverMessage: plain(words.join("\n")),
  };
}

function plain(text: string): vscode.MarkdownString {
  return new vscode.MarkdownString().appendText(text);
}

/** The text as it would be saved; byte order marks aside, that is what was packed. */
function hashOf(document: vscode.TextDocument): string {
  return createHash("sha256").update(document.getText()).digest("hex");
}

function levelDecoration(level: 1 | 2 | 3): vscode.TextEditorDecorationType {
  const heat = new vscode.ThemeColor("blocksight.heatForeground");
  return vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor(`blocksight.heat${level}Background`),
    // High contrast has no backgrounds: there the width of the border is the heat.
    borderWidth: `0 0 0 ${level}px`,
    borderStyle: "solid",
    borderColor: heat,
    overviewRulerColor: heat,
    overviewRulerLane: level === 3 ? vscode.OverviewRulerLane.Full : vscode.OverviewRulerLane.Right,
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
}

function changedDecoration(): vscode.TextEditorDecorationType {
  return vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    after: {
      contentText: vscode.l10n.t("changed since read"),
      color: new vscode.ThemeColor("gitDecoration.modifiedResourceForeground"),
      margin: "0 0 0 3em",
    },
  });
}
