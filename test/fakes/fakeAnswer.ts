/** One question to the fake engine: question steps, then an answer that cites the file with most focus. */
import { blocksOf, BLOCK_TOKENS } from "../../src/shared/blocks.js";
import type { AskEnd, AskRequest, Turn } from "../../src/shared/engineMessages.js";
import { questionTooLong } from "../../src/shared/errors.js";
import type { ModelInfo } from "../../src/shared/model.js";
import type { CitationCandidate, Step, StepKind } from "../../src/shared/step.js";
import { blocksInSight, scoreBlocks, selectRow, type FakePack } from "./fakeSelection.js";
import type { FakeTokenizer } from "./fakeTokenizer.js";

/** A piece of an answer: text, or a citation of the file with this index. */
export type AnswerPiece = string | { readonly cite: number };
export type AnswerRule = (question: string, ranked: readonly number[]) => readonly AnswerPiece[];

interface Token {
  readonly id: number;
  readonly bytes: Uint8Array;
}

interface RunOptions {
  readonly signal: AbortSignal;
  readonly onSteps: ((steps: readonly Step[]) => void) | undefined;
  readonly stepDelayMs: number;
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

/** Read afresh each time: the compiler would take a second look at `aborted` for the first. */
export const isAborted = (signal: AbortSignal): boolean => signal.aborted;

export class FakeAnswer {
  private readonly inSight: readonly number[];
  private readonly blockCount: number;
  private turnStart = 0;
  private row = 0;
  private index = 0;

  constructor(
    private readonly model: ModelInfo,
    private readonly tokenizer: FakeTokenizer,
    private readonly pack: FakePack,
    private readonly ask: AskRequest,
    private readonly requestId: number,
  ) {
    this.inSight = blocksInSight(pack, ask.sight);
    this.blockCount = pack.tokensOfBlock.length;
  }

  async run(options: RunOptions, rule: AnswerRule | undefined): Promise<AskEnd> {
    const start = performance.now();
    const { prompt, droppedTurns, question } = this.prompt();
    const words = this.text(` ${question.replace(/[^\w\u0080-\uffff]+/g, " ")}`);
    const scores = scoreBlocks(
      this.pack,
      this.inSight,
      new Set(words.filter((t) => t.bytes.length > 2).map((t) => t.id)),
    );
    const end = (
      stopReason: AskEnd["stopReason"],
      answerTokens: number,
      first: number,
    ): AskEnd => ({
      stopReason,
      promptTokens: prompt.length,
      answerTokens,
      firstTokenMs: first - start,
      decodeMs: performance.now() - first,
      droppedTurns,
    });

    await sleep(options.stepDelayMs, options.signal);
    if (isAborted(options.signal)) return end("cancelled", 0, start);
    this.row = this.turnStart;
    options.onSteps?.(prompt.slice(this.turnStart).map((t) => this.step("question", t, scores)));
    const first = performance.now();
    const ranked = this.rankFiles(scores);
    let written = 0;
    if (this.ask.maxTokens === 0) return end("maxTokens", 0, first);
    for (const piece of (rule ?? defaultAnswer)(question, ranked)) {
      for (const step of this.answerSteps(piece, ranked, scores)) {
        if (written === this.ask.maxTokens) return end("maxTokens", written, first);
        if (prompt.length + written === this.model.conversationTokens) {
          return end("windowFull", written, first);
        }
        await sleep(options.stepDelayMs, options.signal);
        if (isAborted(options.signal)) return end("cancelled", written, first);
        options.onSteps?.([step]);
        written++;
      }
    }
    return end("eos", written, first);
  }

  /** The conversation in tokens; whole oldest turns are dropped until it fits the window. */
  private prompt(): { prompt: Token[]; droppedTurns: number; question: string } {
    const { turns } = this.ask;
    const question = turns.at(-1)?.text ?? "";
    for (let dropped = 0; dropped < turns.length; dropped++) {
      if (turns[dropped]?.role !== "user") continue;
      const kept = turns.slice(dropped);
      const before = kept.slice(0, -1).flatMap((turn) => this.turn(turn));
      const last = kept.slice(-1).flatMap((turn) => this.turn(turn));
      const prompt = [
        ...before,
        ...last,
        this.special("<|im_start|>"),
        ...this.text("assistant\n"),
      ];
      if (prompt.length >= this.model.conversationTokens) continue;
      this.turnStart = before.length;
      return { prompt, droppedTurns: dropped, question };
    }
    throw questionTooLong(
      this.turn(turns.slice(-1)[0] ?? { role: "user", text: "" }).length + 2,
      this.model.conversationTokens,
    );
  }

  private turn({ role, text }: Turn): Token[] {
    return [
      this.special("<|im_start|>"),
      ...this.text(`${role}\n`),
      ...this.text(text),
      this.special("<|im_end|>"),
      ...this.text("\n"),
    ];
  }

  private special(text: string): Token {
    return { id: this.tokenizer.info.special[text] ?? 0, bytes: new TextEncoder().encode(text) };
  }

  private text(text: string): Token[] {
    const bytes = new TextEncoder().encode(text);
    const { ids, ends } = this.tokenizer.encode(bytes);
    return [...ids].map((id, i) => ({
      id,
      bytes: bytes.slice(i === 0 ? 0 : ends[i - 1], ends[i]),
    }));
  }

  private step(kind: StepKind, token: Token, scores: ReadonlyMap<number, number>): Step {
    const position = { row: this.row++, turnStart: this.turnStart, blockCount: this.blockCount };
    return {
      requestId: this.requestId,
      index: this.index++,
      model: this.ask.model,
      kind,
      tokenId: token.id,
      bytes: token.bytes,
      ...selectRow(this.model, scores, position),
    };
  }

  private *answerSteps(
    piece: AnswerPiece,
    ranked: readonly number[],
    scores: ReadonlyMap<number, number>,
  ): Iterable<Step> {
    if (typeof piece === "string") {
      for (const token of this.text(piece)) yield this.step("answer", token, scores);
      return;
    }
    const path = this.ask.citePaths?.[piece.cite];
    if (path === undefined || this.model.citationToken === undefined) {
      for (const token of this.text(path ?? `file ${piece.cite}`)) {
        yield this.step("answer", token, scores);
      }
      return;
    }
    const marker = { ...this.special("<|file_sep|>"), id: this.model.citationToken };
    yield this.step("answer", marker, scores);
    const others = ranked.filter((file) => file !== piece.cite).slice(0, 7);
    const candidates: CitationCandidate[] = [piece.cite, ...others].map((file, i) => ({
      file,
      logProb: -1 - i,
      // As the engine's: 32-bit floats.
      focus: Math.fround(1 / (i + 2)),
    }));
    for (const [i, token] of this.text(`${path}\n`).entries()) {
      const step = this.step("citation", token, scores);
      yield i === 0 ? { ...step, citation: { file: piece.cite, candidates } } : step;
    }
  }

  /** Files in sight by their best segment's score, highest first. */
  private rankFiles(scores: ReadonlyMap<number, number>): readonly number[] {
    const best = new Map<number, number>();
    for (const segment of this.ask.sight) {
      const file = this.pack.fileOfSegment[segment] ?? 0;
      const first = this.pack.firstBlock[segment] ?? 0;
      const blocks = blocksOf(this.pack.segmentTokens[segment] ?? 0);
      let sum = 0;
      for (let i = 0; i < blocks; i++) sum += scores.get(first + i) ?? 0;
      best.set(file, Math.max(best.get(file) ?? 0, sum / Math.max(1, blocks / BLOCK_TOKENS)));
    }
    return [...best].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([file]) => file);
  }
}

/** One sentence and a citation, the shape of a coder's answer. */
const defaultAnswer: AnswerRule = (question, ranked) => {
  const [file] = ranked;
  if (file === undefined) return ["Nothing was in sight."];
  const name = /`([^`]+)`/.exec(question)?.[1];
  const subject = name === undefined ? "What was asked" : `\`${name}\``;
  return [`${subject} is found in this file:\n`, { cite: file }, "No other file was needed."];
};
