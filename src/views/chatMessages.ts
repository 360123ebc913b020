/** Messages of the editor's chat -> a question with its history. Pure; messages are hostile. */
import type { Turn } from "../shared/engineMessages.js";

/** What of an editor's message is read; tool calls, results and pictures have no text. */
export interface ChatMessage {
  readonly role: "user" | "assistant";
  readonly content: readonly unknown[];
}

/**
 * The last message of the user is the question, what stands before it the history. Messages of one
 * role in a row are one turn, since a chat template wants turns to alternate. Undefined without text.
 */
export function chatQuestion(
  messages: readonly ChatMessage[],
): { readonly text: string; readonly history: readonly Turn[] } | undefined {
  const turns: Turn[] = [];
  for (const { role, content } of messages) {
    const text = content.map(textOf).join("").trim();
    if (text === "") continue;
    const last = turns.at(-1);
    if (last?.role === role) turns.splice(-1, 1, { role, text: `${last.text}\n\n${text}` });
    else turns.push({ role, text });
  }
  const question = turns.findLastIndex(({ role }) => role === "user");
  const text = turns[question]?.text;
  if (text === undefined) return undefined;
  // An answer without its question would be the first turn, which no template has.
  const first = turns[0]?.role === "assistant" ? 1 : 0;
  return { text, history: turns.slice(first, question) };
}

export function textOf(part: unknown): string {
  if (typeof part === "string") return part;
  const isText = typeof part === "object" && part !== null && "value" in part;
  return isText && typeof part.value === "string" ? part.value : "";
}

/**
 * A piece of model text as Markdown that shows it: no links that run commands, no remote images, no
 * HTML. `MarkdownString.appendText` would make the space at the start of each streamed word one at
 * which no line breaks.
 */
export function plainMarkdown(text: string): string {
  return text
    .replaceAll(/[!-/:-@[-`{-~]/g, "\\$&")
    .replaceAll(/\n[ \t]+/g, (indent) => `\n${"&nbsp;".repeat(indent.length - 1)}`)
    .replaceAll("\n", "\n\n");
}
