/** The extension over the fake engine: for tests of the surface and for work on the views. */
import type * as vscode from "vscode";
import { activateBlocksight, type BlocksightApi } from "../../src/views/activate.js";
import { fakeWorkspace } from "./fakeWorkspace.js";

export function activate(context: vscode.ExtensionContext): BlocksightApi {
  const workerPath = context.asAbsolutePath("dist/symbolWorker.cjs");
  return activateBlocksight(context, (_context, selection) =>
    Promise.resolve(fakeWorkspace(workerPath, selection)),
  );
}
