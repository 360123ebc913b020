import * as vscode from "vscode";
import type { AskState } from "../shared/messages.js";

/** Engine state at a glance; a click opens the ask view. */
export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem(
    "blocksight.status",
    vscode.StatusBarAlignment.Right,
    90,
  );

  constructor() {
    this.item.name = "Blocksight";
    this.item.command = "blocksight.ask";
    this.item.show();
  }

  show({ engine, pack, activity, problem }: AskState): void {
    const { icon, text } = summary(activity, problem !== undefined || engine.phase === "failed");
    this.item.text = `$(${icon}) ${text}`;
    const lines = [engine.model, engine.detail];
    if (pack !== undefined) {
      lines.push(vscode.l10n.t("{0} files, {1} tokens", pack.files, pack.tokens));
    }
    this.item.tooltip = lines.filter((line) => line !== undefined).join("\n");
  }

  dispose(): void {
    this.item.dispose();
  }
}

function summary(
  activity: AskState["activity"],
  hasProblem: boolean,
): { readonly icon: string; readonly text: string } {
  if (activity === undefined) return { icon: hasProblem ? "warning" : "eye", text: "Blocksight" };
  switch (activity.kind) {
    case "packing":
      return { icon: "loading~spin", text: vscode.l10n.t("Packing") };
    case "starting":
      return { icon: "loading~spin", text: vscode.l10n.t("Starting") };
    case "question":
    case "answering":
      return { icon: "loading~spin", text: vscode.l10n.t("Answering") };
    case "reading": {
      const part = activity.totalTokens > 0 ? activity.doneTokens / activity.totalTokens : 0;
      return {
        icon: activity.background ? "book" : "loading~spin",
        text: vscode.l10n.t("Reading {0} %", Math.floor(part * 100)),
      };
    }
  }
}
