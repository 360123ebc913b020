/** JSON for stdout: one object, indented, ended by a newline. */

// What JSON.stringify leaves as it is and a terminal would act upon; escaped, the value is the same.
const unsafe =
  /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return `${text.replace(unsafe, escapeUnits)}\n`;
}

function escapeUnits(text: string): string {
  return Array.from(text.split(""), (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  }).join("");
}
