/** Directories to the pack of a session: the tokenizers that its models need, and the budget. */
import { join } from "node:path";
import type { AskModels, AskParts } from "./ask/askParts.js";
import { MOST_TOKENS, overBudget } from "./ask/budget.js";
import { readAdapterLayout } from "./engine/adapterLayout.js";
import type { PackWorkspaceOptions, WorkspacePacker } from "./packWorkspace.js";
import type { PackLayout } from "./pack/packTokenizer.js";
import type { Layout, ModelInfo, ModelRole } from "./shared/model.js";

export type PackDirectoriesOptions = Pick<
  PackWorkspaceOptions,
  "roots" | "include" | "exclude" | "unsaved" | "budgetTokens"
> & {
  readonly packer: WorkspacePacker;
  /** Where adapters and tokenizers of the product lie. */
  readonly media: string;
  readonly layout?: Layout;
};

/**
 * The product's models are cut for together, whichever of them read: `--model scout` has the same
 * segments as the coder. A model of the user's is cut for alone, once it is open.
 */
export function packDirectories(options: PackDirectoriesOptions): AskParts["pack"] {
  const { packer, media, layout = "independent", budgetTokens = MOST_TOKENS, ...rest } = options;
  return async ({ models, infos, signal, onProgress }) => {
    const tokenizers = await packer.openTokenizers(await modelsToCutFor(models, infos, media));
    const packed = await packer.pack({
      ...rest,
      tokenizers,
      layout,
      budgetTokens,
      signal,
      onProgress: ({ files, bytes, path }) => onProgress({ files, bytes, path }),
    });
    if (packed.t === "pack") return packed.pack;
    const { tokens, folders, isEstimate } = packed.over;
    throw overBudget(tokens, budgetTokens, folders, isEstimate);
  };
}

interface ToCutFor {
  readonly path: string;
  readonly layout: PackLayout;
}

async function modelsToCutFor(
  { answering }: AskModels,
  infos: Promise<readonly ModelInfo[]>,
  media: string,
): Promise<readonly ToCutFor[]> {
  // A model of the user's has no known hash, with an adapter or without.
  if (answering.sha256 === undefined) {
    const [info] = await infos;
    if (info === undefined) throw new Error("No model is open.");
    return [{ path: answering.modelPath, layout: info }];
  }
  return productModels(media, answering.role);
}

/** The tokenizers of both models of the product, the answering one's first. */
export function productModels(media: string, answering: ModelRole): Promise<readonly ToCutFor[]> {
  const other: ModelRole = answering === "coder" ? "scout" : "coder";
  return Promise.all(
    [answering, other].map(async (role) => ({
      path: join(media, `${role}.tokenizer.gguf`),
      layout: await readAdapterLayout(join(media, `${role}.safetensors`)),
    })),
  );
}
