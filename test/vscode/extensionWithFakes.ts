/** The extension over the fake engine: for tests of the surface and for work on the views. */
import * as vscode from "vscode";
import { activateBlocksight, type BlocksightApi } from "../../src/views/activate.js";
import { fakeConnectTo } from "../fakes/fakeConnect.js";

export function activate(context: vscode.ExtensionContext): BlocksightApi {
  return activateBlocksight(context, (_context, selection) => {
    const roots = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
    return Promise.resolve(fakeConnectTo(roots, selection));
  });
}
