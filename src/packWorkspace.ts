/** Directories -> pack: which files, in what order, cut and tokenized, with what is known of them. */
import { CutStore } from "./files/cutStore.js";
import type { GlobRule } from "./files/globRules.js";
import { type Listing, listFiles } from "./files/listFiles.js";
import { readFiles } from "./files/readFiles.js";
import { type BuiltPack, buildPack } from "./pack/buildPack.js";
import { decodeCuts, encodeCuts } from "./pack/cutCodec.js";
import { CutMemory } from "./pack/cutMemory.js";
import { type FileOrder, orderFiles } from "./pack/orderFiles.js";
import { cutIdentity } from "./pack/packId.js";
import { type PackLayout, type PackTokenizer, packTokenizer } from "./pack/packTokenizer.js";
import type { Engine } from "./shared/engine.js";
import type { FindSymbols } from "./shared/fileSymbols.js";
import type { Layout, TokenizerInfo } from "./shared/model.js";
import type { SkipRule } from "./shared/pack.js";

export interface PackWorkspaceOptions {
  /** Directories, absolute. */
  readonly roots: readonly string[];
  readonly include?: readonly string[];
  readonly exclude?: readonly GlobRule[];
  /** Absolute path -> text of an unsaved buffer, packed instead of the file on disk. */
  readonly unsaved?: ReadonlyMap<string, string>;
  /** The answering model's first; see `openPackTokenizers`. */
  readonly tokenizers: readonly PackTokenizer[];
  readonly layout: Layout;
  /** Default: by path in the independent layout, by time in the causal one. */
  readonly order?: FileOrder;
  readonly budgetTokens?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PackingProgress) => void;
}

interface PackingProgress {
  readonly files: number;
  readonly ofFiles: number;
  readonly bytes: number;
  readonly path: string;
}

export type WorkspacePack = BuiltPack & {
  /** Rules of ignore files that are not applied, because matching them could take too long. */
  readonly refusedRules: readonly SkipRule[];
};

/** Opens a tokenizer per path; `layout` is what the model's metadata says, where it says anything. */
export function openPackTokenizers(
  engine: Engine,
  models: readonly { readonly path: string; readonly layout?: PackLayout }[],
): Promise<readonly PackTokenizer[]> {
  return Promise.all(
    models.map(async ({ path, layout }) =>
      packTokenizer(await engine.request("openTokenizer", { path }), layout),
    ),
  );
}

export interface PackerParts {
  readonly engine: Engine;
  /** `SymbolPool.findSymbols`. */
  readonly findSymbols: FindSymbols;
  /** Where cuts are kept between runs; without it they are kept in memory only. */
  readonly cacheDirectory?: string;
}

/** Packs workspaces, one after the other, and remembers the cuts of each. */
export class WorkspacePacker {
  private readonly store: CutStore | undefined;
  private readonly memories = new Map<string, Promise<CutMemory>>();
  private readonly tokenizers = new Map<string, Promise<TokenizerInfo>>();
  private saving: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: PackerParts) {
    this.store =
      parts.cacheDirectory === undefined ? undefined : new CutStore(parts.cacheDirectory);
  }

  /** Throws `noSuchDirectory`, what the engine throws, or the signal's reason; never for a file. */
  async pack(options: PackWorkspaceOptions): Promise<WorkspacePack> {
    const { roots, tokenizers, layout, signal } = options;
    const identity = JSON.stringify([cutIdentity(tokenizers, layout), roots]);
    const [listing, memory] = await Promise.all([
      listFiles(roots, options),
      this.memory(options, identity),
    ]);
    const built = await this.build(listing, memory, options);
    const isChanged = memory.endPack();
    if (isChanged && built.t === "pack" && signal?.aborted !== true) {
      // Behind the answer's back: nothing waits for it but the next save and `settle`.
      this.saving = this.saving.then(() =>
        this.store?.save(identity, encodeCuts(memory.cuts, identity)),
      );
    }
    return { ...built, refusedRules: listing.refusedRules };
  }

  /**
   * As `openPackTokenizers`, each path once: parsing both vocabularies of the product takes most of
   * packing again. The engine's client opens them anew in a process that is started anew.
   */
  openTokenizers(
    models: readonly { readonly path: string; readonly layout?: PackLayout }[],
  ): Promise<readonly PackTokenizer[]> {
    return Promise.all(
      models.map(async ({ path, layout }) => packTokenizer(await this.tokenizer(path), layout)),
    );
  }

  /** A failure is not kept, so that the next question tries again. */
  private tokenizer(path: string): Promise<TokenizerInfo> {
    const known = this.tokenizers.get(path);
    if (known !== undefined) return known;
    const opening = this.parts.engine.request("openTokenizer", { path });
    this.tokenizers.set(path, opening);
    opening.catch(() => this.tokenizers.delete(path));
    return opening;
  }

  /** Resolves when what is worth keeping is on disk. */
  async settle(): Promise<void> {
    await this.saving;
  }

  private build(
    { roots, files, skipped }: Listing,
    cache: CutMemory,
    options: PackWorkspaceOptions,
  ): Promise<BuiltPack> {
    const { tokenizers, layout, budgetTokens, signal, onProgress } = options;
    const { engine, findSymbols } = this.parts;
    const order = options.order ?? (layout === "causal" ? "time" : "path");
    let done = 0;
    let bytes = 0;
    return buildPack({
      ...{ roots, skipped, tokenizers, layout, findSymbols, cache },
      files: readFiles(orderFiles(files, order), options),
      // Without the signal: a request takes a moment, and many would listen to it at once.
      tokenize: (tokenizer, texts) => engine.request("tokenize", { tokenizer, texts }),
      ...(budgetTokens === undefined ? {} : { budgetTokens }),
      ...(signal === undefined ? {} : { signal }),
      onFile: (path, size) => {
        done += 1;
        bytes += size;
        onProgress?.({ files: done, ofFiles: files.length, bytes, path });
      },
    });
  }

  private memory(
    { tokenizers, layout }: PackWorkspaceOptions,
    identity: string,
  ): Promise<CutMemory> {
    const known = this.memories.get(identity);
    if (known !== undefined) return known;
    const loading = this.load(tokenizers, layout, identity);
    this.memories.set(identity, loading);
    return loading;
  }

  private async load(
    tokenizers: readonly PackTokenizer[],
    layout: Layout,
    identity: string,
  ): Promise<CutMemory> {
    const bytes = await this.store?.load(identity);
    if (bytes === undefined) return new CutMemory();
    const cuts = decodeCuts(bytes, {
      identity,
      vocabSizes: tokenizers.map(({ info }) => info.vocabSize),
      segmentTokens: tokenizers.map(({ segmentTokens }) =>
        layout === "causal" ? Infinity : segmentTokens,
      ),
    });
    return new CutMemory(cuts);
  }
}
