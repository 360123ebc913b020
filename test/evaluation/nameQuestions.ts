/** Questions whose right file is known: about names that one file of a pack defines. */
import type { Pack } from "../../src/shared/pack.js";
import type { Lines } from "../../src/trace/rankFiles.js";

export interface NameQuestion {
  readonly kind: "where" | "signature";
  readonly text: string;
  readonly name: string;
  /** The one file that defines the name. */
  readonly path: string;
  /** Where the definition stands in it. */
  readonly lines: Lines;
}

/** Too short, or special to the language: such names say nothing of their file. */
const isTelling = (name: string): boolean => name.length >= 4 && !/^__.*__$/.test(name);
/** What has a body. An alias or a constant is used more than it is defined. */
const isDefinition = (kind: string): boolean => /function|method|class/.test(kind);

/**
 * `count` questions, half of each kind, over names that are defined once. The order is shuffled by a
 * fixed seed, so that the same pack gives the same questions and any part of them is a fair one.
 */
export function nameQuestions(pack: Pack, count: number, seed = 1): readonly NameQuestion[] {
  const places = new Map<string, { path: string; kind: string; times: number; lines: Lines }>();
  for (const { file, symbols } of pack.segments) {
    const path = pack.files[file]?.path ?? "";
    for (const { name, kind, startLine, endLine } of symbols) {
      const known = places.get(name);
      if (known) known.times++;
      else places.set(name, { path, kind, times: 1, lines: { startLine, endLine } });
    }
  }
  const names = [...places]
    .filter(([name, { times, kind }]) => times === 1 && isTelling(name) && isDefinition(kind))
    .map(([name, place]) => ({ name, ...place }));
  shuffle(names, seed);
  const functions = names.filter(({ kind }) => /function|method/.test(kind));
  const asked: NameQuestion[] = [];
  const taken = new Set<string>();
  const take = (from: typeof names, kind: NameQuestion["kind"], most: number): void => {
    for (const { name, path, lines } of from) {
      if (asked.length >= most) return;
      if (taken.has(name)) continue;
      taken.add(name);
      const text =
        kind === "where"
          ? `Where is \`${name}\` defined?`
          : `What is the signature of \`${name}\`?`;
      asked.push({ kind, text, name, path, lines });
    }
  };
  take(functions, "signature", Math.floor(count / 2));
  take(names, "where", count);
  shuffle(asked, seed + 1);
  return asked;
}

/** Fisher and Yates's shuffle over a linear congruential generator (Numerical Recipes' constants). */
function shuffle(list: unknown[], seed: number): void {
  let state = seed >>> 0;
  for (let last = list.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    const kept = list[last];
    list[last] = list[other];
    list[other] = kept;
  }
}
