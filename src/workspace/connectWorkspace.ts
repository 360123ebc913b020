/** The open folders, the settings and the engine process as the parts of a session. */
import path from "node:path";
import process from "node:process";
import * as vscode from "vscode";
import type { ConnectedParts } from "../ask/askParts.js";
import { connectParts } from "../connectParts.js";
import { cacheFolder, findOpenModel, modelsFolder } from "../engine/modelFiles.js";
import { packDirectories } from "../packDirectories.js";
import { type Config, readConfig } from "../platform/config.js";
import type { Log } from "../platform/log.js";
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";
import type { PackSelection } from "../views/askController.js";
import { packChoice } from "./packChoice.js";
import { openRoots } from "./resolvePath.js";

export function connectWorkspace(
  context: vscode.ExtensionContext,
  selection: () => PackSelection,
  log: Log,
): Promise<ConnectedParts> {
  const bundles = context.asAbsolutePath("dist");
  const media = context.asAbsolutePath("media");
  const config = readConfig();
  const cache = config.pageStoreFolder === "" ? cacheFolder(process.env) : config.pageStoreFolder;
  const isCacheUsed = config.pageStoreGigabytes > 0;
  const parts = connectParts({
    bundles,
    cache,
    choice: {
      // The coder as the default leaves room to fall back to the scout where memory is short.
      model: config.answeringModel === "scout" ? "scout" : undefined,
      read: readModeOf(config),
      index: undefined,
      layout: undefined,
    },
    find: (role) => findOpenModel(role, modelsFolderOf(config), media),
    cuts: cache,
    // Settings, switches and unsaved buffers are those of the moment of packing.
    packWith: (packer) => (request) => {
      const now = readConfig();
      const roots = openRoots();
      if (roots.length === 0) throw noFolder();
      const choice = packChoice(roots, selection(), now, excludedByEditor());
      return packDirectories({
        packer,
        media: path.join(media, "models"),
        ...choice,
        unsaved: unsavedBuffers(),
        ...(now.budgetTokens > 0 ? { budgetTokens: now.budgetTokens } : {}),
      })(request);
    },
    isCacheUsed,
    ...(config.threads > 0 ? { threads: config.threads } : {}),
    ...(isCacheUsed ? { storeLimitBytes: config.pageStoreGigabytes * 1e9 } : {}),
    log: (line) => log.info(`engine: ${line}`),
  });
  return Promise.resolve(parts);
}

export function modelsFolderOf({ modelsFolder: folder }: Config): string {
  return folder === "" ? modelsFolder(process.env) : folder;
}

function readModeOf({ readMode, readSegments }: Config) {
  return readMode === "count"
    ? ({ t: "count", count: readSegments } as const)
    : ({ t: readMode } as const);
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
