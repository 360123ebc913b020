/** Questions that `python -m blocksight_train trees` wrote, each folder a tree and what is asked about it. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";

/** A line of questions.jsonl, with what `python -m blocksight_train report` needs to know of it. */
export interface MadeQuestion {
  readonly pack: string;
  readonly type: string;
  readonly text: string;
  /** Paths in the tree; none where the question is about what is not there. */
  readonly gold: readonly string[];
}

export interface MadeTree {
  readonly name: string;
  readonly folder: string;
  readonly questions: readonly MadeQuestion[];
}

/** Trees in the order of their names. */
export function readMadeTrees(folder: string): readonly MadeTree[] {
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, file: path.join(folder, name, "questions.jsonl") }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => ({
      name,
      folder: path.join(folder, name, "tree"),
      questions: readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as MadeQuestion),
    }));
}

/** The citation token's text, as the training package decodes it. */
const CITATION = "<file_sep>";

/** An answer as the training package writes it: the citation token before every cited path. */
export function answerWithCitations(
  answer: string,
  citations: readonly { readonly at: number }[],
): string {
  return [...citations]
    .sort((a, b) => b.at - a.at)
    .reduce((text, { at }) => text.slice(0, at) + CITATION + text.slice(at), answer);
}
