/** What `ask` runs on: the engine process, the product's models, and the directories to pack. */
import { join } from "node:path";
import { connectParts, pagesFolder } from "../connectParts.js";
import { EngineClient } from "../engine/engineClient.js";
import { forkEngine } from "../engine/engineHost.js";
import { cacheFolder, findOpenModel, modelsFolder } from "../engine/modelFiles.js";
import { packDirectories } from "../packDirectories.js";
import type { Engine } from "../shared/engine.js";
import { SymbolPool } from "../symbols/symbolPool.js";
import type { Connect } from "./askCommand.js";
import { type CommandContext, resolvePath } from "./commandContext.js";
import type { ConnectPack } from "./packCommand.js";

/** `bundles` is the folder of this program's bundles. */
export function connectTo(bundles: string): Connect {
  return (args, context) => {
    const { env } = context;
    const cache = cacheFolder(env);
    const media = join(bundles, "..", "media");
    const { model, adapter, read, index, layout, threads, isCacheUsed } = args;
    const isPath = model !== undefined && model !== "coder" && model !== "scout";
    const parts = connectParts({
      bundles,
      cache,
      cuts: cutsFolder(cache),
      choice: {
        model: isPath ? resolvePath(context, model) : model,
        adapter: adapter === undefined ? undefined : resolvePath(context, adapter),
        read,
        index,
        layout,
      },
      find: (role) => findOpenModel(role, modelsFolder(env), media),
      packWith: (packer) =>
        packDirectories({
          packer,
          media: join(media, "models"),
          roots: args.repos.map((repo) => resolvePath(context, repo)),
          include: args.include,
          exclude: args.exclude.map((glob) => ({ glob, rule: { text: `--exclude ${glob}` } })),
          ...(layout === undefined ? {} : { layout }),
          ...(args.budgetTokens === undefined ? {} : { budgetTokens: args.budgetTokens }),
        }),
      isCacheUsed,
      ...(threads === undefined ? {} : { threads }),
      log: () => undefined,
    });
    return Promise.resolve(parts);
  };
}

/** What `pack` runs on: no model, and no pages. */
export function connectPackTo(bundles: string): ConnectPack {
  return ({ env }) => {
    const mainPath = join(bundles, "engine.cjs");
    const engine = new EngineClient({
      start: () => forkEngine({ mainPath, log: () => undefined }),
    });
    const symbols = new SymbolPool({ workerPath: join(bundles, "symbolWorker.cjs") });
    return {
      engine,
      findSymbols: symbols.findSymbols,
      media: join(bundles, "..", "media", "models"),
      cacheDirectory: cutsFolder(cacheFolder(env)),
      dispose: async () => {
        await Promise.all([symbols.dispose(), engine.dispose()]);
      },
    };
  };
}

/** Cuts of packs, kept between runs. */
function cutsFolder(cache: string): string {
  return join(cache, "cuts");
}

/** An engine for commands that look and do not ask. */
export function startEngine(bundles: string, { env }: Pick<CommandContext, "env">): Engine {
  const mainPath = join(bundles, "engine.cjs");
  return new EngineClient({
    start: () => forkEngine({ mainPath, log: () => undefined }),
    engine: { storePath: pagesFolder(cacheFolder(env)) },
  });
}
