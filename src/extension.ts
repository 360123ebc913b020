/** Builds the objects, connects them, registers; nothing else. */
import type * as vscode from "vscode";
import { activateBlocksight, type BlocksightApi } from "./views/activate.js";
import { connectWorkspace } from "./workspace/connectWorkspace.js";

export function activate(context: vscode.ExtensionContext): BlocksightApi {
  return activateBlocksight(context, connectWorkspace);
}

export function deactivate(): void {
  // Everything is owned by `context.subscriptions`; the engine process ends with its channel.
}
