/** The few colors of the command line: only on a terminal, and not under NO_COLOR. */
import type { TextSink } from "./commandContext.js";

export interface Style {
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly accent: (text: string) => string;
  readonly warn: (text: string) => string;
}

const paint =
  (code: number, off: number) =>
  (text: string): string =>
    text === "" ? "" : `\u001b[${code}m${text}\u001b[${off}m`;
const same = (text: string): string => text;

const COLORED: Style = {
  dim: paint(2, 22),
  bold: paint(1, 22),
  accent: paint(36, 39),
  warn: paint(33, 39),
};
const PLAIN: Style = { dim: same, bold: same, accent: same, warn: same };

export function styleOf(sink: Pick<TextSink, "hasColor">): Style {
  return sink.hasColor ? COLORED : PLAIN;
}
