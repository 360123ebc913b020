/**
 * Asks the shipped models the questions of test/eval in the engine, and prints how often the right
 * files come first beside what searches find, and what the answers hold.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { GREEDY, type ConnectedParts } from "../../src/ask/askParts.js";
import { AskSession } from "../../src/askSession.js";
import { parseAskArguments } from "../../src/cli/askArguments.js";
import { cacheFolder } from "../../src/engine/modelFiles.js";
import { adapterTag } from "./adapterTag.js";
import { namesIn } from "./answerMeasures.js";
import {
  type EvaluationRecord,
  RecordFile,
  type Row,
  evaluationTables,
  measuredAnswer,
} from "./evaluationRecords.js";
import { checkFacts } from "./checkFacts.js";
import { connectHand, packOf } from "./handPack.js";
import { type HandQuestion, readHandQuestions } from "./handQuestions.js";
import { Bm25, type Passage, rankByBest } from "./lexicalRanking.js";
import { blockPassages, filePassages, readPackedFiles } from "./passages.js";
import { fetchTree } from "./repositories.js";
import { silentContext } from "./silentContext.js";

const USAGE = `Usage: npm run eval -- [--all] [--repos starlette,flask] [--limit N] [--models scout,coder]
  [--read auto|all|N] [--minutes N] [--minilm PYTHON] [--mirror DIR] [--out FILE] [--check]

Without --all: the first N (4) questions of starlette and of flask. A run that was stopped, or that
--minutes ended, goes on where it was: results are kept in --out (build/eval.jsonl).
--minilm names a Python that has train/'s extra "compare"; --mirror a folder of bare repositories.
--check asks nothing: it tells which facts stand in none of the lines that their question names.
--made FOLDER asks what "python -m blocksight_train trees" wrote there instead: --made FOLDER --help tells of it.
`;
/** Ranked files that are kept of a question. */
const KEPT_FILES = 10;
const MOST_ANSWER_TOKENS = 400;
type Role = "coder" | "scout";

function readOptions() {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", short: "h", default: false },
      all: { type: "boolean", default: false },
      repos: { type: "string" },
      limit: { type: "string" },
      models: { type: "string", default: "scout,coder" },
      read: { type: "string", default: "auto" },
      minutes: { type: "string", default: "Infinity" },
      minilm: { type: "string" },
      mirror: { type: "string" },
      out: { type: "string", default: "build/eval.jsonl" },
      check: { type: "boolean", default: false },
    },
  });
  const isRole = (name: string): name is Role => name === "coder" || name === "scout";
  const models = values.models.split(",").filter(isRole);
  if (values.help || (models.length === 0 && values.models !== "")) {
    process.stderr.write(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  return {
    models,
    repos: values.repos?.split(",") ?? (values.all ? undefined : ["starlette", "flask"]),
    limit: Number(values.limit ?? (values.all ? Infinity : 4)),
    read: values.read,
    endsAt: Date.now() + Number(values.minutes) * 60_000,
    minilm: values.minilm,
    mirror: values.mirror,
    out: values.out,
    isCheck: values.check,
  };
}

type Options = ReturnType<typeof readOptions>;

/** Questions of a repository, its tree, and what was made of it. */
interface Repository {
  readonly questions: readonly HandQuestion[];
  readonly folder: string;
}

const CONTEXT = silentContext(process.cwd());

function chooseQuestions({ repos, limit }: Options): readonly (readonly HandQuestion[])[] {
  const every = readHandQuestions("test/eval");
  return [...new Set(every.map(({ repo }) => repo))]
    .filter((repo) => repos === undefined || repos.includes(repo.split("/")[1] ?? ""))
    .map((name) => every.filter(({ repo }) => repo === name).slice(0, limit));
}

function connect(
  role: Role,
  { read }: Options,
  { folder, questions }: Repository,
): Promise<ConnectedParts> {
  const reading = role === "coder" ? ["--read", read] : [];
  const language = questions[0]?.language ?? "";
  return connectHand(["--model", role, ...reading], { folder, language }, CONTEXT);
}

const METHODS: Readonly<Record<Role, (read: string) => string>> = {
  scout: () => "scout",
  coder: (read) => `coder --read ${read}`,
};

/** Whether everything was asked before the time was over. */
async function askModel(
  role: Role,
  options: Options,
  repository: Repository,
  records: RecordFile,
): Promise<boolean> {
  const method = METHODS[role](options.read);
  const adapters = adapterTag(role === "scout" ? ["scout"] : ["coder", "scout"]);
  const open = repository.questions.filter(
    ({ question }) => !records.find(method, adapters, question),
  );
  if (open.length === 0) return true;
  const parts = await connect(role, options, repository);
  try {
    const pack = await packOf(parts, CONTEXT);
    const texts = readPackedFiles(pack, repository.folder);
    const names = new Set([...texts].flatMap(([file, text]) => namesIn(`${file}\n${text}`)));
    const session = new AskSession({ ...parts, pack: () => Promise.resolve(pack) });
    const { read } = parseAskArguments(["--read", role === "coder" ? options.read : "all", "q"]);
    for (const asked of open) {
      if (Date.now() > options.endsAt) return false;
      const started = Date.now();
      const { result } = await session.ask(
        { text: asked.question, read, maxTokens: MOST_ANSWER_TOKENS, sampling: GREEDY },
        { signal: CONTEXT.signal, onEvent: () => undefined },
      );
      const record: EvaluationRecord = {
        method,
        adapters,
        repo: asked.repo,
        question: asked.question,
        ranked: result.files
          .filter(({ focus }) => focus > 0)
          .slice(0, KEPT_FILES)
          .map((file) => file.path),
        cited: result.citations.map((citation) => citation.path),
        ms: Date.now() - started,
        ...measuredAnswer(result.answer, asked, names),
      };
      records.add(record);
      process.stderr.write(`${method}  ${(record.ms ?? 0) / 1000} s  ${asked.question}\n`);
    }
    return true;
  } finally {
    await parts.dispose();
  }
}

const BM25_FILES = "BM25 over files";
const BM25_BLOCKS = "BM25 over blocks";
const MINILM = "MiniLM over blocks";

/** What searches find; vectors are kept in the records, because they take minutes. */
async function search(
  options: Options,
  repository: Repository,
  records: RecordFile,
): Promise<readonly EvaluationRecord[]> {
  const parts = await connect("coder", options, repository);
  try {
    const pack = await packOf(parts, CONTEXT);
    const texts = readPackedFiles(pack, repository.folder);
    const blocks = blockPassages(pack, texts);
    const searches = [
      [BM25_FILES, new Bm25(filePassages(texts))],
      [BM25_BLOCKS, new Bm25(blocks)],
    ] as const;
    const found = repository.questions.flatMap(({ repo, question }) =>
      searches.map(([method, bm25]) => {
        const ranked = bm25.rank(question).slice(0, KEPT_FILES);
        return { method, adapters: "", repo, question, ranked };
      }),
    );
    const open = repository.questions.filter(({ question }) => !records.find(MINILM, "", question));
    if (options.minilm !== undefined && open.length > 0) {
      for (const record of searchVectors(options.minilm, blocks, open)) records.add(record);
    }
    return found;
  } finally {
    await parts.dispose();
  }
}

/** `python -m blocksight_train vectors`: passages and questions in, a score for each pair out. */
function searchVectors(
  python: string,
  passages: readonly Passage[],
  questions: readonly HandQuestion[],
): readonly EvaluationRecord[] {
  mkdirSync("build", { recursive: true });
  const input = path.resolve("build/vectors-in.json");
  const output = path.resolve("build/vectors-out.json");
  const texts = passages.map(({ text }) => text);
  const asked = questions.map(({ question }) => question);
  writeFileSync(input, JSON.stringify({ passages: texts, questions: asked }));
  const args = ["-m", "blocksight_train", "vectors", "--in", input, "--out", output];
  execFileSync(python, args, { cwd: "train", stdio: ["ignore", "inherit", "inherit"] });
  const scores = JSON.parse(readFileSync(output, "utf8")) as number[][];
  const paths = passages.map((passage) => passage.path);
  return questions.map(({ repo, question }, at) => {
    const ranked = rankByBest(paths, scores[at] ?? []).slice(0, KEPT_FILES);
    return { method: MINILM, adapters: "", repo, question, ranked };
  });
}

/** Runs in the root of a clone whose bundles are built. */
async function main(): Promise<void> {
  const options = readOptions();
  const cache = path.join(cacheFolder(process.env), "evaluation");
  const { mirror } = options;
  const repositories = chooseQuestions(options).map((questions): Repository => {
    const [{ repo, commit } = { repo: "", commit: "" }] = questions;
    const source = { cache, ...(mirror === undefined ? {} : { mirror }) };
    return { questions, folder: fetchTree(repo, commit, source) };
  });
  if (options.isCheck) {
    const faults = repositories.flatMap(({ questions, folder }) => checkFacts(questions, folder));
    process.stdout.write(faults.map((fault) => `${fault}\n`).join(""));
    const count = repositories.reduce((sum, { questions }) => sum + questions.length, 0);
    process.stdout.write(`${count} questions, ${faults.length} faults\n`);
    process.exitCode = faults.length > 0 ? 1 : 0;
    return;
  }
  const records = new RecordFile(options.out);
  const rows: Row[] = [];
  for (const repository of repositories) {
    const found = await search(options, repository, records);
    for (const role of options.models) {
      if (!(await askModel(role, options, repository, records))) break;
    }
    for (const { repo, question, files } of repository.questions) {
      const by = new Map<string, EvaluationRecord>();
      const keep = (record: EvaluationRecord | undefined): void => {
        if (record) by.set(record.method, record);
      };
      keep(records.find(METHODS.scout(""), adapterTag(["scout"]), question));
      keep(records.find(METHODS.coder(options.read), adapterTag(["coder", "scout"]), question));
      keep(records.find(MINILM, "", question));
      found.filter((record) => record.question === question).forEach(keep);
      rows.push({ repo, gold: files.map((file) => file.path), by });
    }
  }
  const hasVectors = rows.some(({ by }) => by.has(MINILM));
  const methods = [
    ...options.models.map((role) => METHODS[role](options.read)),
    ...[BM25_FILES, BM25_BLOCKS, ...(hasVectors ? [MINILM] : [])],
  ];
  const complete = rows.filter(({ by }) => methods.every((method) => by.has(method))).length;
  process.stdout.write(`${complete} of ${rows.length} questions were measured by all.\n\n`);
  process.stdout.write(`${evaluationTables(methods, rows)}\n`);
}

void main();
