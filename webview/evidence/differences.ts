import type { FileReads } from "../../src/shared/evidence.js";

interface Difference {
  readonly file: number;
  readonly a: number;
  readonly b: number;
}

/** Shares of both pins by file, the largest difference first. Pure. */
export function differences(a: FileReads | undefined, b: FileReads | undefined): Difference[] {
  const byFile = new Map<number, { a: number; b: number }>();
  const at = (file: number): { a: number; b: number } => {
    const known = byFile.get(file) ?? { a: 0, b: 0 };
    byFile.set(file, known);
    return known;
  };
  for (const [i, file] of (a?.files ?? []).entries()) at(file).a = a?.share[i] ?? 0;
  for (const [i, file] of (b?.files ?? []).entries()) at(file).b = b?.share[i] ?? 0;
  return [...byFile]
    .map(([file, shares]) => ({ file, ...shares }))
    .sort((x, y) => Math.abs(y.b - y.a) - Math.abs(x.b - x.a) || x.file - y.file);
}
