/** Cut files in pack order -> the pack with its block tables. */
import { NO_BLOCK, PREFIX_BLOCK, blocksOf, BLOCK_TOKENS } from "../shared/blocks.js";
import type { Layout } from "../shared/model.js";
import type { ModelPack, Pack, PackedFile, Segment, SkippedFile } from "../shared/pack.js";
import type { CutFile } from "./cutResult.js";
import { comparePaths } from "./orderFiles.js";
import { packIdOf } from "./packId.js";
import type { PackTokenizer } from "./packTokenizer.js";

/** A file that is in the pack. */
export interface CutSource {
  readonly path: string;
  readonly root: number;
  readonly contentHash: string;
  readonly bytes: Uint8Array;
  readonly cut: CutFile;
}

export interface PackParts {
  readonly roots: readonly string[];
  /** In pack order. */
  readonly files: readonly CutSource[];
  readonly skipped: readonly SkippedFile[];
  readonly tokenizers: readonly PackTokenizer[];
  readonly layout: Layout;
}

export function assemblePack({ roots, files, skipped, tokenizers, layout }: PackParts): Pack {
  const packedFiles: PackedFile[] = [];
  const segments: Segment[] = [];
  const texts: Uint8Array[] = [];
  for (const { path, root, contentHash, bytes, cut } of files) {
    const file = packedFiles.length;
    const parts = cut.segments.length;
    packedFiles.push({
      ...{ path, root, contentHash, bytes: bytes.length },
      lines: cut.lines,
      firstSegment: segments.length,
      segmentCount: parts,
    });
    cut.segments.forEach((segment, index) => {
      segments.push({ file, part: index + 1, parts, ...segment });
      texts.push(bytes.subarray(segment.startByte, segment.endByte));
    });
  }
  return {
    packId: packIdOf(tokenizers, layout, packedFiles),
    roots,
    files: packedFiles,
    segments,
    texts,
    skipped: [...skipped].sort((a, b) => comparePaths(a.path, b.path)),
    models: tokenizers.map(({ info }, t) => {
      const model = modelPack(info.name, files, t);
      return layout === "causal" ? { ...model, fillerTokens: fillerOf(files, t) } : model;
    }),
  };
}

function modelPack(tokenizer: string, files: readonly CutSource[], t: number): ModelPack {
  const models = files.map(({ cut }) => cut.models[t] ?? NO_MODEL);
  const tokens = models.flatMap((model) => model.tokens);
  const blockLines = models.flatMap((model) => model.blockLines);
  const blockCount = 1 + tokens.reduce((sum, ids) => sum + blocksOf(ids.length), 0);
  const firstBlock = new Uint32Array(tokens.length);
  const segmentOfBlock = new Uint32Array(blockCount);
  const startLine = new Uint32Array(blockCount);
  const endLine = new Uint32Array(blockCount);
  segmentOfBlock[PREFIX_BLOCK] = NO_BLOCK;
  let block = PREFIX_BLOCK + 1;
  let slots = 0;
  tokens.forEach((ids, segment) => {
    const blocks = blocksOf(ids.length);
    const lines = blockLines[segment] as Uint32Array;
    firstBlock[segment] = block;
    for (let index = 0; index < blocks; index++) {
      segmentOfBlock[block + index] = segment;
      startLine[block + index] = lines[index * 2] as number;
      endLine[block + index] = lines[index * 2 + 1] as number;
    }
    block += blocks;
    slots += blocks * BLOCK_TOKENS;
  });
  const filler = models.reduce((sum, model) => sum + model.fillerTokens, 0);
  const tokenCount = tokens.reduce((sum, ids) => sum + ids.length, 0) - filler;
  return {
    ...{ tokenizer, tokens, firstBlock, blockCount, segmentOfBlock, startLine, endLine },
    tokenCount,
    paddingTokens: slots - tokenCount,
  };
}

/** Per segment; only a file's last one has any. */
function fillerOf(files: readonly CutSource[], t: number): Uint32Array {
  return Uint32Array.from(
    files.flatMap(({ cut: { segments, models } }) =>
      segments.map((_, part) =>
        part === segments.length - 1 ? (models[t]?.fillerTokens ?? 0) : 0,
      ),
    ),
  );
}

const NO_MODEL = { tokens: [], blockLines: [], fillerTokens: 0 };
