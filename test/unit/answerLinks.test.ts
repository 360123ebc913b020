import { describe, expect, it } from "vitest";
import { answerLinks, unknownPaths } from "../../src/views/answerLinks.js";

const paths = new Set(["src/http/header.ts", "src/app.ts", "lib/app.ts", "README.md"]);

describe("the links of an answer", () => {
  it("links a citation with its lines", () => {
    const answer = "See src/http/header.ts for it.";
    const citation = { path: "src/http/header.ts", startLine: 3, endLine: 9, at: 4 };
    expect(answerLinks(answer, [citation], paths)).toEqual([
      {
        ...link(answer, "src/http/header.ts", "src/http/header.ts"),
        startLine: 3,
        endLine: 9,
        kind: "citation",
      },
    ]);
  });

  it("leaves a citation alone until its whole path has streamed", () => {
    const citation = { path: "src/http/header.ts", startLine: 3, endLine: 9, at: 4 };
    expect(answerLinks("See src/ht", [citation], paths)).toEqual([]);
  });

  it("links a path of the model's own words as a mention, also by its only ending", () => {
    const answer = "In README.md and header.ts.";
    expect(answerLinks(answer, [], paths)).toEqual([
      { ...link(answer, "README.md", "README.md"), startLine: 1, endLine: 1, kind: "mention" },
      {
        ...link(answer, "header.ts", "src/http/header.ts"),
        startLine: 1,
        endLine: 1,
        kind: "mention",
      },
    ]);
  });

  it("does not guess between two files of one name", () => {
    expect(answerLinks("In app.ts.", [], paths)).toEqual([]);
  });

  it("marks a path with a folder that the pack does not have, and no property access", () => {
    const answer = "It is in src/nope/gone.ts, see config.get and console.log.";
    const start = answer.indexOf("src/");
    expect(unknownPaths(answer, [], paths)).toEqual([{ start, end: start + 16 }]);
  });

  it("takes no part of an address for a path", () => {
    const answer = "See (https://example.com/docs/src/app.ts) and http://127.0.0.1:9/leak.png.";
    expect(answerLinks(answer, [], paths)).toEqual([]);
    expect(unknownPaths(answer, [], paths)).toEqual([]);
  });
});

function link(answer: string, text: string, path: string) {
  const start = answer.indexOf(text);
  return { start, end: start + text.length, path };
}
