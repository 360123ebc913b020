/**
 * The answer's text from its steps. Token bytes are joined before they are decoded, because a token
 * may end inside a UTF-8 character. The citation token itself is left out and the path behind it
 * kept, so that offsets of citations are offsets of paths.
 */
import type { StepCitation, StepHead } from "./traceStore.js";

interface CitedPath {
  readonly citation: StepCitation;
  /** Offset of the path in the text, in UTF-16 units. */
  readonly at: number;
}

export interface TextDelta {
  /** May be empty while a character is incomplete. */
  readonly text: string;
  /** Set when the step opens a citation. */
  readonly cited?: CitedPath;
}

export class AnswerText {
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private whole = "";

  /** `citationToken` as in the model's metadata; undefined for a model that does not cite. */
  constructor(private readonly citationToken: number | undefined) {}

  get text(): string {
    return this.whole;
  }

  /** Steps in order; question steps add nothing. */
  append(step: StepHead): TextDelta {
    if (step.kind === "question") return { text: "" };
    if (step.kind === "answer" && step.tokenId === this.citationToken)
      return { text: this.flush() };
    if (step.citation === undefined) return { text: this.push(step.bytes) };
    const before = this.flush() + this.part();
    const cited = { citation: step.citation, at: this.whole.length };
    return { text: before + this.push(step.bytes), cited };
  }

  /** What is left of an incomplete character becomes U+FFFD: at the end, and before a path. */
  flush(): string {
    const text = this.decoder.decode();
    this.whole += text;
    return text;
  }

  private part(): string {
    if (this.whole === "" || /[\s([{"'`]$/.test(this.whole)) return "";
    this.whole += " ";
    return " ";
  }

  private push(bytes: Uint8Array): string {
    const text = this.decoder.decode(bytes, { stream: true });
    this.whole += text;
    return text;
  }
}
