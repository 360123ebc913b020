/**
 * Entry of the engine process, forked by src/engine/engineHost.ts. It speaks over the IPC channel
 * only (nothing is written to stdout), and ends with its parent: when the channel closes it stops the
 * native work and exits; on Linux the kernel ends it as well if the parent dies.
 */
import os from "node:os";
import path from "node:path";
import process from "node:process";
import type { FromEngine, ToEngine } from "../shared/engineMessages.js";
import { engineMissing } from "../shared/errors.js";
import { EngineService } from "./engineService.js";
import { FileHashes } from "./fileHash.js";
import { addonPath, loadAddon, type NativeAddon } from "./nativeAddon.js";

/** Native work stops within one step or one prefill chunk; after this it is taken as hung. */
const STOP_MS = 3_000;

/** As src/engine/modelFiles.ts finds it. */
const cacheHome = process.env["XDG_CACHE_HOME"] ?? "";
const cacheFolder = path.join(
  path.isAbsolute(cacheHome) ? cacheHome : path.join(os.homedir(), ".cache"),
  "blocksight",
);

/** The folder of this bundle. */
const folder = path.dirname(process.argv[1] ?? process.cwd());

let loaded: NativeAddon | undefined;
function addon(): NativeAddon {
  try {
    loaded ??= loadAddon(addonPath(folder));
    return loaded;
  } catch (error) {
    throw engineMissing(error instanceof Error ? error.message : String(error));
  }
}

function send(message: FromEngine): void {
  // A closed channel is seen by "disconnect"; what could not be sent has no reader.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

async function stopAndExit(service: EngineService): Promise<void> {
  // Unlike process.exit this needs no thread to have ended, and the page store survives it.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), STOP_MS).unref();
  await service.stop();
  process.exit(0);
}

if (process.send === undefined) {
  process.stderr.write(
    "This is the engine process of Blocksight; it is started by the command line.\n",
  );
  process.exit(2);
}

const hashes = new FileHashes(path.join(cacheFolder, "hashes.json"));
const service = new EngineService({ addon, hashes, send });
try {
  addon().dieWithParent();
} catch {
  // Each request will say that the addon is missing.
}
process.on("message", (message) => service.handle(message as ToEngine));
process.on("disconnect", () => void stopAndExit(service));
// The parent may have died before the handler was there.
if (!process.connected) void stopAndExit(service);
