/** The parts of a session over the real engine process; command line and extension share them. */
import { join } from "node:path";
import type { AskParts, ConnectedParts } from "./ask/askParts.js";
import { type FindModel, type ModelChoice, chooseModels } from "./ask/chooseModels.js";
import { fileRates } from "./ask/ratesFile.js";
import { EngineClient } from "./engine/engineClient.js";
import { forkEngine } from "./engine/engineHost.js";
import type { EngineOptions } from "./shared/engineMessages.js";

export interface ConnectOptions {
  /** The folder of the bundles: `engine.cjs` and the addon lie there. */
  readonly bundles: string;
  /** Rates and pages are kept here. */
  readonly cache: string;
  readonly choice: ModelChoice;
  readonly find: FindModel;
  readonly pack: AskParts["pack"];
  /** Without it pages are neither used nor kept. */
  readonly isCacheUsed: boolean;
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
  const { bundles, cache, choice, find, pack, isCacheUsed, threads, storeLimitBytes, log } =
    options;
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
  return {
    engine,
    models: (info) => chooseModels(choice, info, find),
    pack,
    rates: fileRates(cache),
    dispose: () => engine.dispose(),
  };
}
