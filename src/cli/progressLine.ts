/** One line that is drawn over itself, on a terminal only. */
import type { TextSink } from "./commandContext.js";
import { cutEnd } from "./textWidth.js";

/** Drawing more often costs more than an eye can see. */
const DRAW_EVERY_MS = 80;

const CLEAR_LINE = "\r\u001b[K";

export class ProgressLine {
  private isShown = false;
  private lastDrawnMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly sink: TextSink,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** `text` must be escaped; it is cut to the terminal's width. */
  draw(text: () => string): void {
    if (!this.sink.isTerminal) return;
    const now = this.now();
    if (this.isShown && now - this.lastDrawnMs < DRAW_EVERY_MS) return;
    this.lastDrawnMs = now;
    this.isShown = true;
    this.sink.write(CLEAR_LINE + cutEnd(text(), this.sink.columns - 1));
  }

  clear(): void {
    if (!this.isShown) return;
    this.isShown = false;
    this.sink.write(CLEAR_LINE);
  }
}
