/**
 * What a shipped adapter says of the layout, read from its metadata without opening the model: a pack
 * is made while the model is still loading, and `pack` needs none at all.
 */
import { open } from "node:fs/promises";
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";

export interface AdapterLayout {
  readonly header: string;
  readonly part: string;
  /** Token ids of block 0. */
  readonly prefix: readonly number[];
  readonly segmentTokens: number;
}

/** A safetensors header of an adapter is under 100 KB. */
const MOST_HEADER_BYTES = 16 * 1024 * 1024;

/** Throws `modelCorrupt` for a file that is no adapter of ours. */
export async function readAdapterLayout(path: string): Promise<AdapterLayout> {
  try {
    const metadata = JSON.parse(await readMetadata(path)) as {
      layout: {
        header: unknown;
        part: unknown;
        prefix: unknown;
        segmentBlocks: unknown;
        block: unknown;
      };
    };
    const { header, part, prefix, segmentBlocks, block } = metadata.layout;
    if (
      typeof header !== "string" ||
      typeof part !== "string" ||
      !Array.isArray(prefix) ||
      !prefix.every((id): id is number => Number.isInteger(id)) ||
      typeof segmentBlocks !== "number" ||
      typeof block !== "number"
    ) {
      throw new Error("its layout is not whole");
    }
    return { header, part, prefix, segmentTokens: segmentBlocks * block };
  } catch (error) {
    throw new BlocksightError(
      "modelCorrupt",
      phrase(
        "The adapter {0} cannot be read: {1}.",
        path,
        error instanceof Error ? error.message : String(error),
      ),
      "Install Blocksight again; in a clone, check the file out anew.",
      { next: phrase("Install Blocksight again; the log has the details.") },
    );
  }
}

/** safetensors: u64 length of the header, then JSON whose `__metadata__` maps text to text. */
async function readMetadata(path: string): Promise<string> {
  const file = await open(path);
  try {
    const length = Buffer.alloc(8);
    await file.read(length, 0, 8, 0);
    const bytes = Number(length.readBigUInt64LE());
    if (bytes > MOST_HEADER_BYTES) throw new Error("its header is too long");
    const header = Buffer.alloc(bytes);
    const { bytesRead } = await file.read(header, 0, bytes, 8);
    if (bytesRead < bytes) throw new Error("its header is not all there");
    const json = JSON.parse(header.toString("utf8")) as {
      __metadata__?: { blocksight?: unknown };
    };
    const text = json.__metadata__?.blocksight;
    if (typeof text !== "string") throw new Error("it has no metadata of Blocksight");
    return text;
  } finally {
    await file.close();
  }
}
