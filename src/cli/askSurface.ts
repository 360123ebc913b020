/** Draws one question on a terminal, or in a log: events in, text out. */
import type { AskEvent } from "../ask/askEvents.js";
import type { AskResult } from "../shared/answer.js";
import { assertNever } from "../shared/assertNever.js";
import type { ModelRole } from "../shared/model.js";
import type { CommandContext } from "./commandContext.js";
import { inEnglish } from "../shared/phrase.js";
import { escapeLine, escapeText } from "./escapeText.js";
import { formatBar, formatCount, formatDuration, formatNoun, formatPercent } from "./format.js";
import { ProgressLine } from "./progressLine.js";
import { type Page, renderEarly, renderEvidence, renderTimings } from "./renderAnswer.js";
import { styleOf } from "./style.js";

/** Reading that should take less than this starts without a word. */
const ESTIMATE_FROM_MS = 5_000;
const BAR_COLUMNS = 20;

export class AskSurface {
  private readonly progress: ProgressLine;
  private readonly page: Page;
  private hasAnswer = false;
  private endsWithNewline = true;
  private heldReturn = "";

  constructor(
    private readonly context: Pick<CommandContext, "stdout" | "stderr">,
    /** With JSON on stdout, stderr keeps to progress and notices. */
    private readonly isJson: boolean,
  ) {
    const { stderr } = context;
    this.progress = new ProgressLine(stderr);
    this.page = { columns: stderr.columns, style: styleOf(stderr) };
  }

  onEvent(event: AskEvent): void {
    const { style } = this.page;
    switch (event.t) {
      case "notice":
        this.line(style.warn(escapeLine(inEnglish(event.notice))));
        break;
      case "opening":
        this.progress.draw(() => `Opening the ${event.model}`);
        break;
      case "packing":
        this.progress.draw(() => {
          const { files, path } = event.progress;
          return `Packing ${formatNoun(files, "file")}  ${style.dim(escapeLine(path ?? ""))}`;
        });
        break;
      case "packed":
        this.line(style.dim(packedText(event)));
        break;
      case "readingStarts":
        this.readingStarts(event);
        break;
      case "reading":
        this.progress.draw(() => this.readingText(event));
        break;
      case "readingEnded":
      case "scouted":
        this.progress.clear();
        break;
      case "questionRead":
        this.progress.clear();
        if (!this.isJson) this.write(`\n${renderEarly(event.files, this.page)}`);
        break;
      case "text":
        this.answer(event.text);
        break;
      case "opened":
      case "traced":
      case "citation":
        break;
      case "done":
        this.done(event.result);
        break;
      default:
        assertNever(event);
    }
  }

  /** Takes the progress line away, for whatever is written next. */
  clear(): void {
    this.progress.clear();
    this.endAnswer();
  }

  private readingStarts(event: Extract<AskEvent, { t: "readingStarts" }>): void {
    const { model, segments, ofSegments, tokens, estimateMs, isBounded } = event;
    if (estimateMs < ESTIMATE_FROM_MS) return;
    const all = formatNoun(ofSegments, "segment");
    const part = segments === ofSegments ? all : `${segments} of ${all}`;
    const what = `The ${model} reads ${isBounded ? "up to " : ""}${part}, ${formatCount(tokens)} new tokens`;
    const stop = this.page.style.dim(" Ctrl-C stops.");
    this.line(`${what}: about ${formatDuration(estimateMs)}.${stop}`);
  }

  private readingText(event: Extract<AskEvent, { t: "reading" }>): string {
    const { model, segments, ofSegments, path } = event;
    const { doneTokens, totalTokens, tokensPerSecond, etaMs } = event;
    const { style } = this.page;
    const done = totalTokens > 0 ? doneTokens / totalTokens : 1;
    const part = segments < ofSegments ? `: ${formatCount(segments)} of` : ",";
    return [
      `${modelWord(model)}${part} ${formatNoun(ofSegments, "segment")}`,
      style.accent(formatBar(done, BAR_COLUMNS)) + "│",
      formatPercent(done).padStart(5),
      `${formatCount(tokensPerSecond)} tokens/s`,
      `${formatDuration(etaMs)} left`,
      style.dim(escapeLine(path)),
    ].join("  ");
  }

  /** The answer streams to stdout; with JSON it comes in the object. */
  private answer(text: string): void {
    if (this.isJson || text === "") return;
    this.progress.clear();
    this.hasAnswer = true;
    const whole = this.heldReturn + text;
    // A line end may be split between two tokens.
    this.heldReturn = whole.endsWith("\r") ? "\r" : "";
    const safe = escapeText(whole.slice(0, whole.length - this.heldReturn.length));
    if (safe === "") return;
    this.endsWithNewline = safe.endsWith("\n");
    this.context.stdout.write(safe);
  }

  private endAnswer(): void {
    if (!this.hasAnswer || this.endsWithNewline) return;
    this.endsWithNewline = true;
    this.context.stdout.write("\n");
  }

  private done(result: AskResult): void {
    this.clear();
    if (this.isJson) return;
    const { style } = this.page;
    this.write(
      `\n${renderEvidence(result, this.page)}${style.dim(escapeLine(renderTimings(result)))}\n`,
    );
  }

  private line(text: string): void {
    this.progress.clear();
    this.write(`${text}\n`);
  }

  private write(text: string): void {
    this.context.stderr.write(text);
  }
}

function modelWord(model: ModelRole): string {
  return model === "scout" ? "Scout" : "Coder";
}

function packedText({ pack, packMs }: Extract<AskEvent, { t: "packed" }>): string {
  const [model] = pack.models;
  const tokens = model?.tokenCount ?? 0;
  const padding = model?.paddingTokens ?? 0;
  const waste = tokens > 0 ? ` (${formatPercent(padding / (tokens + padding))} padding)` : "";
  const skipped = pack.skipped.length > 0 ? `, ${formatCount(pack.skipped.length)} skipped` : "";
  return (
    `Packed ${formatNoun(pack.files.length, "file")}, ${formatNoun(pack.segments.length, "segment")}, ` +
    `${formatCount(tokens)} tokens${waste}${skipped} in ${formatDuration(packMs)}`
  );
}
