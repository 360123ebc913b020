/** Cuts on disk, one file per workspace: whole or not there, private, and never more than a bound. */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";

/** Cuts take about 3 bytes per byte of source. */
const MOST_FILE_BYTES = 256_000_000;
const MOST_BYTES = 512_000_000;
const SUFFIX = ".cuts";

export class CutStore {
  /** `directory` is made at the first save; it holds what the workspaces hold. */
  constructor(private readonly directory: string) {}

  /** Undefined where there is nothing to read. Never rejects. */
  async load(identity: string): Promise<Uint8Array | undefined> {
    const file = this.fileOf(identity);
    try {
      if ((await stat(file)).size > MOST_FILE_BYTES) return undefined;
      return await readFile(file);
    } catch {
      return undefined;
    }
  }

  /** Written beside its place and moved there. False where it could not be: packing works without. */
  async save(identity: string, bytes: Uint8Array): Promise<boolean> {
    if (bytes.length > MOST_FILE_BYTES) return false;
    const file = this.fileOf(identity);
    const part = `${file}.${process.pid}.part`;
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      const handle = await open(part, "w", 0o600);
      try {
        await handle.writeFile(bytes);
      } finally {
        await handle.close();
      }
      await rename(part, file);
      await this.trim(file);
      return true;
    } catch {
      await rm(part, { force: true }).catch(() => undefined);
      return false;
    }
  }

  private fileOf(identity: string): string {
    const name = createHash("sha256").update(identity).digest("hex").slice(0, 32);
    return path.join(this.directory, `${name}${SUFFIX}`);
  }

  /** Drops the oldest files above the bound, and what an interrupted save left, but never `kept`. */
  private async trim(kept: string): Promise<void> {
    const hourAgo = Date.now() - 3_600_000;
    const files: { file: string; size: number; mtimeMs: number }[] = [];
    for (const name of await readdir(this.directory)) {
      const file = path.join(this.directory, name);
      const { size, mtimeMs } = await stat(file);
      if (name.endsWith(".part") && mtimeMs < hourAgo) await rm(file, { force: true });
      else if (name.endsWith(SUFFIX)) files.push({ file, size, mtimeMs });
    }
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { file, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (total <= MOST_BYTES) break;
      if (file === kept) continue;
      await rm(file, { force: true });
      total -= size;
    }
  }
}
