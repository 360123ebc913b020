/** Questions that `python -m blocksight_train trees` wrote, each folder a tree and what is asked about it. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { appendLine, openLines, readLines } from "./lineFile.js";

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
      questions: readLines(file) as readonly MadeQuestion[],
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

const keyOf = ({ pack, type, text }: MadeQuestion): string => JSON.stringify([pack, type, text]);

/** Records in a file, a line each behind a head that says what was asked. */
export class MadeRecords {
  private readonly done: Set<string>;

  /** Throws where the file has another head: another model, adapter or option. */
  constructor(
    private readonly file: string,
    head: object,
  ) {
    const [first, ...records] = openLines(file);
    if (first === undefined) appendLine(file, head);
    const [held, wanted] = [first ?? head, head].map((one) => JSON.stringify(one));
    if (held !== wanted) throw new Error(`${file} holds ${held}, not ${wanted}`);
    this.done = new Set(records.map((record) => keyOf(record as MadeQuestion)));
  }

  has(asked: MadeQuestion): boolean {
    return this.done.has(keyOf(asked));
  }

  add(record: MadeQuestion): void {
    appendLine(this.file, record);
    this.done.add(keyOf(record));
  }
}
