/**
 * Text from repositories, models and files before it reaches a terminal. Control characters could
 * move the cursor, change the title or answer back; bidirectional ones could reorder what is read.
 * Both are shown as escapes instead.
 */

const isPlain = /^[\t\n\x20-\x7e]*$/;
// Controls but tab and newline; format characters that reorder or hide text; line separators; lone
// surrogates, which no terminal can show.
const unsafe =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** For text of several lines: tab and newline stay; a carriage return before a newline goes. */
export function escapeText(text: string): string {
  if (isPlain.test(text)) return text;
  return text.replace(/\r\n/g, "\n").replace(unsafe, escapeCharacter);
}

/** For text inside a line: paths, names, rules. */
export function escapeLine(text: string): string {
  return escapeText(text.replace(/\r/g, "\\r")).replace(/\n/g, "\\n").replace(/\t/g, "\\t");
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
}
