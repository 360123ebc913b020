/** Columns that text takes on a terminal, and cutting text to fit. */

// Combining marks and joiners take no column.
const zero = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
// East Asian wide and fullwidth, and emoji that terminals draw two columns wide.
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{1f1e6}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

function widthOf(character: string): number {
  if (character <= "~") return 1;
  if (zero.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

// Colors, the only escape sequences that this program writes itself: they take no column.

const color = /\u001b\[[0-9;]*m/g;

export function textWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(color, "")) width += widthOf(character);
  return width;
}

/** Cuts from the end, with "…" where something is missing. Colors are kept, so that they end. */
export function cutEnd(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  let width = 1;
  let isCut = false;
  const plain = (part: string): string => {
    let kept = "";
    for (const character of part) {
      width += widthOf(character);
      if (width > columns) {
        const mark = isCut ? "" : "…";
        isCut = true;
        return kept + mark;
      }
      kept += character;
    }
    return kept;
  };
  const colors = [...text.matchAll(color), undefined];
  let at = 0;
  let result = "";
  for (const match of colors) {
    result += plain(text.slice(at, match?.index ?? text.length)) + (match?.[0] ?? "");
    at = match === undefined ? text.length : match.index + match[0].length;
  }
  return result;
}

/** Cuts from the front: the end of a path says most. */
export function cutStart(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let kept = "";
  let width = 1;
  for (const character of Array.from(text).reverse()) {
    width += widthOf(character);
    if (width > columns) break;
    kept = character + kept;
  }
  return columns > 0 ? `…${kept}` : "";
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - textWidth(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - textWidth(text))) + text;
}
