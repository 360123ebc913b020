/**
 * A conversation through the model's own chat template (Jinja, from its GGUF).
 *
 * Every content is rendered as a word that stands for it, and put in afterwards. So the template's
 * own text is known from the user's, and only the former may become special tokens: `<|im_end|>` in
 * a question is ordinary text. The system turn is block 0 of the pack (or, without an adapter, was
 * made from the same template), so the conversation starts behind it.
 */
import { Template } from "@huggingface/jinja";
import { randomUUID } from "node:crypto";
import type { Turn } from "../shared/engineMessages.js";
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";

interface PromptPiece {
  readonly text: string;
  /** Special tokens are parsed in template text only. */
  readonly isTemplate: boolean;
}

export interface RenderedChat {
  readonly pieces: readonly PromptPiece[];
  /** Index in `pieces` where the current (last) user turn begins. */
  readonly turnStart: number;
}

interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

const unusable = (why: string): BlocksightError =>
  new BlocksightError(
    "modelCorrupt",
    phrase("The model's chat template cannot be used: {0}.", why),
    "Use a model whose template takes user and assistant turns.",
  );

export class ChatTemplate {
  private readonly template: Template;

  constructor(source: string) {
    try {
      this.template = new Template(source);
    } catch (error) {
      throw unusable(String(error));
    }
  }

  /** The turns and, after them, the opening of the assistant's. Throws for a template without use. */
  render(turns: readonly Turn[]): RenderedChat {
    const nonce = randomUUID().replaceAll("-", "");
    const word = (index: number): string => `turn${index}of${nonce}end`;
    const messages = turns.map(({ role }, i): Message => ({ role, content: word(i) }));
    const { text, start } = this.renderBehindSystem(messages, `system${nonce}end`);
    const before = this.startOfLast(messages, text, `system${nonce}end`);

    const pieces: PromptPiece[] = [];
    let turnStart = 0;
    let at = start;
    const addTemplate = (end: number): void => {
      if (end > at) pieces.push({ text: text.slice(at, end), isTemplate: true });
      at = end;
    };
    for (const [i, turn] of turns.entries()) {
      const found = text.indexOf(word(i), at);
      if (found < 0) throw unusable(`it leaves out a turn of the ${turn.role}`);
      if (i === turns.length - 1) {
        if (before !== undefined && before >= at && before <= found) addTemplate(before);
        turnStart = pieces.length;
      }
      addTemplate(found);
      pieces.push({ text: turn.text, isTemplate: false });
      at = found + word(i).length;
    }
    addTemplate(text.length);
    if (pieces.some((piece) => piece.isTemplate && piece.text.includes(nonce))) {
      throw unusable("it repeats a turn");
    }
    return { pieces, turnStart };
  }

  /** What stands before every conversation: a system turn, or the bare text where there is none. */
  renderSystem(text: string): string {
    const messages: readonly Message[] = [{ role: "user", content: "-" }];
    const { text: whole, start } = this.renderBehindSystem(messages, text);
    return start === 0 ? text : whole.slice(0, start);
  }

  /** All of `messages` behind a system turn, and where that ends. */
  private renderBehindSystem(
    messages: readonly Message[],
    system: string,
  ): { readonly text: string; readonly start: number } {
    const head: Message = { role: "system", content: system };
    const alone = this.tryRender([head], false);
    const text = this.tryRender([head, ...messages], true);
    if (alone?.includes(system) === true && text?.startsWith(alone) === true) {
      return { text, start: alone.length };
    }
    // Some templates know no system turn, or put it into the first user turn.
    const without = this.tryRender(messages, true);
    if (without === undefined) throw unusable("it refuses a plain conversation");
    return { text: without, start: 0 };
  }

  /** Where the last turn starts: where the same conversation without it ends. */
  private startOfLast(
    messages: readonly Message[],
    text: string,
    system: string,
  ): number | undefined {
    const earlier = messages.slice(0, -1);
    const head: Message = { role: "system", content: system };
    const candidates = [this.tryRender([head, ...earlier], false), this.tryRender(earlier, false)];
    return candidates.find((before) => before !== undefined && text.startsWith(before))?.length;
  }

  /** Undefined where the template refuses these messages. */
  private tryRender(messages: readonly Message[], isPrompt: boolean): string | undefined {
    try {
      return this.template.render({
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: isPrompt,
        bos_token: "",
        eos_token: "",
      });
    } catch {
      return undefined;
    }
  }
}
