/**
 * Which stretches of an answer are links. A citation is one because the engine wrote it. A path in
 * the model's own words is a mention where the pack has it, and marked as unknown where it does not.
 */
import type { Citation } from "../shared/answer.js";
import type { AnswerLink } from "../shared/messages.js";

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Something with a file name's shape: folders and an extension of one to five letters or digits. */
const PATH = /(?:[\w@+-][\w.@+-]*\/)*[\w@+-][\w.@+-]*\.[A-Za-z][A-Za-z0-9]{0,4}(?![\w/])/g;
/** What an address names is not in the repository, and nobody says that it is. */
const ADDRESS = /[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s<>"'`()[\]]+/g;

export function answerLinks(
  answer: string,
  citations: readonly Citation[],
  paths: ReadonlySet<string>,
): AnswerLink[] {
  const cited = citedLinks(answer, citations);
  const mentioned = ownPaths(answer, cited).flatMap(({ start, end }): AnswerLink[] => {
    const path = findPath(answer.slice(start, end), paths);
    if (path === undefined) return [];
    return [{ start, end, path, startLine: 1, endLine: 1, kind: "mention" }];
  });
  return [...cited, ...mentioned].sort((a, b) => a.start - b.start);
}

/** Paths with a folder that are nowhere in the pack; a bare "name.ext" may be a property access. */
export function unknownPaths(
  answer: string,
  citations: readonly Citation[],
  paths: ReadonlySet<string>,
): Range[] {
  return ownPaths(answer, citedLinks(answer, citations)).filter(({ start, end }) => {
    const text = answer.slice(start, end);
    return text.includes("/") && findPath(text, paths) === undefined;
  });
}

function citedLinks(answer: string, citations: readonly Citation[]): AnswerLink[] {
  return citations.flatMap(({ path, startLine, endLine, at }): AnswerLink[] => {
    if (!answer.startsWith(path, at)) return []; // still streaming
    return [{ start: at, end: at + path.length, path, startLine, endLine, kind: "citation" }];
  });
}

function ownPaths(answer: string, cited: readonly Range[]): Range[] {
  const others = [...cited, ...matches(answer, ADDRESS)];
  return matches(answer, PATH).filter(
    ({ start, end }) => !others.some((other) => start < other.end && end > other.start),
  );
}

function matches(answer: string, pattern: RegExp): Range[] {
  return [...answer.matchAll(pattern)].map(({ index, 0: text }) => ({
    start: index,
    end: index + text.length,
  }));
}

/** The whole path, or the only path of the pack that ends in it. */
function findPath(text: string, paths: ReadonlySet<string>): string | undefined {
  if (paths.has(text)) return text;
  let only: string | undefined;
  for (const path of paths) {
    if (!path.endsWith(`/${text}`)) continue;
    if (only !== undefined) return undefined;
    only = path;
  }
  return only;
}
