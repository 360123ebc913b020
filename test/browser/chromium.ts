/** Headless Chromium, and what every page is watched for. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type Frame, type Page } from "playwright-core";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, headless: true, args: ARGS });
}

/** What must never happen on a page of ours: a refused load, a dialog, an error of our scripts. */
export function watch(page: Page): { readonly wrong: string[] } {
  const wrong: string[] = [];
  page.on("console", (message) => {
    const text = message.text();
    // The editor's own page breaks its own policy now and then; ours say where they come from.
    if (/Content Security Policy/.test(text) && /style-src|script-src/.test(text)) wrong.push(text);
  });
  page.on("pageerror", (error) => {
    // The editor's host of views says so of a frame that was closed while it opened.
    const ofHost = /\/webview\/browser\/pre\//.test(error.stack ?? "");
    if (ofHost && error.message === "Found unexpected null") return;
    wrong.push(`error: ${error.message}`);
  });
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { wrong };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * Violations as "rule: element", so that a failure says what to look at. A view's page is
 * transparent; `behind` is the theme colour that the editor paints behind it.
 */
export async function violations(frame: Frame | Page, behind?: string): Promise<string[]> {
  await frame.evaluate(axe);
  await frame.evaluate((name) => {
    const { document } = globalThis as unknown as {
      document: { documentElement: { style: { background: string } } };
    };
    if (name !== undefined) document.documentElement.style.background = `var(--vscode-${name})`;
  }, behind);
  return frame.evaluate(async () => {
    interface Axe {
      run(
        root: unknown,
        options: unknown,
      ): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
    }
    const { axe: runner } = globalThis as unknown as { axe: Axe };
    const { document } = globalThis as unknown as { document: unknown };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
    const { violations: found } = await runner.run(document, { runOnly: tags });
    return found.flatMap(({ id, nodes }) =>
      nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`),
    );
  });
}
