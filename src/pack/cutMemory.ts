/** The cuts of the last pack, so that packing again cuts only what changed. */
import type { CutCache } from "./buildPack.js";
import type { CutFile } from "./cutResult.js";

export interface KnownCut {
  readonly contentHash: string;
  readonly cut: CutFile;
}

export class CutMemory implements CutCache {
  /** Used or made since `startPack`, by path. */
  private current = new Map<string, KnownCut>();
  private isChanged = false;

  constructor(private previous: ReadonlyMap<string, KnownCut> = new Map()) {}

  get(path: string, contentHash: string): CutFile | undefined {
    const known = this.previous.get(path);
    if (known?.contentHash !== contentHash) return undefined;
    this.current.set(path, known);
    return known.cut;
  }

  set(path: string, contentHash: string, cut: CutFile): void {
    this.isChanged = true;
    this.current.set(path, { contentHash, cut });
  }

  /** Forgets what the pack did not use. True where that or a new cut is worth saving. */
  endPack(): boolean {
    const isChanged = this.isChanged || this.current.size !== this.previous.size;
    this.previous = this.current;
    this.current = new Map();
    this.isChanged = false;
    return isChanged;
  }

  get cuts(): ReadonlyMap<string, KnownCut> {
    return this.previous;
  }
}
