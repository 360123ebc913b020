/**
 * How near each segment is to a question by its words, before any model has read it: BM25 over
 * segments, path and text. The scout reads what is nearest first (docs/decisions/first-read.md).
 */

/** The usual constants of BM25; others were within half a point. */
const SATURATION = 1.2;
const LENGTH_WEIGHT = 0.75;

/** A test speaks of what it tests, often more than the code does: unless tests are asked for it counts half. */
const TEST_WEIGHT = 0.5;
const TEST_PATH =
  /(?:^|\/)(?:tests?|__tests__|specs?)\/|(?:^|\/)test_[^/]*$|[._](?:test|spec)\.[^./]+$/i;

const WORD = /[\p{L}_][\p{L}\p{M}\p{N}_]+/gu;
/** Of an identifier: `HTTPServer_v2` has http, server, v and 2. */
const PART = /\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})|\p{N}+|[\p{Lo}\p{Lm}]+/gu;

/** Words of questions that say nothing about code; rare in code, they would weigh most. */
const SILENT = new Set(
  (
    "about all also am an and any are as at be because been before being between both but by can " +
    "could did do does doing done for from had has have here how if in into is it its itself many " +
    "may me more most much must my no not of off on one only or other our out over own same she " +
    "should so some such than that the their them then there these they this those through to too " +
    "under until up us very was way we were what when where whether which while who whom whose why " +
    "will with would you your"
  ).split(" "),
);

/** What nearness looks at of a pack. */
export interface PackedWords {
  readonly files: readonly { readonly path: string }[];
  readonly segments: readonly { readonly file: number }[];
  /** UTF-8, by segment. */
  readonly texts: readonly Uint8Array[];
}

/** Per segment; all 0 where no word of the question is in the pack, and then nothing is known. */
export function nearnessOf(
  question: string,
  { files, segments, texts }: PackedWords,
): Float64Array {
  const asked = new Set(
    [...question.matchAll(WORD)]
      .map(([word]) => word)
      .filter((word) => !SILENT.has(word.toLowerCase()))
      .flatMap(termsOf),
  );
  const terms = [...asked];
  const termIndex = new Map(terms.map((term, index) => [term, index]));
  const counts = new Uint32Array(segments.length * terms.length);
  const lengths = new Float64Array(segments.length);
  const known = new Map<string, KnownWord>();
  const decoder = new TextDecoder();
  for (const [segment, { file }] of segments.entries()) {
    const text = `${files[file]?.path ?? ""}\n${decoder.decode(texts[segment])}`;
    for (const [word] of text.matchAll(WORD)) {
      let { length, asked: found } = known.get(word) ?? UNKNOWN;
      if (length === 0) {
        const all = termsOf(word);
        length = all.length;
        found = all.flatMap((term) => termIndex.get(term) ?? []);
        known.set(word, { length, asked: found });
      }
      lengths[segment] = (lengths[segment] as number) + length;
      for (const term of found) {
        const at = segment * terms.length + term;
        counts[at] = (counts[at] as number) + 1;
      }
    }
  }
  const nearness = bm25(counts, lengths, terms.length);
  if (asked.has("test")) return nearness;
  return nearness.map((value, segment) => {
    const path = files[segments[segment]?.file ?? -1]?.path ?? "";
    return TEST_PATH.test(path) ? value * TEST_WEIGHT : value;
  });
}

/** A word of the pack: how many terms it has, and which of them are asked for. */
interface KnownWord {
  readonly length: number;
  readonly asked: readonly number[];
}

const UNKNOWN: KnownWord = { length: 0, asked: [] };

/** An identifier as a whole and its parts, in lower case and without endings. */
function termsOf(word: string): readonly string[] {
  const parts = [...word.matchAll(PART)].map(([part]) => stemOf(part.toLowerCase()));
  return parts.length === 1 ? parts : [word.toLowerCase(), ...parts];
}

/** English endings that a question and an identifier differ in: `cookies are signed`, `sign_cookie`. */
function stemOf(word: string): string {
  let stem = word;
  if (stem.length > 5 && stem.endsWith("ing")) stem = stem.slice(0, -3);
  else if (stem.length > 4 && /e[ds]$/.test(stem)) stem = stem.slice(0, -2);
  else if (stem.length > 3 && /[^s]s$/.test(stem)) stem = stem.slice(0, -1);
  if (stem.length > 3 && stem.endsWith("e")) stem = stem.slice(0, -1);
  return stem.length > 4 && /([^ls])\1$/.test(stem) ? stem.slice(0, -1) : stem;
}

/** `counts` is by segment, then term. */
function bm25(counts: Uint32Array, lengths: Float64Array, terms: number): Float64Array {
  const segments = lengths.length;
  const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, segments) || 1;
  const scores = new Float64Array(segments);
  for (let term = 0; term < terms; term++) {
    let having = 0;
    for (let at = term; at < counts.length; at += terms) if (counts[at]) having++;
    const rarity = Math.log(1 + (segments - having + 0.5) / (having + 0.5));
    for (let segment = 0; segment < segments; segment++) {
      const count = counts[segment * terms + term] as number;
      if (count === 0) continue;
      const length = (lengths[segment] as number) / mean;
      const norm = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * length);
      scores[segment] =
        (scores[segment] as number) + (rarity * count * (SATURATION + 1)) / (count + norm);
    }
  }
  return scores;
}
