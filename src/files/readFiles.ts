/** Reads listed files in order, a few ahead, and skips those whose bytes are not for a pack. */
import { createHash } from "node:crypto";
import type { SkippedFile } from "../shared/pack.js";
import type { ListedFile } from "./listFiles.js";
import { readRegularFile, reasonOf } from "./openSafely.js";
import { skipByContent } from "./skipContent.js";

const READS_AHEAD = 16;

export interface ReadFile {
  readonly path: string;
  readonly root: number;
  readonly bytes: Uint8Array;
  /** sha256 of `bytes`, hex. */
  readonly contentHash: string;
}

export interface ReadOptions {
  /** Absolute path -> text of an unsaved buffer, which is packed instead of the file on disk. */
  readonly unsaved?: ReadonlyMap<string, string>;
}

export async function* readFiles(
  files: readonly ListedFile[],
  { unsaved }: ReadOptions = {},
): AsyncGenerator<ReadFile | SkippedFile> {
  const ahead: Promise<ReadFile | SkippedFile>[] = [];
  let next = 0;
  while (next < files.length || ahead.length > 0) {
    while (next < files.length && ahead.length < READS_AHEAD) {
      ahead.push(readOne(files[next] as ListedFile, unsaved));
      next += 1;
    }
    const first = ahead.shift();
    if (first !== undefined) yield await first;
  }
}

/** Never rejects. */
async function readOne(
  { path, root, absolutePath }: ListedFile,
  unsaved: ReadonlyMap<string, string> | undefined,
): Promise<ReadFile | SkippedFile> {
  const text = unsaved?.get(absolutePath);
  let bytes: Buffer;
  try {
    bytes = text === undefined ? await readRegularFile(absolutePath) : Buffer.from(text, "utf8");
  } catch (error) {
    return { path, reason: "unreadable", rule: { text: reasonOf(error) } };
  }
  const skip = skipByContent(path, bytes);
  if (skip !== undefined) return { path, ...skip, bytes: bytes.length };
  return { path, root, bytes, contentHash: createHash("sha256").update(bytes).digest("hex") };
}
