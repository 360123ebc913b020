/** The order of files in a pack: deterministic, and such that an edit invalidates little. */

export type FileOrder = "path" | "time";

interface Ordered {
  readonly path: string;
  readonly modifiedMs: number;
}

/**
 * By path in the independent layout, where order costs nothing. In the causal layout a page depends
 * on all before it, so what was edited last comes last: by time, oldest first, then by path.
 */
export function orderFiles<F extends Ordered>(files: readonly F[], order: FileOrder): F[] {
  return [...files].sort(
    (a, b) => (order === "time" ? a.modifiedMs - b.modifiedMs : 0) || comparePaths(a.path, b.path),
  );
}

/** By code unit: the same on every machine and in every language. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
