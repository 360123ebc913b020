/** Questions that `python -m blocksight_train trees` wrote, each folder a tree and what is asked about it. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  truncateSync,
} from "node:fs";
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

const keyOf = ({ pack, type, text }: MadeQuestion): string => JSON.stringify([pack, type, text]);

/**
 * Records in a file, a line each behind a head that says what was asked. A line that was cut off when the
 * program was ended is taken away, so that its question is asked again.
 */
export class MadeRecords {
  private readonly done: Set<string>;

  /** Throws where the file has another head: another model, adapter or option. */
  constructor(
    private readonly file: string,
    head: object,
  ) {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole !== text) truncateSync(file, Buffer.byteLength(whole));
    const wanted = JSON.stringify(head);
    if (whole === "") appendFileSync(file, `${wanted}\n`);
    const [first = wanted, ...lines] = whole.split("\n").filter((line) => line !== "");
    if (first !== wanted) throw new Error(`${file} holds ${first}, not ${wanted}`);
    this.done = new Set(lines.map((line) => keyOf(JSON.parse(line) as MadeQuestion)));
  }

  has(asked: MadeQuestion): boolean {
    return this.done.has(keyOf(asked));
  }

  add(record: MadeQuestion): void {
    appendFileSync(this.file, `${JSON.stringify(record)}\n`);
    this.done.add(keyOf(record));
  }
}
