/** Gathers the texts of many files into few requests, for all tokenizers at once. */
import type { Tokenize } from "./packTokenizer.js";

export interface TokenizedText {
  readonly ids: Uint32Array;
  /** Exclusive byte end offsets, ascending; the last one is the text's length. */
  readonly ends: Uint32Array;
}

interface Waiting {
  readonly text: Uint8Array;
  readonly resolve: (tokenized: readonly TokenizedText[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Large enough that a message costs little beside its work, small enough to be cancelled soon. */
const REQUEST_BYTES = 1 << 20;

export class TokenizeBatch {
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private isFlushing = false;

  constructor(
    private readonly tokenize: Tokenize,
    private readonly tokenizers: readonly string[],
  ) {}

  /** Per tokenizer what `text` becomes. */
  tokens(text: Uint8Array): Promise<readonly TokenizedText[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ text, resolve, reject });
      this.waitingBytes += text.length;
      if (this.waitingBytes >= REQUEST_BYTES) {
        void this.flush();
      } else if (!this.isFlushing) {
        // After the callers that are ready now have asked for theirs.
        this.isFlushing = true;
        setImmediate(() => {
          this.isFlushing = false;
          void this.flush();
        });
      }
    });
  }

  private async flush(): Promise<void> {
    const batch = this.waiting;
    if (batch.length === 0) return;
    this.waiting = [];
    this.waitingBytes = 0;
    const texts = batch.map(({ text }) => text);
    try {
      const replies = await Promise.all(this.tokenizers.map((name) => this.tokenize(name, texts)));
      batch.forEach(({ text, resolve }, index) => {
        resolve(
          replies.map(({ ids, ends }, tokenizer) =>
            checked(this.tokenizers[tokenizer] ?? "", text, ids[index], ends[index]),
          ),
        );
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** Everything after relies on this, so a wrong reply must not get further. */
function checked(
  tokenizer: string,
  text: Uint8Array,
  ids: Uint32Array | undefined,
  ends: Uint32Array | undefined,
): TokenizedText {
  const isWhole = ids?.length === ends?.length && (ends?.[ends.length - 1] ?? 0) === text.length;
  if (ids === undefined || ends === undefined || !isWhole) {
    throw new Error(`The tokenizer ${tokenizer} does not cover its text.`);
  }
  return { ids, ends };
}
