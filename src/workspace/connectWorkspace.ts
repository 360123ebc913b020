/** The open folders, the settings and the engine process as the parts of a session. */
import path from "node:path";
import process from "node:process";
import type * as vscode from "vscode";
import type { ConnectedParts } from "../ask/askParts.js";
import { connectParts } from "../connectParts.js";
import { cacheFolder, findOpenModel, modelsFolder } from "../engine/modelFiles.js";
import { packDirectories } from "../packDirectories.js";
import { type Config, readConfig } from "../platform/config.js";
import type { Log } from "../platform/log.js";
import type { PackSelection } from "../views/askController.js";
import { openFolders } from "./openFolders.js";

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
    packWith: (packer) => (request) =>
      packDirectories({
        packer,
        media: path.join(media, "models"),
        ...openFolders(selection()),
      })(request),
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
