/** Too much for the budget: counted by folder, so that the user can choose what to leave out. */
import { comparePaths } from "./orderFiles.js";

export interface FolderTokens {
  /** Ends in "/"; "" is the root itself with the files that stand in it. */
  readonly path: string;
  readonly files: number;
  readonly tokens: number;
}

export interface OverBudget {
  readonly budgetTokens: number;
  /** Of the answering model, headers included. */
  readonly tokens: number;
  /** Far over the budget, files are estimated from their size instead of being tokenized. */
  readonly isEstimate: boolean;
  /** The largest first: what to leave out. */
  readonly folders: readonly FolderTokens[];
}

/** Sums by folder; a folder counts with everything below it. */
export class FolderCount {
  private readonly folders = new Map<string, { files: number; tokens: number }>();

  add(path: string, tokens: number): void {
    for (let at = path.lastIndexOf("/"); ; at = path.lastIndexOf("/", at - 1)) {
      const folder = at < 0 ? "" : path.slice(0, at + 1);
      const count = this.folders.get(folder) ?? { files: 0, tokens: 0 };
      count.files += 1;
      count.tokens += tokens;
      this.folders.set(folder, count);
      if (at <= 0) break;
    }
  }

  /**
   * The `count` largest folders whose files are mostly their own: a folder that only holds a larger
   * share of one below it says nothing new, so it gives way to that one.
   */
  largest(count: number): readonly FolderTokens[] {
    const all = [...this.folders]
      .filter(([path]) => path !== "")
      .map(([path, { files, tokens }]) => ({ path, files, tokens }))
      .sort((a, b) => b.tokens - a.tokens || comparePaths(a.path, b.path));
    const says = all.filter(
      ({ path, tokens }) =>
        !all.some(
          (below) =>
            below.path !== path && below.path.startsWith(path) && below.tokens > tokens * 0.9,
        ),
    );
    return says.slice(0, count);
  }
}
