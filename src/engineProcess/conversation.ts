/** The conversation that still fits the window, in tokens. Pure: rendering and encoding are given. */
import type { Turn } from "../shared/engineMessages.js";
import { misuse, questionTooLong } from "../shared/errors.js";
import type { RenderedChat } from "./chatTemplate.js";

export interface Conversation {
  readonly prompt: Uint32Array;
  /** Index in `prompt` of the current user turn's first token. */
  readonly turnStart: number;
  /** Turns left out at the front. */
  readonly droppedTurns: number;
}

export interface ConversationTools {
  readonly render: (turns: readonly Turn[]) => RenderedChat;
  readonly encode: (text: string, parseSpecial: boolean) => Uint32Array;
  /** Most tokens of prompt and answer together. */
  readonly windowTokens: number;
}

/**
 * Whole oldest turns are dropped until prompt and answer fit; what is left begins with a user turn.
 * The current question alone may take room from the answer, but must leave one token of it.
 */
export function fitConversation(
  turns: readonly Turn[],
  maxTokens: number,
  tools: ConversationTools,
): Conversation {
  if (turns.at(-1)?.role !== "user") throw misuse("A conversation ends with a user turn.");
  for (let dropped = 0; dropped < turns.length; dropped++) {
    if (turns[dropped]?.role !== "user") continue;
    const conversation = encodeTurns(turns.slice(dropped), tools);
    const isLast = dropped === turns.length - 1;
    const need = conversation.prompt.length + (isLast ? Math.min(1, maxTokens) : maxTokens);
    if (need <= tools.windowTokens) return { ...conversation, droppedTurns: dropped };
    if (isLast) throw questionTooLong(conversation.prompt.length, tools.windowTokens);
  }
  throw misuse("A conversation needs a user turn.");
}

function encodeTurns(
  turns: readonly Turn[],
  { render, encode }: ConversationTools,
): { readonly prompt: Uint32Array; readonly turnStart: number } {
  const { pieces, turnStart } = render(turns);
  const encoded = pieces.map(({ text, isTemplate }) => encode(text, isTemplate));
  const lengthOf = (parts: readonly Uint32Array[]): number =>
    parts.reduce((sum, ids) => sum + ids.length, 0);
  const prompt = new Uint32Array(lengthOf(encoded));
  let at = 0;
  for (const ids of encoded) {
    prompt.set(ids, at);
    at += ids.length;
  }
  return { prompt, turnStart: lengthOf(encoded.slice(0, turnStart)) };
}
