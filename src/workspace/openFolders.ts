/** What of the open folders is packed now: settings, switches and unsaved buffers of this moment. */
import * as vscode from "vscode";
import type { PackDirectoriesOptions } from "../packDirectories.js";
import { readConfig } from "../platform/config.js";
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";
import type { PackSelection } from "../views/askController.js";
import { packChoice } from "./packChoice.js";
import { openRoots } from "./resolvePath.js";

export function openFolders(
  selection: PackSelection,
): Omit<PackDirectoriesOptions, "packer" | "media"> {
  const config = readConfig();
  const roots = openRoots();
  if (roots.length === 0) throw noFolder();
  return {
    ...packChoice(roots, selection, config, excludedByEditor()),
    unsaved: unsavedBuffers(),
    ...(config.budgetTokens > 0 ? { budgetTokens: config.budgetTokens } : {}),
  };
}

function noFolder(): BlocksightError {
  return new BlocksightError(
    "noSuchDirectory",
    phrase("No folder is open."),
    phrase("Open the folder that you want to ask about."),
  );
}

/** `files.exclude`: glob -> true. A glob under a condition holds for files with a sibling only. */
function excludedByEditor(): readonly string[] {
  const globs = vscode.workspace.getConfiguration("files").get<Record<string, unknown>>("exclude");
  return Object.entries(globs ?? {}).flatMap(([glob, value]) => (value === true ? [glob] : []));
}

function unsavedBuffers(): ReadonlyMap<string, string> {
  const dirty = vscode.workspace.textDocuments.filter(
    ({ isDirty, uri }) => isDirty && uri.scheme === "file",
  );
  return new Map(dirty.map((document) => [document.uri.fsPath, document.getText()]));
}
