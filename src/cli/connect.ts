/** What `ask` runs on: the engine process, the product's models, and the directories to pack. */
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { connectParts } from "../connectParts.js";
import { packDirectories } from "../packDirectories.js";
import { WorkspacePacker } from "../packWorkspace.js";
import { BlocksightError } from "../shared/errors.js";
import type { OpenModel } from "../shared/engineMessages.js";
import type { ModelRole } from "../shared/model.js";
import { SymbolPool } from "../symbols/symbolPool.js";
import type { Connect } from "./askCommand.js";
import { resolvePath } from "./commandContext.js";

const FILES: Readonly<Record<ModelRole, string>> = {
  coder: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
  scout: "SmolLM2-135M-Instruct.Q4_1.gguf",
};

/** `bundles` is the folder of this program's bundles. */
export function connectTo(bundles: string): Connect {
  return (args, context) => {
    const { env } = context;
    const cache = join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "blocksight");
    const media = join(bundles, "..", "media", "models");
    const symbols = new SymbolPool({ workerPath: join(bundles, "symbolWorker.cjs") });
    const { model, read, index, layout, threads, isCacheUsed } = args;
    const isPath = model !== undefined && model !== "coder" && model !== "scout";
    const parts = connectParts({
      bundles,
      cache,
      choice: { model: isPath ? resolvePath(context, model) : model, read, index, layout },
      find: (role) => findModel(role, join(cache, "models"), media),
      pack: (request) => pack(request),
      isCacheUsed,
      ...(threads === undefined ? {} : { threads }),
      log: () => undefined,
    });
    const packer = new WorkspacePacker({
      engine: parts.engine,
      findSymbols: symbols.findSymbols,
      ...(isCacheUsed ? { cacheDirectory: cache } : {}),
    });
    const pack = packDirectories({
      packer,
      media,
      roots: args.repos.map((repo) => resolvePath(context, repo)),
      include: args.include,
      exclude: args.exclude.map((glob) => ({ glob, rule: { text: `--exclude ${glob}` } })),
      ...(layout === undefined ? {} : { layout }),
      ...(args.budgetTokens === undefined ? {} : { budgetTokens: args.budgetTokens }),
    });
    return Promise.resolve({
      ...parts,
      dispose: async () => {
        await packer.settle();
        await symbols.dispose();
        await parts.dispose();
      },
    });
  };
}

async function findModel(role: ModelRole, models: string, media: string): Promise<OpenModel> {
  const modelPath = join(models, FILES[role]);
  if (
    !(await stat(modelPath).then(
      (found) => found.isFile(),
      () => false,
    ))
  ) {
    throw new BlocksightError(
      "modelMissing",
      `The ${role} is not here: there is no ${modelPath}.`,
      `Fetch it with \`blocksight model get ${role}\`.`,
    );
  }
  return { role, modelPath, adapterPath: join(media, `${role}.safetensors`) };
}
