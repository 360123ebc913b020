/** A VS Code workbench in Chromium: its commands, its side bar, and the frames of our views. */
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Frame, Page } from "playwright-core";
import { type Harness, type Server, startCodeServer } from "../../scripts/vscodeHarness.mjs";
import { launch, watch } from "./chromium.js";

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const screenshots = path.join(root, "build/screenshots");
mkdirSync(screenshots, { recursive: true });

export interface Workbench {
  readonly server: Server;
  readonly browser: Browser;
  readonly page: Page;
  readonly folder: string;
  readonly wrong: string[];
  stop(): Promise<void>;
}

export async function openWorkbench(
  harness: Harness,
  options: {
    readonly port: number;
    readonly vsix: string;
    readonly workspace: string;
    readonly settings?: Readonly<Record<string, unknown>>;
    readonly env?: Readonly<Record<string, string>>;
    readonly restricted?: boolean;
  },
): Promise<Workbench> {
  const folder = mkdtempSync(path.join(tmpdir(), "blocksight-vscode-"));
  const server = await startCodeServer(harness, { ...options, folder });
  const browser = await launch(harness.chromium);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const { wrong } = watch(page);
  await page.goto(server.page, { waitUntil: "domcontentloaded" });
  await untilOpen(page);
  const stop = async (): Promise<void> => {
    await browser.close();
    await server.stop();
  };
  return { server, browser, page, folder, wrong, stop };
}

async function untilOpen(page: Page): Promise<void> {
  await page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
  await page.waitForSelector(".statusbar-item", { timeout: 60_000 });
}

/** As a user does it: the editor keeps the state of its tabs on the way out. */
export async function reloadWindow(page: Page): Promise<void> {
  const reloaded = page.waitForEvent("domcontentloaded");
  await command(page, "Developer: Reload Window");
  await reloaded;
  await untilOpen(page);
}

export async function command(page: Page, title: string): Promise<void> {
  await page.keyboard.press("F1");
  const input = page.locator(".quick-input-widget input").first();
  await input.waitFor();
  await input.fill(`>${title}`);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
}

/** Answers the editor's own file dialog, which in the browser is a line to type a path into. */
export async function answerFileDialog(page: Page, file: string): Promise<void> {
  const input = page.locator(".quick-input-widget input").first();
  await input.waitFor();
  // It puts its own proposal there a moment after it opens, perhaps over what was typed.
  for (let calm = 0; calm < 3; calm = (await input.inputValue()) === file ? calm + 1 : 0) {
    if (calm === 0) await input.fill(file);
    await page.waitForTimeout(200);
  }
  await page.keyboard.press("Enter");
  await page.locator(".quick-input-widget").waitFor({ state: "hidden" });
}

/** The frame of the view that has an element; views are two frames deep. */
export async function frameWith(page: Page, selector: string, timeoutMs = 30_000): Promise<Frame> {
  const end = Date.now() + timeoutMs;
  while (Date.now() < end) {
    for (const frame of page.frames()) {
      if (!frame.url().includes("fake.html")) continue;
      const found = await frame.$(selector).catch(() => null);
      if (found !== null) return frame;
    }
    await page.waitForTimeout(150);
  }
  throw new Error(`No view has ${selector}`);
}

export async function openAskView(page: Page): Promise<Frame> {
  await page.getByRole("tab", { name: "Blocksight" }).first().click();
  const frame = await frameWith(page, ".composer");
  await frame.waitForSelector(".pack-title", { timeout: 60_000 });
  return frame;
}

/**
 * Asks as a user does who looks at the box: a command that ends late can take the focus between the
 * text and the Enter, and then the question is still there.
 */
export async function ask(frame: Frame, question: string): Promise<void> {
  const box = frame.locator(".question-box");
  await box.fill(question);
  for (let tries = 0; tries < 5; tries++) {
    await box.press("Enter");
    if ((await box.inputValue()) === "") return;
    await frame.waitForTimeout(500);
  }
  throw new Error(`Enter did not ask: ${question}`);
}

/** An empty conversation: a question asked before it is there would be taken away with the old ones. */
export async function newConversation(page: Page, frame: Frame): Promise<void> {
  await command(page, "Blocksight: New Conversation");
  await frame.locator(".welcome").waitFor();
}

/** The line and column that the status bar shows. */
export async function cursorLine(page: Page): Promise<number> {
  const text = await page
    .locator(".statusbar-item", { hasText: /^Ln \d+/ })
    .first()
    .innerText();
  return Number(/Ln (\d+)/.exec(text)?.[1]);
}

/** Lines that carry one of our decorations; they alone have a border of the heat colour at the left. */
export function markedLines(page: Page): Promise<number> {
  return page.evaluate(() => {
    const page = globalThis as unknown as {
      document: { querySelectorAll(selector: string): Iterable<unknown> };
      getComputedStyle(element: unknown): { borderLeftStyle: string; borderLeftWidth: string };
    };
    return [...page.document.querySelectorAll(".view-overlays .cdr")].filter((element) => {
      const { borderLeftStyle, borderLeftWidth } = page.getComputedStyle(element);
      return borderLeftStyle === "solid" && borderLeftWidth !== "0px";
    }).length;
  });
}

/** By the editor's own picker: settings on disk are read when the editor starts. */
export async function setTheme(page: Page, label: string): Promise<void> {
  await command(page, "Preferences: Color Theme");
  const input = page.locator(".quick-input-widget input").first();
  await input.fill(label);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: label }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.locator(".quick-input-widget").waitFor({ state: "hidden" });
}
