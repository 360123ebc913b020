/** Files in the order of the chosen measure, with their numbers for the chosen span. Pure. */
import type { EvidenceFile, FileReads } from "../../src/shared/evidence.js";
import { decimal, percent } from "../l10n.js";
import type { SortKey } from "./store.js";

export interface RankedFile {
  readonly file: number;
  readonly path: string;
  readonly focus: number;
  readonly scoutFocus: number | undefined;
  readonly share: number;
  readonly lift: number;
  readonly mass: number;
  readonly selections: number;
  readonly steps: number;
  readonly blocks: number;
  readonly inSight: boolean;
  readonly changed: boolean;
}

export function rankedFiles(
  files: readonly EvidenceFile[],
  reads: FileReads | undefined,
  sort: SortKey,
): RankedFile[] {
  const place = new Map<number, number>();
  for (const [at, file] of (reads?.files ?? []).entries()) place.set(file, at);
  const ranked = files.map(
    ({ path, focus, scoutFocus, blocks, inSight, changed }, file): RankedFile => {
      const at = place.get(file);
      const of = (values: ArrayLike<number> | undefined): number =>
        at === undefined ? 0 : (values?.[at] ?? 0);
      return {
        ...{ file, path, focus, scoutFocus, blocks, inSight, changed },
        share: of(reads?.share),
        lift: of(reads?.lift),
        mass: of(reads?.mass),
        selections: of(reads?.selections),
        steps: of(reads?.steps),
      };
    },
  );
  // Files in sight first; what the scout thought of the others orders them.
  return ranked.sort(
    (a, b) =>
      Number(b.inSight) - Number(a.inSight) ||
      b[sort] - a[sort] ||
      b.focus - a.focus ||
      (b.scoutFocus ?? 0) - (a.scoutFocus ?? 0) ||
      a.file - b.file,
  );
}

/** The chosen measure as a reader sees it: a factor for lift, else a share of 100 %. */
export function measureText(file: RankedFile, sort: SortKey): string {
  return sort === "lift" ? `${decimal(file.lift, 1)}×` : percent(file[sort]);
}
