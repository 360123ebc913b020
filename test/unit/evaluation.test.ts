import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { cacheFolder } from "../../src/engine/modelFiles.js";
import { factsGiven, inventions, quotedNames, saysAbsent } from "../evaluation/answerMeasures.js";
import { checkFacts, formFaults } from "../evaluation/checkFacts.js";
import {
  type EvaluationRecord,
  type Row,
  evaluationTables,
} from "../evaluation/evaluationRecords.js";
import { interval, recall, shown } from "../evaluation/figures.js";
import { type HandQuestion, SOURCES, readHandQuestions } from "../evaluation/handQuestions.js";
import { Bm25, rankByBest, terms } from "../evaluation/lexicalRanking.js";
import { MadeRecords, answerWithCitations, readMadeTrees } from "../evaluation/madeQuestions.js";
import { blockPassages, filePassages } from "../evaluation/passages.js";
import { fetchTree, pinnedCommit, treeFolder } from "../evaluation/repositories.js";
import { TINY_PROJECT } from "../fakes/tinyPack.js";
import { tinyPack } from "../fakes/tinyPack.js";

const root = path.join(import.meta.dirname, "../..");
const questions = readHandQuestions(path.join(root, "test/eval"));

describe("the hand-written questions", () => {
  it("have files, lines, and one to four facts that their own answers give and they do not", () => {
    expect(questions.flatMap(formFaults)).toEqual([]);
  });

  it("are asked once each, over repositories that training never sees, at their pinned commit", () => {
    expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
    for (const { repo, commit, language } of questions) {
      expect(pinnedCommit(path.join(root, "train/manifest.jsonl"), repo)).toBe(commit);
      expect(SOURCES).toHaveProperty(language);
    }
  });

  it("are 300 or more over eight repositories in four languages", () => {
    const different = (of: (asked: HandQuestion) => string): number =>
      new Set(questions.map(of)).size;
    expect(questions.length).toBeGreaterThanOrEqual(300);
    expect(different(({ repo }) => repo)).toBeGreaterThanOrEqual(8);
    expect(different(({ language }) => language)).toBeGreaterThanOrEqual(4);
  });

  const cache = path.join(cacheFolder(process.env), "evaluation");
  const repos = [...new Set(questions.map(({ repo }) => repo))];
  it.for(repos)("hold facts that stand in %s, where `npm run eval` fetched it", (name, context) => {
    const asked = questions.filter(({ repo }) => repo === name);
    const folder = treeFolder(cache, name, asked[0]?.commit ?? "");
    if (!existsSync(folder)) context.skip(`no ${folder}`);
    expect(checkFacts(asked, folder)).toEqual([]);
  });
});

describe("a question's faults", () => {
  const asked = {
    repo: "o/n",
    commit: "",
    language: "python",
    question: "What is x?",
    files: [{ path: "a.py", lines: [2, 2] as const }],
    answer: "It is 77.",
    facts: [["77"]],
  };

  it("are words that give the answer away or that any answer holds, and facts that the answer lacks", () => {
    expect(formFaults(asked)).toEqual([]);
    expect(formFaults({ ...asked, question: "Is x 77?" })).toEqual(["Is x 77?: it says 77 itself"]);
    expect(formFaults({ ...asked, facts: [["7"]] })).toEqual(["What is x?: any answer holds 7"]);
    expect(formFaults({ ...asked, facts: [["88", "99"]] })).toEqual([
      "What is x?: its own answer lacks 88 or 99",
    ]);
  });

  it("are facts that stand in the file, but not in the lines, and lines behind its end", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "questions-"));
    try {
      writeFileSync(path.join(folder, "a.py"), "y = 66\nx = 77");
      const at = (...lines: [number, number]): readonly string[] =>
        checkFacts([{ ...asked, files: [{ path: "a.py", lines }] }], folder);
      expect(at(2, 2)).toEqual([]);
      expect(at(1, 1)).toEqual(["What is x?: 77 is in none of its lines"]);
      expect(at(2, 3)).toEqual(["What is x?: a.py is shorter"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("measures of an answer", () => {
  it("count a fact in any of its spellings and in any case", () => {
    expect(factsGiven("It raises a valueerror.", [["ValueError"], ["304", "Not Modified"]])).toBe(
      0.5,
    );
    expect(saysAbsent("`x` is not defined in this repository.")).toBe(true);
    expect(saysAbsent("`x` is defined in a.py.")).toBe(false);
  });

  it("take names from code spans and code blocks, each once, and not from prose", () => {
    const answer = "Use `load(path)` or `load`.\n```py\nstore.read_item(k)\n```\nNothing else.";
    expect(quotedNames(answer)).toEqual(["load", "path", "store", "read_item"]);
  });

  it("call a quoted name invented where neither the repository nor the question has it", () => {
    const names = new Set(["load", "path"]);
    const answer = "`load(path)` calls `fetch_all`, not `frobnicate`.";
    expect(inventions(answer, names, "What is `frobnicate`?")).toEqual(["fetch_all"]);
  });
});

describe("searches", () => {
  const pack = tinyPack(TINY_PROJECT);
  const texts = new Map(Object.entries(TINY_PROJECT));

  it("split names into words", () => {
    expect(terms("parseHeader x")).toEqual(["parseheader", "parse", "header"]);
  });

  it("rank the file that has the question's rare words first", () => {
    const bm25 = new Bm25([
      { path: "a", text: "def write_body(): pass" },
      { path: "b", text: "def parse_header(): pass" },
    ]);
    expect(bm25.rank("Where is the header parsed?")).toEqual(["b", "a"]);
  });

  it("count a file with its best passage, equals in pack order", () => {
    expect(rankByBest(["a", "b", "a", "c"], [0, 1, 2, 1])).toEqual(["a", "b", "c"]);
  });

  it("see every line of every file in some block, and the path in a file's first", () => {
    const blocks = blockPassages(pack, texts);
    for (const { path: file, text } of filePassages(texts)) {
      const own = blocks.filter((block) => block.path === file);
      expect(own[0]?.text.startsWith(`${file}\n`)).toBe(true);
      const seen = own.map((block) => block.text).join("\n");
      for (const line of text.trimEnd().split("\n")) expect(seen).toContain(line);
    }
  });
});

describe("figures", () => {
  it("give recall as the share of a question's files, and the mean with an interval around it", () => {
    expect(recall(["a", "b"], ["a", "c", "b"], 1)).toBe(0.5);
    expect(recall(["a", "b"], ["a", "c", "b"], 3)).toBe(1);
    const [mean, low, high] = interval(Array.from({ length: 100 }, (_, at) => at % 2));
    expect(mean).toBe(50);
    expect(low).toBeGreaterThan(35);
    expect(low).toBeLessThan(50);
    expect(high).toBeGreaterThan(50);
    expect(shown([])).toBe("–");
  });

  it("compare methods on the questions that all of them have", () => {
    const record = (method: string, more: Partial<EvaluationRecord>): EvaluationRecord => ({
      method,
      adapters: "",
      repo: "o/n",
      question: "q",
      ranked: ["a.py"],
      ...more,
    });
    const row = (...records: EvaluationRecord[]): Row => ({
      repo: "o/n",
      gold: ["a.py"],
      by: new Map(records.map((one) => [one.method, one])),
    });
    const answered = { answer: "`x`", quoted: 4, invented: ["y"], facts: 1, cited: ["a.py"] };
    const text = evaluationTables(
      ["scout", "BM25"],
      [
        row(record("scout", answered), record("BM25", { ranked: ["b.py", "a.py"] })),
        row(record("scout", { ranked: [] })),
      ],
    );
    expect(text).toContain("all (n 1)");
    expect(text).toMatch(/\| scout +\| 100\.0 \[100, 100\] /);
    expect(text).toMatch(/\| BM25 +\| 0\.0 \[0, 0\] \/ 100\.0 \[100, 100\]/);
    expect(text).toMatch(/invented +\| 25\.0 % \(1 of 4\)/);
  });
});

describe("a pinned tree", () => {
  it("is taken from a mirror once, whole, without git's own folder", () => {
    const base = mkdtempSync(path.join(tmpdir(), "evaluation-"));
    try {
      const bare = path.join(base, "mirror/o+n/repo");
      const git = (...args: string[]): string =>
        execFileSync("git", ["-C", bare, "-c", "user.name=n", "-c", "user.email=e", ...args], {
          encoding: "utf8",
        }).trim();
      mkdirSync(bare, { recursive: true });
      git("init", "--quiet");
      writeFileSync(path.join(bare, "a.py"), "x = 1\n");
      git("add", "a.py");
      git("commit", "--quiet", "--message", "First");
      const commit = git("rev-parse", "HEAD");
      const source = { cache: path.join(base, "cache"), mirror: path.join(base, "mirror") };
      const folder = fetchTree("o/n", commit, source);
      expect(folder).toBe(treeFolder(source.cache, "o/n", commit));
      expect(readdirSync(folder)).toEqual(["a.py"]);
      rmSync(source.mirror, { recursive: true });
      expect(fetchTree("o/n", commit, source)).toBe(folder);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  });
});

describe("questions that were made", () => {
  it("are read with their trees, in the order of the trees' names", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "made-"));
    const asked = { pack: "o/n@HEAD", type: "where", text: "Where is `x`?", gold: ["a.py"] };
    for (const name of ["001-b", "000-a", "empty"]) {
      mkdirSync(path.join(folder, name, "tree"), { recursive: true });
      if (name === "empty") continue;
      writeFileSync(path.join(folder, name, "questions.jsonl"), `${JSON.stringify(asked)}\n`);
    }
    const trees = readMadeTrees(folder);
    rmSync(folder, { recursive: true });
    expect(trees.map(({ name }) => name)).toEqual(["000-a", "001-b"]);
    expect(trees[0]?.folder).toBe(path.join(folder, "000-a", "tree"));
    expect(trees[1]?.questions).toEqual([asked]);
  });

  it("are asked again where their record was cut off, and never beside another model's", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "made-"));
    const file = path.join(folder, "records.jsonl");
    const asked = (text: string) => ({ pack: "o/n@HEAD", type: "where", text, gold: [] });
    new MadeRecords(file, { model: "a" }).add(asked("first?"));
    appendFileSync(file, '{"pack":"o/n@HEAD","type":"whe');
    const records = new MadeRecords(file, { model: "a" });
    expect([records.has(asked("first?")), records.has(asked("second?"))]).toEqual([true, false]);
    records.add(asked("second?"));
    expect(new MadeRecords(file, { model: "a" }).has(asked("second?"))).toBe(true);
    expect(() => new MadeRecords(file, { model: "b" })).toThrow('not {"model":"b"}');
    rmSync(folder, { recursive: true });
  });

  it("have answers in which every cited path stands behind the token that cites it", () => {
    const answer = "It is in a.py and b.py.";
    const citations = [{ at: 9 }, { at: 18 }];
    expect(answerWithCitations(answer, citations)).toBe(
      "It is in <file_sep>a.py and <file_sep>b.py.",
    );
  });
});
