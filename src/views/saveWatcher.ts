/** Saved files of the workspace, gathered for a while, to be read again in the background. */
import * as vscode from "vscode";
import { packPathOf } from "../workspace/resolvePath.js";

/** Saving several files in a row is one change. */
const DEBOUNCE_MS = 2500;

export class SaveWatcher implements vscode.Disposable {
  private readonly paths = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private readonly subscription: vscode.Disposable;

  constructor(
    private readonly isEnabled: () => boolean,
    private readonly onSaved: (paths: ReadonlySet<string>) => void,
  ) {
    this.subscription = vscode.workspace.onDidSaveTextDocument(({ uri }) => {
      const path = packPathOf(uri);
      if (path === undefined || !this.isEnabled()) return;
      this.paths.add(path);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        this.onSaved(new Set(this.paths));
        this.paths.clear();
      }, DEBOUNCE_MS);
    });
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.subscription.dispose();
  }
}
