/** The whole surface in a real VS Code, over the fake engine: fast, and the same every time. */
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
import { violations } from "./chromium.js";
import {
  ask,
  command,
  cursorLine,
  frameWith,
  markedLines,
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

describe.skipIf(found.harness === undefined)(`the extension in VS Code ${found.skip ?? ""}`, () => {
  let bench: Workbench;
  let view: Frame;
  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    const out = path.join(root, "build/fakes.vsix");
    makeVsix({ out, extension: "build/test-extension/extensionWithFakes.cjs" });
    bench = await openWorkbench(harness, { port: 8241, vsix: out, workspace: tinyWorkspace() });
    view = await openAskView(bench.page);
  });
  afterAll(async () => {
    await bench.stop();
  });

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
    await bench.page.waitForSelector('.tab[aria-label*="checkout.py"]');
    expect(await cursorLine(bench.page)).toBeGreaterThanOrEqual(1);
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

  it("stops while it reads, and can be asked again", async () => {
    await view.getByRole("textbox").fill("Where is cancel_order defined?");
    await bench.page.waitForTimeout(200);
    await command(bench.page, "Blocksight: New Conversation");
    await ask(view, "Where is cancel_order defined?");
    // At once: a click waits for the button to stand still, and this answer takes half a second.
    await view.getByRole("button", { name: "Stop" }).dispatchEvent("click");
    await expect
      .poll(() => view.getByRole("button", { name: "Stop" }).count(), { timeout: 10_000 })
      .toBe(0);
    await ask(view, QUESTION);
    await view.waitForSelector(".turn:last-child .sight", { timeout: 60_000 });
  });

  it("says that a file changed since it was read", async () => {
    const { page } = bench;
    await view.locator(".turn:last-child .file-name").first().click();
    await page.waitForSelector('.tab.active[aria-label*="checkout.py"]');
    await page.locator(".monaco-editor .view-lines").first().click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("# edited ");
    await view.waitForSelector(".changed", { timeout: 10_000 });
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

  it("broke no policy and ran nothing of a hostile name", () => {
    expect(bench.wrong).toEqual([]);
  });
});
