/**
 * The one-line header that opens every segment: the model's file token, the path, the part. File
 * text and paths are tokenized without special tokens, so neither can hold the file token; a path
 * is refused when its line could be read as something else than this path (`unsafePath`).
 */

export class HeaderTemplate {
  /** The special token that opens the header, where the template starts with one. */
  readonly openingToken: number | undefined;
  private readonly plain: string;

  /** `template` as "<|file_sep|>{path}{part}\n", `part` as " (part {k} of {n})". */
  constructor(
    readonly template: string,
    readonly part: string,
    special: Readonly<Record<string, number>>,
  ) {
    const opening = Object.keys(special)
      .filter((text) => text !== "" && template.startsWith(text))
      .reduce((longest, text) => (text.length > longest.length ? text : longest), "");
    this.openingToken = opening === "" ? undefined : special[opening];
    this.plain = template.slice(opening.length);
  }

  /** The text after the opening token. */
  text(path: string, part: number, parts: number): string {
    const partText = parts === 1 ? "" : fill(this.part, { k: `${part}`, n: `${parts}` });
    return fill(this.plain, { path, part: partText });
  }

  /** The header's ids from the ids of `text`. */
  ids(textIds: Uint32Array): Uint32Array {
    if (this.openingToken === undefined) return textIds;
    const ids = new Uint32Array(textIds.length + 1);
    ids[0] = this.openingToken;
    ids.set(textIds, 1);
    return ids;
  }
}

/** One pass, so that a path that holds "{part}" is not filled again. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

// Controls; format characters that hide or reorder text; line and paragraph separators; halves of
// surrogate pairs; and the replacement character, which stands for bytes that are not UTF-8.
const unsafeCharacter =
  /[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd]|[\u{e0000}-\u{e007f}]|\p{Cs}/u;
const looksLikePart = / \(part \d+ of \d+\)$/;

/** Why a path cannot stand in a header, or undefined where it can. */
export function unsafePath(path: string): string | undefined {
  if (unsafeCharacter.test(path)) return "control, invisible or undecodable characters in the name";
  if (looksLikePart.test(path)) return "a name that ends like a header's part";
  return undefined;
}
