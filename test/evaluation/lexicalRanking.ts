/** What a user would search with instead: BM25 over files and over blocks. As in train's `lexical`. */

/** A piece of a file that is ranked for itself; a file counts with its best piece. */
export interface Passage {
  readonly path: string;
  readonly text: string;
}

const SATURATION = 1.2;
const LENGTH_WEIGHT = 0.75;

/** Identifiers and their words, in lower case. */
export function terms(text: string): readonly string[] {
  return (text.match(/[A-Za-z_]\w+/g) ?? []).flatMap((word) => {
    const parts = (word.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g) ?? []).map((part) =>
      part.toLowerCase(),
    );
    return parts.length === 1 ? parts : [word.toLowerCase(), ...parts];
  });
}

export class Bm25 {
  private readonly norms: readonly number[];
  private readonly postings = new Map<string, Map<number, number>>();

  constructor(private readonly passages: readonly Passage[]) {
    const lengths = passages.map(({ text }, at) => {
      const found = terms(text);
      for (const term of found) {
        const counts = this.postings.get(term) ?? new Map<number, number>();
        counts.set(at, (counts.get(at) ?? 0) + 1);
        this.postings.set(term, counts);
      }
      return found.length;
    });
    const mean = Math.max(1, lengths.reduce((sum, length) => sum + length, 0) / lengths.length);
    this.norms = lengths.map(
      (length) => SATURATION * (1 - LENGTH_WEIGHT + (LENGTH_WEIGHT * length) / mean),
    );
  }

  /** Paths, the best first; files without any term of the question in pack order behind. */
  rank(question: string): readonly string[] {
    const scores = new Float64Array(this.passages.length);
    for (const term of new Set(terms(question))) {
      const counts = this.postings.get(term);
      if (!counts) continue;
      const rest = this.passages.length - counts.size;
      const rarity = Math.log(1 + (rest + 0.5) / (counts.size + 0.5));
      for (const [at, count] of counts) {
        const norm = this.norms[at] as number;
        scores[at] = (scores[at] as number) + (rarity * count * (SATURATION + 1)) / (count + norm);
      }
    }
    return rankByBest(
      this.passages.map(({ path }) => path),
      scores,
    );
  }
}

/** Paths by the best score of their passages; equals keep their order. */
export function rankByBest(paths: readonly string[], scores: ArrayLike<number>): readonly string[] {
  const best = new Map<string, number>();
  paths.forEach((path, at) =>
    best.set(path, Math.max(best.get(path) ?? -Infinity, scores[at] as number)),
  );
  return [...best].sort(([, a], [, b]) => b - a).map(([path]) => path);
}
