import { describe, expect, it } from "vitest";
import { AnswerText } from "../../src/trace/answerText.js";
import type { StepHead } from "../../src/trace/traceStore.js";

const CITATION_TOKEN = 5;

const step = (text: string | Uint8Array, more: Partial<StepHead> = {}): StepHead => ({
  requestId: 1,
  index: 0,
  kind: "answer",
  tokenId: 100,
  bytes: typeof text === "string" ? new TextEncoder().encode(text) : text,
  ...more,
});
const marker = step("<|file_sep|>", { tokenId: CITATION_TOKEN });
const path = (text: string): StepHead =>
  step(text, { kind: "citation", citation: { file: 3, candidates: [] } });

describe("the answer's text", () => {
  it("keeps a path and leaves out the token before it", () => {
    const answer = new AnswerText(CITATION_TOKEN);
    answer.append(step("It is defined in "));
    answer.append(marker);
    const { cited } = answer.append(path("src/a.py\n"));
    expect(answer.text).toBe("It is defined in src/a.py\n");
    expect(cited).toEqual({ citation: { file: 3, candidates: [] }, at: 17 });
  });

  it("parts a path from a word that it would run into", () => {
    const answer = new AnswerText(CITATION_TOKEN);
    const deltas = [step("It signs cookies."), marker, path("src/a.py\n")].map((one) =>
      answer.append(one),
    );
    expect(answer.text).toBe("It signs cookies. src/a.py\n");
    expect(deltas.at(-1)?.cited?.at).toBe(18);
    expect(deltas.map(({ text }) => text).join("")).toBe(answer.text);
  });

  it("joins the bytes of a character, and counts what never becomes one", () => {
    const answer = new AnswerText(CITATION_TOKEN);
    const [first, ...rest] = new TextEncoder().encode("é");
    expect(answer.append(step(Uint8Array.of(first ?? 0))).text).toBe("");
    expect(answer.append(step(Uint8Array.from(rest))).text).toBe("é");
    answer.append(step(Uint8Array.of(first ?? 0)));
    answer.append(marker);
    expect(answer.append(path("a.py")).cited?.at).toBe(3);
    expect(answer.text).toBe("é\ufffd a.py");
  });

  it("has the token as text where the model does not cite", () => {
    const answer = new AnswerText(undefined);
    answer.append(marker);
    expect(answer.text).toBe("<|file_sep|>");
  });

  it("has nothing of the question", () => {
    const answer = new AnswerText(CITATION_TOKEN);
    expect(answer.append(step("Where?", { kind: "question" })).text).toBe("");
    expect(answer.text).toBe("");
  });
});
