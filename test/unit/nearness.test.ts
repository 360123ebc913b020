import { describe, expect, it } from "vitest";
import { nearnessOf } from "../../src/ask/nearness.js";
import { byFocus } from "../../src/ask/readingOrder.js";
import { tinyPack } from "../fakes/tinyPack.js";

/** The paths of a pack of one-segment files, the nearest first; those with nothing in common left out. */
function nearest(question: string, texts: Readonly<Record<string, string>>): readonly string[] {
  const pack = tinyPack(texts);
  const nearness = nearnessOf(question, pack);
  return [...byFocus(nearness)]
    .filter((segment) => (nearness[segment] ?? 0) > 0)
    .map((segment) => pack.files[pack.segments[segment]?.file ?? -1]?.path ?? "");
}

const FILLER = {
  "a.py": "alpha = 1\n",
  "b.py": "beta = 2\n",
  "c.py": "gamma = 3\n",
};

describe("nearness to a question", () => {
  it("finds words of the question inside identifiers, in either way of writing them", () => {
    const texts = { ...FILLER, "x.py": "def signCookie(v): pass\n", "y.py": "sign_cookie = 1\n" };
    expect(new Set(nearest("how does it sign a cookie", texts))).toEqual(new Set(["x.py", "y.py"]));
    expect(nearest("`sign_cookie`", texts)[0]).toBe("y.py");
  });

  it("takes the endings of English words away on both sides", () => {
    const texts = { ...FILLER, "x.py": "def retry_request(): pass\n" };
    expect(nearest("When are requests retried?", texts)).toEqual(["x.py"]);
    expect(nearest("what happens while retrying", { "x.py": "retry\n" })).toEqual(["x.py"]);
    const classes = { "x.py": "class Process: pass\n" };
    expect(nearest("processes", classes)).toEqual(["x.py"]);
  });

  it("reads the path like the text", () => {
    expect(nearest("the session", { ...FILLER, "web/session_store.py": "x = 1\n" })).toEqual([
      "web/session_store.py",
    ]);
  });

  it("leaves out the words that any question has", () => {
    const texts = { "prose.md": "Where is it, and how does that work? What is this?\n" };
    expect(nearest("Where is this and how does it do that?", texts)).toEqual([]);
  });

  it("prefers rare words to frequent ones, and short segments to long ones", () => {
    const texts = {
      "a.py": "value token value\n",
      "b.py": "value token value\n",
      "c.py": "value token value\n",
      "rare.py": "value checksum value\n",
    };
    expect(nearest("token checksum", texts)[0]).toBe("rare.py");
    const long = { "long.py": `checksum ${"filler words here ".repeat(60)}\n` };
    expect(nearest("checksum", { ...texts, ...long })).toEqual(["rare.py", "long.py"]);
  });

  it("counts a test half, unless the question speaks of tests", () => {
    const texts = {
      ...FILLER,
      "src/parse.py": "def parse_header(): pass\n# other words follow here and there\n",
      "tests/test_parse.py": "parse_header parse_header parse_header\n",
    };
    expect(nearest("`parse_header`", texts)[0]).toBe("src/parse.py");
    expect(nearest("which test checks `parse_header`", texts)[0]).toBe("tests/test_parse.py");
    for (const path of ["src/parse.test.ts", "pkg/parse_test.go", "app/__tests__/parse.js"]) {
      const both = { "src/parse.py": texts["src/parse.py"], [path]: "parse_header parse_header\n" };
      expect(nearest("`parse_header`", both)[0]).toBe("src/parse.py");
    }
    const contest = { "src/contest.py": "parse_header parse_header parse_header\n" };
    expect(nearest("`parse_header`", { ...texts, ...contest })[0]).toBe("src/contest.py");
  });

  it("knows nothing where no word of the question is in the pack", () => {
    expect(nearest("セッションはどこに保存されますか", FILLER)).toEqual([]);
    expect(nearest("???", FILLER)).toEqual([]);
    expect(nearnessOf("anything", tinyPack({}))).toHaveLength(0);
  });

  it("takes words of other scripts as they stand", () => {
    const texts = { ...FILLER, "x.py": "# Größe des Puffers\n" };
    expect(nearest("Welche Größe hat der Puffer?", texts)).toEqual(["x.py"]);
  });

  it("reads bytes that are no UTF-8 as text with holes", () => {
    const pack = tinyPack({ "x.py": "size = 1\n" });
    const texts = [Uint8Array.of(0xff, 0xfe, ...new TextEncoder().encode(" size "))];
    expect(nearnessOf("size", { ...pack, texts })[0]).toBeGreaterThan(0);
  });
});
