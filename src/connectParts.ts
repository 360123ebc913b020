/** The parts of a session over the real engine process; command line and extension share them. */
import { join } from "node:path";
import type { AskParts, ConnectedParts } from "./ask/askParts.js";
import { type FindModel, type ModelChoice, chooseModels } from "./ask/chooseModels.js";
import { fileRates } from "./ask/ratesFile.js";
import { EngineClient } from "./engine/engineClient.js";
import { forkEngine } from "./engine/engineHost.js";
import { WorkspacePacker } from "./packWorkspace.js";
import type { EngineOptions } from "./shared/engineMessages.js";
import { SymbolPool } from "./symbols/symbolPool.js";

export interface ConnectOptions {
  /** The folder of the bundles: `engine.cjs` and the addon lie there. */
  readonly bundles: string;
  /** Rates and pages are kept here. */
  readonly cache: string;
  readonly choice: ModelChoice;
  readonly find: FindModel;
  /** What to pack; the packer lives as long as the parts. */
  readonly packWith: (packer: WorkspacePacker) => AskParts["pack"];
  /** Without it neither pages nor cuts are used or kept. */
  readonly isCacheUsed: boolean;
  /** Cuts are kept here. */
  readonly cuts: string;
  readonly threads?: number;
  /** Most bytes of the page store. */
  readonly storeLimitBytes?: number;
  readonly log: (line: string) => void;
}

/** The page store in the cache folder. */
export function pagesFolder(cache: string): string {
  return join(cache, "pages");
}

/** Nothing is started before the first request. */
export function connectParts(options: ConnectOptions): ConnectedParts {
  const { bundles, cache, cuts, choice, find, packWith, isCacheUsed } = options;
  const { threads, storeLimitBytes, log } = options;
  const engineOptions: EngineOptions = {
    ...(threads === undefined ? {} : { threads }),
    ...(isCacheUsed ? { storePath: pagesFolder(cache) } : {}),
    ...(storeLimitBytes === undefined ? {} : { storeLimitBytes }),
  };
  const engine = new EngineClient({
    start: () => forkEngine({ mainPath: join(bundles, "engine.cjs"), log }),
    engine: engineOptions,
    log,
  });
  const symbols = new SymbolPool({ workerPath: join(bundles, "symbolWorker.cjs") });
  const packer = new WorkspacePacker({
    engine,
    findSymbols: symbols.findSymbols,
    ...(isCacheUsed ? { cacheDirectory: cuts } : {}),
  });
  return {
    engine,
    models: (info) => chooseModels(choice, info, find),
    pack: packWith(packer),
    rates: fileRates(cache),
    dispose: async () => {
      await packer.settle();
      await symbols.dispose();
      await engine.dispose();
    },
  };
}
