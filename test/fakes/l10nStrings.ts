/** Every English text that the extension or a view translates, from the sources themselves. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** A call with a literal first argument; quotes and line breaks as Prettier leaves them. */
const CALL = /\b(?:l10n\.t|phrase|(?<![\w.])t)\(\s*("(?:[^"\\]|\\.)*")/g;

export function l10nStrings(root: string): ReadonlySet<string> {
  const strings = new Set<string>();
  for (const folder of ["src", "webview"]) {
    for (const entry of readdirSync(path.join(root, folder), {
      recursive: true,
      withFileTypes: true,
    })) {
      if (!entry.isFile() || !/\.tsx?$/.test(entry.name)) continue;
      const text = readFileSync(path.join(entry.parentPath, entry.name), "utf8");
      for (const [, literal] of text.matchAll(CALL))
        strings.add(JSON.parse(literal ?? '""') as string);
    }
  }
  return strings;
}
