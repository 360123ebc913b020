/** What was measured, kept a line each in a file, so that a run that was stopped goes on. */
import { factsGiven, inventions, quotedNames, saysAbsent } from "./answerMeasures.js";
import { recall, shown, table } from "./figures.js";
import { appendLine, openLines } from "./lineFile.js";

/** One question by one method: a model with how it read, or a lexical or vector search. */
export interface EvaluationRecord {
  readonly method: string;
  /** Of the adapters that took part; records of others are kept and not counted. Empty for a search. */
  readonly adapters: string;
  readonly repo: string;
  readonly question: string;
  /** The best files, the first one first; those without any focus are left out. */
  readonly ranked: readonly string[];
  readonly answer?: string;
  readonly cited?: readonly string[];
  /** Names that the answer quotes, and those of them that stand nowhere in the repository. */
  readonly quoted?: number;
  readonly invented?: readonly string[];
  readonly facts?: number;
  readonly ms?: number;
}

/** The part of a record that is measured from the answer's text. */
export function measuredAnswer(
  answer: string,
  asked: { readonly question: string; readonly facts: readonly (readonly string[])[] },
  repositoryNames: ReadonlySet<string>,
): Pick<EvaluationRecord, "answer" | "quoted" | "invented" | "facts"> {
  return {
    answer,
    quoted: quotedNames(answer).length,
    invented: inventions(answer, repositoryNames, asked.question),
    facts: factsGiven(answer, asked.facts),
  };
}

export class RecordFile {
  private readonly records: EvaluationRecord[];

  constructor(private readonly file: string) {
    this.records = [...(openLines(file) as readonly EvaluationRecord[])];
  }

  find(method: string, adapters: string, question: string): EvaluationRecord | undefined {
    return this.records.find(
      (one) => one.method === method && one.adapters === adapters && one.question === question,
    );
  }

  add(record: EvaluationRecord): void {
    this.records.push(record);
    appendLine(this.file, record);
  }
}

/** A question with what every method of a column made of it. */
export interface Row {
  readonly repo: string;
  readonly gold: readonly string[];
  readonly by: ReadonlyMap<string, EvaluationRecord>;
}

/** Tables over the questions that all methods have. */
export function evaluationTables(methods: readonly string[], rows: readonly Row[]): string {
  const shared = rows.filter(({ by }) => methods.every((method) => by.has(method)));
  const record = ({ by }: Row, method: string): EvaluationRecord => {
    const found = by.get(method);
    if (!found) throw new Error(`${method} was not measured.`);
    return found;
  };
  const found = (rowsOf: readonly Row[], method: string): string =>
    [1, 3, 5]
      .map((most) => shown(rowsOf.map((row) => recall(row.gold, record(row, method).ranked, most))))
      .join(" / ");
  const repos = [...new Set(shared.map(({ repo }) => repo))];
  const groups: readonly (readonly [string, readonly Row[]])[] = [
    ["all", shared],
    ...repos.map((repo) => [repo, shared.filter((row) => row.repo === repo)] as const),
  ];
  const recalls = [
    ["recall@1 / @3 / @5", ...groups.map(([name, rowsOf]) => `${name} (n ${rowsOf.length})`)],
    ...methods.map((method) => [method, ...groups.map(([, rowsOf]) => found(rowsOf, method))]),
  ];
  const answering = methods.filter((method) =>
    shared.some((row) => record(row, method).answer !== undefined),
  );
  if (answering.length === 0) return table(recalls);
  const answers: readonly (readonly [string, (row: Row, one: EvaluationRecord) => number])[] = [
    ["facts given", (_, one) => one.facts ?? 0],
    ["cites a file", (_, { cited = [] }) => (cited.length > 0 ? 1 : 0)],
    ["first citation right", ({ gold }, { cited = [] }) => (gold.includes(cited[0] ?? "") ? 1 : 0)],
    ["called absent, though there", (_, one) => (saysAbsent(one.answer ?? "") ? 1 : 0)],
  ];
  const inventedShare = (method: string): string => {
    const all = shared.map((row) => record(row, method));
    const quoted = all.reduce((sum, one) => sum + (one.quoted ?? 0), 0);
    const invented = all.reduce((sum, one) => sum + (one.invented?.length ?? 0), 0);
    const share = quoted === 0 ? "–" : `${((100 * invented) / quoted).toFixed(1)} %`;
    return `${share} (${invented} of ${quoted})`;
  };
  const rowsOfAnswers = [
    ["answers", ...answering],
    ...answers.map(([name, measure]) => [
      name,
      ...answering.map((method) => shown(shared.map((row) => measure(row, record(row, method))))),
    ]),
    ["quoted names that are invented", ...answering.map(inventedShare)],
  ];
  return `${table(recalls)}\n\n${table(rowsOfAnswers)}`;
}
