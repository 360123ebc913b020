/**
 * A sentence with its values apart: English text is the key of every translation, so a surface says
 * it in its own language, and the command line in English. The text is a literal at every call, so
 * that the test of the translations finds it.
 */
export interface Phrase {
  /** With `{0}`, `{1}` … in the places of the values. */
  readonly text: string;
  readonly values: readonly (string | number)[];
}

export function phrase(text: string, ...values: readonly (string | number)[]): Phrase {
  return { text, values };
}

export function inEnglish({ text, values }: Phrase): string {
  return text.replaceAll(/\{(\d+)\}/g, (whole, at: string) => String(values[Number(at)] ?? whole));
}
