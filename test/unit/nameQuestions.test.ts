import { describe, expect, it } from "vitest";
import { nameQuestions } from "../evaluation/nameQuestions.js";
import { type Measured, rankOf, tally } from "../evaluation/tally.js";
import { TINY_PROJECT, tinyPack } from "../fakes/tinyPack.js";

describe("questions about names", () => {
  const pack = tinyPack(TINY_PROJECT);

  it("ask about names that one file defines, half of them for the signature", () => {
    const questions = nameQuestions(pack, 10);
    expect(questions).toHaveLength(10);
    expect(questions.filter(({ kind }) => kind === "signature")).toHaveLength(5);
    expect(new Set(questions.map(({ name }) => name)).size).toBe(10);
    for (const { name, path, text } of questions) {
      expect(TINY_PROJECT[path]).toContain(`def ${name}(`);
      expect(text).toContain(`\`${name}\``);
    }
  });

  it("are the same for the same pack", () => {
    expect(nameQuestions(pack, 8)).toEqual(nameQuestions(pack, 8));
  });

  it("leave out a name that is defined twice", () => {
    const twice = tinyPack({
      "a.py": "def shared_name(x):\n    pass\n",
      "b.py": "def shared_name(x):\n    pass\ndef only_here(x):\n    pass\n",
    });
    expect(nameQuestions(twice, 5).map(({ name }) => name)).toEqual(["only_here"]);
  });
});

describe("the table of the evaluation", () => {
  const one = (more: Partial<Measured>): Measured => ({
    question: "q",
    path: "a.py",
    mode: "8",
    answeringRank: 1,
    scoutRank: 1,
    cited: ["a.py"],
    citedLines: { startLine: 5, endLine: 20 },
    definition: { startLine: 9, endLine: 40 },
    answer: "",
    firstTokenMs: 1,
    ...more,
  });

  it("counts the right file first, among three, cited, and cited where the definition begins", () => {
    const text = tally("coder", [
      one({}),
      one({ question: "r", answeringRank: 3, scoutRank: 2, cited: ["b.py", "a.py"] }),
      one({ question: "s", answeringRank: 0, scoutRank: 9, cited: [] }),
      one({ mode: "all", answeringRank: 1 }),
      one({ mode: "all", question: "t", definition: { startLine: 2, endLine: 40 } }),
    ]);
    expect(text.split("\n").map((line) => line.replace(/ {2,}/g, "|"))).toEqual([
      "|n|focus@1|focus@3|cites|citation right|lines right",
      "scout, whole pack|4|50 %|75 %",
      "coder, --read 8|3|33 %|67 %|67 %|33 %|33 %",
      "coder, --read all|2|100 %|100 %|100 %|100 %|50 %",
    ]);
  });

  it("does not count a file without focus as found", () => {
    const files = [
      { path: "a.py", focus: 0.5 },
      { path: "b.py", focus: 0 },
    ];
    expect(rankOf("a.py", files)).toBe(1);
    expect(rankOf("b.py", files)).toBe(0);
    expect(rankOf("c.py", files)).toBe(0);
  });
});
