import { describe, expect, it } from "vitest";
import { fitConversation, type ConversationTools } from "../../src/engineProcess/conversation.js";
import type { Turn } from "../../src/shared/engineMessages.js";

/** Each turn is "[text]", the assistant's opening is ">", one character is one token. */
const tools = (windowTokens: number): ConversationTools => ({
  render: (turns) => ({
    pieces: [
      ...turns.flatMap(({ text }) => [
        { text: "[", isTemplate: true },
        { text, isTemplate: false },
        { text: "]", isTemplate: true },
      ]),
      { text: ">", isTemplate: true },
    ],
    turnStart: 3 * (turns.length - 1),
  }),
  encode: (text, parseSpecial) =>
    Uint32Array.from(text, (character) => character.charCodeAt(0) + (parseSpecial ? 1000 : 0)),
  windowTokens,
});

const TURNS: readonly Turn[] = [
  { role: "user", text: "aaaa" },
  { role: "assistant", text: "bbbb" },
  { role: "user", text: "cc" },
];
const show = (ids: Uint32Array): string => String.fromCharCode(...ids.map((id) => id % 1000));

describe("conversation window", () => {
  it("keeps every turn that fits with the answer", () => {
    const { prompt, turnStart, droppedTurns } = fitConversation(TURNS, 10, tools(27));
    expect(show(prompt)).toBe("[aaaa][bbbb][cc]>");
    expect(show(prompt.subarray(turnStart))).toBe("[cc]>");
    expect(droppedTurns).toBe(0);
  });

  it("drops whole oldest turns until prompt and answer fit, and begins with the user's", () => {
    const { prompt, turnStart, droppedTurns } = fitConversation(TURNS, 10, tools(26));
    expect(show(prompt)).toBe("[cc]>");
    expect([turnStart, droppedTurns]).toEqual([0, 2]);
  });

  it("lets the current question take room from the answer, down to one token", () => {
    expect(fitConversation(TURNS, 10, tools(6)).droppedTurns).toBe(2);
    expect(() => fitConversation(TURNS, 10, tools(5))).toThrow(
      "The question has 5 tokens with its template; the conversation holds 5.",
    );
  });

  it("needs no room for an answer when only the question is read", () => {
    expect(fitConversation(TURNS, 0, tools(5)).prompt).toHaveLength(5);
  });

  it("parses special tokens in template text only", () => {
    const { prompt } = fitConversation([{ role: "user", text: "[" }], 1, tools(10));
    expect([...prompt]).toEqual([1091, 91, 1093, 1062]);
  });

  it("refuses a conversation that does not end with the user", () => {
    expect(() => fitConversation(TURNS.slice(0, 2), 1, tools(100))).toThrow(
      "ends with a user turn",
    );
    expect(() => fitConversation([], 1, tools(100))).toThrow("ends with a user turn");
  });
});
