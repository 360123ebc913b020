import { describe, expect, it } from "vitest";
import { chatQuestion, plainMarkdown } from "../../src/views/chatMessages.js";

const text = (value: string): { value: string } => ({ value });
const user = (...content: unknown[]) => ({ role: "user" as const, content });
const assistant = (...content: unknown[]) => ({ role: "assistant" as const, content });

describe("messages of the editor's chat", () => {
  it("are the last question and the turns before it", () => {
    expect(
      chatQuestion([
        user(text("Where is a?")),
        assistant(text("In "), text("a.ts.")),
        user(text("And b?")),
      ]),
    ).toEqual({
      text: "And b?",
      history: [
        { role: "user", text: "Where is a?" },
        { role: "assistant", text: "In a.ts." },
      ],
    });
  });

  it("of one role in a row are one turn, because turns alternate", () => {
    expect(chatQuestion([user(text("Rules.")), user(text("Where is a?"))])).toEqual({
      text: "Rules.\n\nWhere is a?",
      history: [],
    });
  });

  it("have text only: tool calls, results and pictures are left out", () => {
    const call = { callId: "1", name: "x", input: {} };
    const picture = { value: new Uint8Array(4), mimeType: "image/png" };
    expect(chatQuestion([user(call, picture, text("Where?"), null, 3)])?.text).toBe("Where?");
    expect(chatQuestion([user(call)])).toBeUndefined();
    expect(chatQuestion([])).toBeUndefined();
  });

  it("never begin with an answer, and end with a question", () => {
    expect(chatQuestion([assistant(text("Hello.")), user(text("Where?"))])).toEqual({
      text: "Where?",
      history: [],
    });
    expect(chatQuestion([user(text("Where?")), assistant(text("Let me see"))])?.text).toBe(
      "Where?",
    );
  });
});

describe("model text in the editor's chat", () => {
  it("shows itself: every mark of Markdown and HTML is escaped", () => {
    expect(plainMarkdown("![x](https://a.b/?q) <img> [y](command:z) &amp; `c`")).toBe(
      "\\!\\[x\\]\\(https\\:\\/\\/a\\.b\\/\\?q\\) \\<img\\> \\[y\\]\\(command\\:z\\) \\&amp\\; \\`c\\`",
    );
  });

  it("keeps lines and their indentation, and plain spaces between streamed words", () => {
    expect(["def", " f\n  return"].map(plainMarkdown).join("")).toBe("def f\n\n&nbsp;&nbsp;return");
  });
});
