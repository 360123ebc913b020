/** Step bytes -> text per step, without splitting UTF-8. */
import type { ModelTrace } from "../trace/traceStore.js";

/**
 * The text of each step. A character that spans several tokens stands whole at the token that ends
 * it; the tokens before it are "". What never becomes a character is U+FFFD.
 */
export function stepTexts(trace: ModelTrace): string[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const texts: string[] = [];
  for (let at = 0; at < trace.length; at++) {
    texts.push(decoder.decode(trace.head(at).bytes, { stream: true }));
  }
  const rest = decoder.decode();
  const last = texts.pop();
  if (last !== undefined) texts.push(last + rest);
  return texts;
}
