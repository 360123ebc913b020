/** The one HTML document that is made by hand. `head` and `tail` are trusted, all else is escaped. */
import type { Boot } from "./messages.js";

/**
 * The controls ask once whether `:focus-visible` works by adding an empty style element. This is the
 * hash of nothing, so the policy lets in that element and no style.
 */
export const EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

export interface Page {
  readonly title: string;
  readonly policy: string;
  readonly head: string;
  readonly boot: Boot;
  readonly tail: string;
}

export function pageHtml({ title, policy, head, boot, tail }: Page): string {
  return `<!DOCTYPE html>
<html lang="${escapeHtml(boot.locale)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
${head}
</head>
<body data-boot="${escapeHtml(JSON.stringify(boot))}">
${tail}
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
