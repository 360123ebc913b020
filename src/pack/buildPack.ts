/**
 * Files -> pack. Never throws for a file: what cannot be packed is skipped with its reason. The same
 * files in the same order give the same tokens and the same pack id.
 */
import type { Layout } from "../shared/model.js";
import type { Pack, SkippedFile } from "../shared/pack.js";
import { type CutSource, assemblePack } from "./assemblePack.js";
import type { CutFile } from "./cutResult.js";
import type { FindSymbols } from "../shared/fileSymbols.js";
import { forEachConcurrently } from "./forEachConcurrently.js";
import { unsafePath } from "./header.js";
import { FolderCount, type OverBudget } from "./packBudget.js";
import type { PackTokenizer, Tokenize } from "./packTokenizer.js";
import { type Splitter, splitFile } from "./splitFile.js";
import { TokenizeBatch } from "./tokenizeBatch.js";

/** A file to pack. */
export interface SourceFile {
  /** As it stands in headers and tables. */
  readonly path: string;
  readonly root: number;
  readonly bytes: Uint8Array;
  /** sha256 of `bytes`, hex. */
  readonly contentHash: string;
}

/** Cuts of earlier packs; holds for one `cutIdentity`. */
export interface CutCache {
  get(path: string, contentHash: string): CutFile | undefined;
  set(path: string, contentHash: string, cut: CutFile): void;
}

export interface BuildPackOptions {
  readonly roots: readonly string[];
  /** In pack order; what reading skips comes in between. Empty files must not come. */
  readonly files: AsyncIterable<SourceFile | SkippedFile> | Iterable<SourceFile | SkippedFile>;
  /** Skipped before reading. */
  readonly skipped?: readonly SkippedFile[];
  /** One per model that reads, the answering one first. */
  readonly tokenizers: readonly PackTokenizer[];
  readonly layout: Layout;
  /** Most tokens of the answering model; without it there is no limit. */
  readonly budgetTokens?: number;
  readonly tokenize: Tokenize;
  readonly findSymbols: FindSymbols;
  readonly cache?: CutCache;
  readonly signal?: AbortSignal;
  readonly onFile?: (path: string, bytes: number) => void;
}

export type BuiltPack =
  | { readonly t: "pack"; readonly pack: Pack }
  | { readonly t: "overBudget"; readonly over: OverBudget };

/** Files whose text, tokens and trees are in memory at once. */
const FILES_AT_ONCE = 32;
/** Beyond this many times the budget, files are counted by their size. */
const COUNT_UP_TO = 4;
const LARGEST_FOLDERS = 8;

export async function buildPack(options: BuildPackOptions): Promise<BuiltPack> {
  const { roots, tokenizers, layout, budgetTokens = Infinity, signal } = options;
  const hashes = tokenizers.map(({ info }) => info.hash);
  const batch = new TokenizeBatch(options.tokenize, hashes);
  const splitter = { tokenizers, layout, batch, newlines: await newlineTokens(layout, batch) };
  const skipped: SkippedFile[] = [...(options.skipped ?? [])];
  const files: (CutSource | undefined)[] = [];
  const folders = new FolderCount();
  let tokens = 0;
  let counted = { tokens: 0, bytes: 0 };
  let isEstimate = false;

  const packFile = async (source: SourceFile, index: number): Promise<void> => {
    const { path, root, contentHash, bytes } = source;
    const unsafe = unsafePath(path);
    if (unsafe !== undefined) {
      skipped.push({ path, reason: "unsafeName", rule: { text: unsafe }, bytes: bytes.length });
      return;
    }
    const cut =
      tokens <= budgetTokens
        ? await cutSource(source, options, splitter)
        : await count(source.bytes);
    if (cut === undefined) {
      const rule = { text: "a path that takes more than a quarter of a segment" };
      skipped.push({ path, reason: "unsafeName", rule, bytes: bytes.length });
      return;
    }
    const own = typeof cut === "number" ? cut : answeringTokens(cut);
    tokens += own;
    counted = { tokens: counted.tokens + own, bytes: counted.bytes + bytes.length };
    folders.add(path, own);
    if (typeof cut !== "number" && tokens <= budgetTokens) {
      files[index] = { path, root, contentHash, bytes, cut };
    }
    options.onFile?.(path, bytes.length);
  };

  /** Over budget already: how many tokens the answering model would take. */
  const count = async (bytes: Uint8Array): Promise<number> => {
    if (tokens > COUNT_UP_TO * budgetTokens) {
      isEstimate = true;
      return Math.round((bytes.length * counted.tokens) / counted.bytes);
    }
    const [hash = ""] = hashes;
    const { ids } = await options.tokenize(hash, [bytes]);
    return ids[0]?.length ?? 0;
  };

  let index = 0;
  await forEachConcurrently(options.files, FILES_AT_ONCE, async (item) => {
    signal?.throwIfAborted();
    if ("reason" in item) skipped.push(item);
    else await packFile(item, index++);
  });
  signal?.throwIfAborted();

  if (tokens > budgetTokens) {
    const over = { budgetTokens, tokens, isEstimate, folders: folders.largest(LARGEST_FOLDERS) };
    return { t: "overBudget", over };
  }
  const packed = files.filter((file) => file !== undefined);
  return { t: "pack", pack: assemblePack({ roots, files: packed, skipped, tokenizers, layout }) };
}

async function cutSource(
  { path, contentHash, bytes }: SourceFile,
  { cache, findSymbols }: BuildPackOptions,
  splitter: Splitter,
): Promise<CutFile | undefined> {
  const known = cache?.get(path, contentHash);
  // A cache read from disk says what it likes; the bytes are here.
  if (known?.segments.at(-1)?.endByte === bytes.length) return known;
  const file = { path, bytes };
  const [whole, found] = await Promise.all([splitter.batch.tokens(bytes), findSymbols(file)]);
  const cut = await splitFile(file, whole, found, splitter);
  if (cut !== undefined) cache?.set(path, contentHash, cut);
  return cut;
}

function answeringTokens({ models }: CutFile): number {
  const [model] = models;
  if (model === undefined) return 0;
  return model.tokens.reduce((sum, ids) => sum + ids.length, 0) - model.fillerTokens;
}

/** Per tokenizer the one token that "\n" is: what the causal layout fills blocks with. */
async function newlineTokens(layout: Layout, batch: TokenizeBatch): Promise<readonly number[]> {
  if (layout !== "causal") return [];
  const newline = await batch.tokens(new TextEncoder().encode("\n"));
  return newline.map(({ ids }) => ids[0] ?? 0);
}
