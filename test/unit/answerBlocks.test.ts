import { describe, expect, it } from "vitest";
import { answerBlocks } from "../../webview/ask/answerBlocks.js";

const text = (value: string) => ({ kind: "text", text: value });

describe("an answer as blocks", () => {
  it("keeps HTML and links of the model as the characters they are", () => {
    const answer = "<img src=x onerror=alert(1)> [run](command:x) ![y](http://e.example/)";
    expect(answerBlocks(answer, [], [])).toEqual([{ kind: "paragraph", pieces: [text(answer)] }]);
  });

  it("shows code that is still streaming", () => {
    expect(answerBlocks("So:\n```ts\nlet a = 1;\n", [], [])).toEqual([
      { kind: "paragraph", pieces: [text("So:")] },
      { kind: "code", text: "let a = 1;\n" },
    ]);
  });

  it("joins the items of one list", () => {
    expect(answerBlocks("- one\n- two\n\n1. first", [], [])).toEqual([
      { kind: "list", ordered: false, items: [[text("one")], [text("two")]] },
      { kind: "list", ordered: true, items: [[text("first")]] },
    ]);
  });

  it("finds links by their place in the whole answer", () => {
    const answer = "First line.\n- see src/a.ts now";
    const start = answer.indexOf("src/a.ts");
    const link = {
      start,
      end: start + 8,
      path: "src/a.ts",
      startLine: 1,
      endLine: 2,
      kind: "citation",
    } as const;
    expect(answerBlocks(answer, [link], [])[1]).toEqual({
      kind: "list",
      ordered: false,
      items: [[text("see "), { kind: "link", text: "src/a.ts", link }, text(" now")]],
    });
  });

  it("drops the backticks around a link", () => {
    const link = {
      start: 4,
      end: 8,
      path: "a.ts",
      startLine: 1,
      endLine: 1,
      kind: "mention",
    } as const;
    expect(answerBlocks("in `a.ts`.", [link], [])).toEqual([
      { kind: "paragraph", pieces: [text("in "), { kind: "link", text: "a.ts", link }, text(".")] },
    ]);
  });

  it("styles code and strong text around a mark", () => {
    const answer = "`f` is **here** in x/y.ts";
    const start = answer.indexOf("x/y.ts");
    expect(answerBlocks(answer, [], [{ start, end: start + 6 }])).toEqual([
      {
        kind: "paragraph",
        pieces: [
          { kind: "code", text: "f" },
          text(" is "),
          { kind: "strong", text: "here" },
          text(" in "),
          { kind: "unknown", text: "x/y.ts" },
        ],
      },
    ]);
  });
});
