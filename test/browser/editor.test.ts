/** The whole surface in a real VS Code, over the fake engine: fast, and the same every time. */
import path from "node:path";
import type { Frame, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
import { violations } from "./chromium.js";
import { engineLines, FAKES_ENV, setFakes } from "./fakeSettings.js";
import {
  ask,
  command,
  cursorLine,
  frameWith,
  markedLines,
  newConversation,
  openAskView,
  openWorkbench,
  root,
  screenshots,
  setTheme,
  type Workbench,
} from "./workbench.js";
import { tinyWorkspace } from "./workspaces.js";

const found = await ensureHarness();
const THEMES = [
  { name: "dark", label: "Dark Modern", kind: "vscode-dark" },
  { name: "light", label: "Light Modern", kind: "vscode-light" },
  { name: "high contrast", label: "Dark High Contrast", kind: "vscode-high-contrast" },
] as const;
const QUESTION = "Where is open_session defined?";
const CANCELLED = "Where is cancel_order defined?";
/** What decorations add after the text of lines. */
const afterTexts = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const editor = globalThis as unknown as {
      document: { querySelectorAll(selector: string): Iterable<unknown> };
      getComputedStyle(element: unknown, pseudo: string): { content: string };
    };
    return [...editor.document.querySelectorAll(".view-line span")].map(
      (span) => editor.getComputedStyle(span, "::after").content,
    );
  });
/** A file's row without its lines. */
const pathOnly = (text: string): string => text.replace(/:.*$/s, "").trim();

describe.skipIf(found.harness === undefined)(`the extension in VS Code ${found.skip ?? ""}`, () => {
  let bench: Workbench;
  let view: Frame;
  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    const out = path.join(root, "build/fakes.vsix");
    makeVsix({ out, extension: "build/test-extension/extensionWithFakes.cjs" });
    setFakes({});
    const options = { vsix: out, workspace: tinyWorkspace(), env: FAKES_ENV };
    bench = await openWorkbench(harness, { port: 8241, ...options });
    view = await openAskView(bench.page);
  });
  afterAll(async () => {
    await bench.stop();
  });

  /** Another engine with other manners, and an empty conversation. */
  async function restartEngine(settings: Parameters<typeof setFakes>[0]): Promise<void> {
    setFakes(settings);
    const starts = (): number => engineLines().filter(({ name }) => name === "hello").length;
    const before = starts();
    await command(bench.page, "Blocksight: Restart the Engine");
    await expect.poll(starts, { timeout: 20_000 }).toBeGreaterThan(before);
    await view.waitForSelector(".phase-ready");
    await newConversation(bench.page, view);
  }

  it("shows the pack before anything is read", async () => {
    expect(await view.locator(".pack-title").innerText()).toMatch(/^6 files/);
    await view.locator(".pack > summary").click();
    await view.waitForSelector(".pack-row");
    expect(await view.locator(".pack-row").count()).toBeGreaterThanOrEqual(2);
    await view.locator(".pack > summary").click();
  });

  it("streams an answer whose citation opens the cited lines", async () => {
    await ask(view, QUESTION);
    await view.waitForSelector(".file-read");
    expect(await view.locator(".file-read .file-name").first().innerText()).toContain(
      "shop/checkout.py",
    );
    await view.waitForSelector(".sight", { timeout: 60_000 });
    await view.locator(".link.citation").first().click();
    const tab = bench.page.locator('.tab[aria-label*="checkout.py"]');
    await tab.waitFor();
    expect(await cursorLine(bench.page)).toBeGreaterThanOrEqual(1);
    await command(bench.page, "View: Close All Editors");
    await tab.waitFor({ state: "detached" });
    await view.locator(".link.citation").first().press("Enter");
    await tab.waitFor();
  });

  it("marks the lines that were read, and clears everything with one command", async () => {
    const { page } = bench;
    await expect.poll(() => markedLines(page), { timeout: 10_000 }).toBeGreaterThan(0);
    await page.waitForSelector(".codelens-decoration:has-text('read by')");
    await command(page, "Blocksight: Clear Marks");
    await expect.poll(() => markedLines(page), { timeout: 10_000 }).toBe(0);
  });

  it("draws the evidence, and a block opens its file at its lines", async () => {
    const { page } = bench;
    await view.getByText("Show Evidence", { exact: true }).click();
    const evidence = await frameWith(page, ".virtual-row");
    await evidence.waitForSelector(".heat-label");
    await evidence.locator(".virtual-row", { hasText: "shop/checkout.py" }).click();
    const block = evidence.locator(".block-list .link").first();
    await block.waitFor();
    const lines = /(\d+)–(\d+)/.exec(await block.innerText());
    await block.click();
    await evidence.getByText("Open", { exact: true }).click();
    await page.waitForSelector('.tab.active[aria-label*="checkout.py"]');
    await expect.poll(() => cursorLine(page), { timeout: 10_000 }).toBe(Number(lines?.[1]));
  });

  it("names the candidates of a citation, and draws what is selected by rule on request", async () => {
    const { page } = bench;
    await command(page, "Blocksight: Show Evidence");
    const evidence = await frameWith(page, ".virtual-row");
    const title = await evidence.locator(".token.cited").first().getAttribute("title");
    expect(title).toMatch(/Chosen from:\n(.+: focus \d\.\d+, log p -?\d+\.\d+\n?)+$/);
    expect(title).toContain("shop/checkout.py: focus");
    await page.keyboard.press("Escape");
    const rule = evidence.locator(".heat-label", { hasText: /System turn|Conversation/ });
    const files = evidence.getByText("All Files", { exact: true });
    // Escape may take the button away while it is being pressed.
    const leaveFile = async () => {
      if (await files.isVisible()) await files.click({ timeout: 1000 }).catch(() => undefined);
      return files.count();
    };
    await expect.poll(leaveFile, { timeout: 10_000 }).toBe(0);
    expect(await rule.count()).toBe(0);
    await evidence.getByText("Forced blocks", { exact: true }).click();
    await expect.poll(() => rule.count()).toBe(2);
    await evidence.getByText("Forced blocks", { exact: true }).click();
    await expect.poll(() => rule.count()).toBe(0);
  });

  it("goes from question to evidence to file by keyboard alone", async () => {
    const { page } = bench;
    await command(page, "View: Close All Editors");
    await page.keyboard.press("Control+Alt+b");
    await page.waitForTimeout(400);
    await page.keyboard.type("And where is restock defined?");
    await page.keyboard.press("Enter");
    await view.waitForFunction(
      () => {
        const { document } = globalThis as unknown as {
          document: { querySelectorAll(s: string): { length: number } };
        };
        return document.querySelectorAll(".sight").length === 2;
      },
      undefined,
      { timeout: 60_000 },
    );
    await command(page, "Blocksight: Show Evidence");
    const evidence = await frameWith(page, ".virtual-row");
    await evidence.waitForSelector(".heat-label");
    await evidence.locator(".strip").focus();
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      if ((await evidence.locator(".virtual-list:focus").count()) > 0) break;
    }
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await page.waitForSelector('.tab[aria-label*=".py"], .tab[aria-label*=".md"]');
  });

  it("stops the engine while the coder reads, keeps what was found, and asks again", async () => {
    await restartEngine({ segmentDelayMs: 250 });
    await ask(view, CANCELLED);
    await view.locator(".reading-title", { hasText: "The coder reads" }).waitFor();
    const found = await view.locator(".file-read .file-name").allInnerTexts();
    expect(found[0]).toContain("shop/checkout.py");
    await view.getByRole("button", { name: "Stop" }).click();
    await view.waitForSelector(".sight", { timeout: 5000 });
    expect(await view.locator(".sight").innerText()).toContain("Stopped.");
    expect(await view.getByRole("button", { name: "Stop" }).count()).toBe(0);
    const names = await view.locator(".file-read .file-name").allInnerTexts();
    expect(names.map(pathOnly)).toEqual(found.map(pathOnly));

    const lines = engineLines();
    const read = lines.findLast(({ name, t }) => name === "read" && t === "start");
    const ofRead = lines.filter(({ id }) => id === read?.id);
    expect(ofRead.map(({ t }) => t)).toEqual(["start", "cancel", "end"]);
    expect(ofRead[2]).toMatchObject({ cancelled: true });
    expect(ofRead[2]?.readSegments).toBeLessThan(read?.segments ?? 0);
    await bench.page.waitForTimeout(1000);
    // No answer was asked for, and nothing is read on in the background.
    expect(engineLines()).toHaveLength(lines.length);

    await view.getByText("Ask Again", { exact: true }).click();
    await view.waitForSelector(".answer .link.citation", { timeout: 60_000 });
    await view.getByText("Show Evidence", { exact: true }).waitFor();
    expect(await view.locator(".turn").count()).toBe(1);
  });

  it("keeps a question that is stopped at once, also in the list of those asked before", async () => {
    await restartEngine({ segmentDelayMs: 250 });
    await ask(view, CANCELLED);
    await view.getByRole("button", { name: "Stop" }).dispatchEvent("click");
    await view.getByText("Ask Again", { exact: true }).waitFor();
    await newConversation(bench.page, view);
    const first = view.locator(".history-item").first();
    await first.waitFor();
    expect(await first.innerText()).toContain("stopped");
    await first.getByText(CANCELLED).click();
    await view.getByText("Ask Again", { exact: true }).waitFor();
    expect(await view.locator(".question").innerText()).toBe(CANCELLED);
    await restartEngine({});
    await ask(view, QUESTION);
    await view.getByText("Show Evidence", { exact: true }).waitFor({ timeout: 60_000 });
  });

  it("says that a file changed since it was read", async () => {
    const { page } = bench;
    await view.locator(".turn:last-child .file-name").first().click();
    await page.waitForSelector('.tab.active[aria-label*="checkout.py"]');
    await page.locator(".monaco-editor .view-lines").first().click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("# edited ");
    await view.waitForSelector(".changed", { timeout: 10_000 });
    await expect.poll(() => afterTexts(page)).toContain('"changed since read"');
    await command(page, "File: Revert File");
  });

  for (const { name, label, kind } of THEMES) {
    it(`has no accessibility violation in the ${name} theme`, async () => {
      const { page } = bench;
      await setTheme(page, label);
      await command(page, "Blocksight: Show Evidence");
      const evidence = await frameWith(page, ".virtual-row");
      await evidence.waitForSelector(".heat-label");
      await evidence.locator(".virtual-row").first().click();
      await evidence.waitForSelector(".block-list li, .preview .note");
      await evidence.waitForSelector(`body.${kind}`);
      await view.waitForSelector(`body.${kind}`);
      await page.screenshot({
        path: path.join(screenshots, `fakes-${name.replace(" ", "-")}.png`),
      });
      expect(await violations(view, "sideBar-background")).toEqual([]);
      expect(await violations(evidence, "editor-background")).toEqual([]);
    });
  }

  it("paints the treemap anew when the theme changes", async () => {
    const { page } = bench;
    const evidence = await frameWith(page, ".virtual-row");
    await evidence.getByRole("combobox", { name: "As", exact: true }).selectOption("treemap");
    const canvas = evidence.locator(".treemap canvas");
    /** Mean of all channels; a theme's background is most of the picture. */
    const brightness = (): Promise<number> =>
      canvas.evaluate((element) => {
        const picture = element as unknown as {
          readonly width: number;
          readonly height: number;
          getContext(kind: "2d"): {
            getImageData(...area: [number, number, number, number]): { data: Uint8ClampedArray };
          };
        };
        const { width, height } = picture;
        const { data } = picture.getContext("2d").getImageData(0, 0, width, height);
        return data.reduce((sum, value, at) => sum + (at % 4 === 3 ? 0 : value), 0) / data.length;
      });
    await setTheme(page, "Dark Modern");
    await expect.poll(brightness, { timeout: 10_000 }).toBeLessThan(90);
    await setTheme(page, "Light Modern");
    await expect.poll(brightness, { timeout: 10_000 }).toBeGreaterThan(110);
  });

  it("broke no policy and ran nothing of a hostile name", () => {
    expect(bench.wrong).toEqual([]);
  });
});
