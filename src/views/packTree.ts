/** The pack as folders, for the switches of the ask view. Remembers what was left out. */
import type { Pack, SkipReason } from "../shared/pack.js";
import type { PackEntry, PackState, SkippedEntry } from "../shared/messages.js";
import { blocksOf } from "../shared/blocks.js";

interface Weight {
  readonly tokens: number;
  readonly blocks: number;
}

export class PackTree {
  /** Last known weight of every file, also of those now left out. */
  private readonly weights = new Map<string, Weight>();
  private included: ReadonlySet<string> = new Set();
  private skipped: Pack["skipped"] = [];

  update(pack: Pack): void {
    const [model] = pack.models;
    this.included = new Set(pack.files.map(({ path }) => path));
    this.skipped = pack.skipped;
    for (const { path, firstSegment, segmentCount } of pack.files) {
      let tokens = 0;
      let blocks = 0;
      for (let s = firstSegment; s < firstSegment + segmentCount; s++) {
        const length = model?.tokens[s]?.length ?? 0;
        tokens += length;
        blocks += blocksOf(length);
      }
      this.weights.set(path, { tokens, blocks });
    }
  }

  /** Rows of one folder ("" is the top), the heaviest first; folders carry the sum of their files. */
  list(folder: string, isLeftOut: (path: string) => boolean): PackEntry[] {
    const entries = new Map<string, PackEntry>();
    for (const [path, weight] of this.weights) {
      if (!path.startsWith(folder)) continue;
      const isOut = isLeftOut(path);
      if (!isOut && !this.included.has(path)) continue; // gone from disk, or skipped by a rule
      const rest = path.slice(folder.length);
      const slash = rest.indexOf("/");
      const name = slash < 0 ? rest : rest.slice(0, slash + 1);
      const key = folder + name;
      const entry = entries.get(key) ?? {
        path: key,
        name,
        tokens: 0,
        blocks: 0,
        files: 0,
        included: !isLeftOut(key),
      };
      entries.set(key, {
        ...entry,
        tokens: entry.tokens + (isOut && entry.included ? 0 : weight.tokens),
        blocks: entry.blocks + (isOut && entry.included ? 0 : weight.blocks),
        files: entry.files + 1,
      });
    }
    return [...entries.values()].sort(
      (a, b) => b.tokens - a.tokens || a.path.localeCompare(b.path),
    );
  }

  listSkipped(reason: SkipReason): SkippedEntry[] {
    return this.skipped
      .filter((file) => file.reason === reason)
      .map(({ path, rule }) => ({ path, reason, ...(rule === undefined ? {} : { rule }) }));
  }
}

/** Whether a path is switched off, by itself or by a folder above it (folders end in "/"). */
export function isLeftOut(path: string, leftOut: readonly string[]): boolean {
  return leftOut.some((entry) => path === entry || (entry.endsWith("/") && path.startsWith(entry)));
}

export function packState(pack: Pack, leftOut: readonly string[], budgetTokens: number): PackState {
  const [model] = pack.models;
  const counts = new Map<SkipReason, number>();
  for (const { reason } of pack.skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return {
    packing: false,
    files: pack.files.length,
    segments: pack.segments.length,
    blocks: model?.blockCount ?? 0,
    tokens: model?.tokenCount ?? 0,
    paddingTokens: model?.paddingTokens ?? 0,
    budgetTokens,
    skipped: [...counts]
      .map(([reason, count]) => ({ reason, count }))
      .sort((a, b) => b.count - a.count),
    leftOut,
  };
}
