/**
 * Text of a repository or of a model, made safe to look at: control and bidirectional characters,
 * which can hide or reorder what follows, are shown as their code point. `keepBreaks` leaves
 * newlines and tabs alone.
 */
export function safeText(text: string, keepBreaks = false): string {
  return text.replaceAll(HIDDEN, (character) => {
    if (keepBreaks && (character === "\n" || character === "\t")) return character;
    return `\u27e8${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  });
}

const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A path cut in the middle of its folders: "src/…/deep/file.ts". A name that is too long by itself
 * is cut in its middle: names are told apart by how they begin and end.
 */
export function shortPath(path: string, most: number): string {
  const shown = safeText(path);
  if (shown.length <= most) return shown;
  const name = shown.slice(shown.lastIndexOf("/") + 1);
  if (name.length >= most - 2) {
    const tail = Math.floor(most * 0.4);
    return `${name.slice(0, most - 1 - tail)}\u2026${name.slice(-tail)}`;
  }
  const head = shown.slice(0, Math.max(0, most - name.length - 2));
  return `${head}\u2026/${name}`;
}
