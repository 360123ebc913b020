/** The page's language: English text is the key, as in `vscode.l10n.t`. */

import type { Phrase } from "../src/shared/phrase.js";

/** Making a formatter takes longer than drawing a row, and rows are drawn at every frame of a brush. */
const formatters = new Map<string, Intl.NumberFormat>();

function formatter(key: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  let made = formatters.get(key);
  if (made === undefined) {
    made = new Intl.NumberFormat(locale, options);
    formatters.set(key, made);
  }
  return made;
}

let strings: Readonly<Record<string, string>> = {};
let locale = "en";

export function setLanguage(to: string, bundle: Readonly<Record<string, string>>): void {
  strings = bundle;
  formatters.clear();
  try {
    locale = Intl.getCanonicalLocales(to)[0] ?? "en";
  } catch {
    locale = "en"; // VS Code has display languages that are not BCP 47, "qps-ploc" for example
  }
}

/** The text in the page's language, `{0}`, `{1}` … replaced; numbers are formatted for it. */
export function t(text: string, ...values: readonly (string | number)[]): string {
  const template = Object.hasOwn(strings, text) ? (strings[text] ?? text) : text;
  return template.replaceAll(/\{(\d+)\}/g, (whole, index: string) => {
    const value = values[Number(index)];
    if (value === undefined) return whole;
    return typeof value === "number" ? count(value) : value;
  });
}

export function say({ text, values }: Phrase): string {
  return t(text, ...values);
}

/** 61204 -> "61,204". */
export function count(value: number): string {
  return formatter("count", {}).format(value);
}

/** 1234567 -> "1.2M". */
export function compact(value: number): string {
  return formatter("compact", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** 0.384 -> "38 %"; small values keep a digit, so that they do not all read 0. */
export function percent(value: number): string {
  const digits = value > 0 && value < 0.095 ? 1 : 0;
  return formatter(`percent${digits}`, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

export function decimal(value: number, digits: number): string {
  return formatter(`decimal${digits}`, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** 83000 -> "1 min 23 s"; under ten seconds with a digit. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return t("{0} s", decimal(seconds, 1));
  if (seconds < 90) return t("{0} s", Math.round(seconds));
  if (seconds < 5400) return t("{0} min {1} s", Math.floor(seconds / 60), Math.round(seconds % 60));
  return t("{0} h {1} min", Math.floor(seconds / 3600), Math.round((seconds % 3600) / 60));
}

export function when(ms: number): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(ms);
}
