/**
 * sha256 of model files, remembered by path, size, modification time and inode, so that 1.1 GB is
 * not read at every start. Whoever can write the cache file can write the models beside it as well.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";

interface Entry {
  readonly size: number;
  readonly mtimeMs: number;
  readonly inode: number;
  readonly sha256: string;
}

/** Entries kept; the oldest go first. */
const MOST_ENTRIES = 64;

const isEntry = (value: unknown): value is Entry =>
  typeof value === "object" &&
  value !== null &&
  "sha256" in value &&
  typeof value.sha256 === "string" &&
  /^[0-9a-f]{64}$/.test(value.sha256);

export class FileHashes {
  /** `file` is the cache; it need not exist. */
  constructor(private readonly file: string) {}

  /** Hex. Throws what the file system throws, or the signal's reason. */
  async sha256(target: string, signal: AbortSignal): Promise<string> {
    const { size, mtimeMs, ino: inode } = await stat(target);
    const known = (await this.load()).get(path.resolve(target));
    if (known?.size === size && known.mtimeMs === mtimeMs && known.inode === inode) {
      return known.sha256;
    }
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(target, { highWaterMark: 1 << 20, signal })) {
      hash.update(chunk as Buffer);
    }
    const sha256 = hash.digest("hex");
    await this.store(path.resolve(target), { size, mtimeMs, inode, sha256 });
    return sha256;
  }

  /** A cache that is missing or damaged is empty. */
  private async load(): Promise<Map<string, Entry>> {
    try {
      const parsed: unknown = JSON.parse(await readFile(this.file, "utf8"));
      if (typeof parsed !== "object" || parsed === null) return new Map();
      return new Map(Object.entries(parsed).filter((e): e is [string, Entry] => isEntry(e[1])));
    } catch {
      return new Map();
    }
  }

  /** Two processes may write at once: the rename keeps the file whole, and a lost entry costs one hash. */
  private async store(target: string, entry: Entry): Promise<void> {
    try {
      const entries = await this.load();
      entries.delete(target);
      entries.set(target, entry);
      const kept = Object.fromEntries([...entries].slice(-MOST_ENTRIES));
      await mkdir(path.dirname(this.file), { recursive: true });
      const draft = `${this.file}.${process.pid}`;
      await writeFile(draft, JSON.stringify(kept), { mode: 0o600 });
      await rename(draft, this.file);
    } catch {
      // A cache that cannot be written is only slower.
    }
  }
}
