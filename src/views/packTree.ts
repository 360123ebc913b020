/** The pack as folders, for the switches of the ask view. Remembers what was left out. */
import type { Pack, SkipReason } from "../shared/pack.js";
import type { PackEntry, PackState, SkippedEntry } from "../shared/messages.js";
import { blocksOf } from "../shared/blocks.js";

interface Weight {
  readonly tokens: number;
  readonly blocks: number;
}

/** Files below a path: those of the last pack, and those only known from packs before. */
interface Sums {
  tokens: number;
  blocks: number;
  files: number;
  goneTokens: number;
  goneBlocks: number;
  goneFiles: number;
}

/** By path; folders end in "/", "" is the top. */
interface Index {
  readonly sums: ReadonlyMap<string, Sums>;
  readonly children: ReadonlyMap<string, readonly string[]>;
}

export class PackTree {
  /** Last known weight of every file, also of those now left out. */
  private readonly weights = new Map<string, Weight>();
  private included: ReadonlySet<string> = new Set();
  private skipped: Pack["skipped"] = [];
  /** Made with the first row that is asked for after a pack. */
  private index: Index | undefined;

  update(pack: Pack): void {
    const [model] = pack.models;
    this.included = new Set(pack.files.map(({ path }) => path));
    this.skipped = pack.skipped;
    this.index = undefined;
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

  /**
   * Rows of one folder ("" is the top), the heaviest first; folders carry the sum of their files.
   * A row keeps its place when files below it are switched off: what was left out counts there.
   * Takes as long as the folder has rows and `leftOut` entries, however large the repository is.
   */
  list(folder: string, leftOut: readonly string[]): PackEntry[] {
    this.index ??= indexOf(this.weights, this.included);
    const { sums, children } = this.index;
    const isWholeOut = isLeftOut(folder, leftOut);
    const within = outermost(leftOut.filter((path) => path.startsWith(folder)));
    const entries: PackEntry[] = [];
    for (const path of children.get(folder) ?? []) {
      const sum = sums.get(path) ?? NOTHING;
      const name = path.slice(folder.length);
      if (isWholeOut || within.includes(path)) {
        const tokens = sum.tokens + sum.goneTokens;
        const blocks = sum.blocks + sum.goneBlocks;
        const files = sum.files + sum.goneFiles;
        entries.push({ path, name, tokens, blocks, files, included: false });
        continue;
      }
      let { tokens, blocks, files } = sum;
      for (const out of within) {
        if (!path.endsWith("/") || !out.startsWith(path)) continue;
        const less = sums.get(out) ?? NOTHING;
        tokens -= less.tokens;
        blocks -= less.blocks;
        files += less.goneFiles;
      }
      // Otherwise gone from disk, or skipped by a rule.
      if (files > 0) entries.push({ path, name, tokens, blocks, files, included: true });
    }
    const whole = ({ path }: PackEntry): number => {
      const { tokens, goneTokens } = sums.get(path) ?? NOTHING;
      return tokens + goneTokens;
    };
    return entries.sort((a, b) => whole(b) - whole(a) || a.path.localeCompare(b.path));
  }

  listSkipped(reason: SkipReason): SkippedEntry[] {
    return this.skipped
      .filter((file) => file.reason === reason)
      .map(({ path, rule }) => ({ path, reason, ...(rule === undefined ? {} : { rule }) }));
  }
}

const NOTHING: Sums = {
  ...{ tokens: 0, blocks: 0, files: 0 },
  ...{ goneTokens: 0, goneBlocks: 0, goneFiles: 0 },
};

function indexOf(weights: ReadonlyMap<string, Weight>, included: ReadonlySet<string>): Index {
  const sums = new Map<string, Sums>();
  const children = new Map<string, string[]>();
  for (const [path, { tokens, blocks }] of weights) {
    const isIn = included.has(path);
    for (let end = path.length; end >= 0;) {
      const below = path.slice(0, end);
      let sum = sums.get(below);
      // The slash that ends a folder is the last character of its path, so look before it.
      const slash = end < 2 ? -1 : path.lastIndexOf("/", end - 2);
      if (sum === undefined) {
        sum = { ...NOTHING };
        sums.set(below, sum);
        const parent = path.slice(0, slash + 1);
        const siblings = children.get(parent) ?? [];
        children.set(parent, siblings);
        if (end > 0) siblings.push(below);
      }
      if (isIn) {
        sum.tokens += tokens;
        sum.blocks += blocks;
        sum.files++;
      } else {
        sum.goneTokens += tokens;
        sum.goneBlocks += blocks;
        sum.goneFiles++;
      }
      if (end === 0) break;
      end = slash + 1;
    }
  }
  return { sums, children };
}

/** Each path once, without those that lie below another one of the list. */
function outermost(paths: readonly string[]): readonly string[] {
  const different = [...new Set(paths)];
  return different.filter(
    (path) => !different.some((other) => other !== path && isLeftOut(path, [other])),
  );
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
