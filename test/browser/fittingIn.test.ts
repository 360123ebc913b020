/** The editor's own places: menus, unsaved text, saves, hovers, the tree, the clipboard, two folders. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Frame, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
import { TINY_PROJECT } from "../fakes/tinyPack.js";
import { engineLines, FAKES_ENV, setFakes } from "./fakeSettings.js";
import {
  ask,
  command,
  cursorLine,
  frameWith,
  newConversation,
  openAskView,
  openWorkbench,
  root,
  type Workbench,
} from "./workbench.js";
import { tinyWorkspace, writeWorkspace } from "./workspaces.js";

const found = await ensureHarness();
const QUESTION = "Where is open_session defined?";

describe.skipIf(found.harness === undefined)(`inside the editor ${found.skip ?? ""}`, () => {
  let bench: Workbench;
  let view: Frame;
  let page: Page;
  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    const out = path.join(root, "build/fakes.vsix");
    makeVsix({ out, extension: "build/test-extension/extensionWithFakes.cjs" });
    setFakes({ stepDelayMs: 2, segmentDelayMs: 5 });
    const options = { vsix: out, workspace: tinyWorkspace(), env: FAKES_ENV };
    bench = await openWorkbench(harness, { port: 8247, ...options });
    ({ page } = bench);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    view = await openAskView(page);
    await answered(QUESTION);
  });
  afterAll(async () => {
    await bench.stop();
  });

  async function answered(question: string): Promise<void> {
    const before = await view.locator(".turn").count();
    await ask(view, question);
    await view.locator(".turn .sight").nth(before).waitFor({ timeout: 60_000 });
  }

  const lastFile = (): Promise<string> =>
    view.locator(".turn:last-child .file-read .file-name").first().innerText();
  const activeTab = (name: string) => page.waitForSelector(`.tab.active[aria-label*="${name}"]`);
  const openExplorer = (): Promise<void> =>
    page
      .getByRole("tab", { name: /^Explorer/ })
      .first()
      .click();
  /** The editor draws a badge as what comes after a file's name. */
  const badge = (name: string): Promise<string> =>
    explorerRow(name)
      .locator(".monaco-icon-label")
      .evaluate(
        (label) =>
          (
            globalThis as unknown as {
              getComputedStyle(element: unknown, pseudo: string): { content: string };
            }
          ).getComputedStyle(label, "::after").content,
      );
  const explorerRow = (name: string) =>
    page.locator(".explorer-folders-view .monaco-list-row", { hasText: name });
  async function choose(title: string): Promise<void> {
    const item = page.locator(".monaco-menu .action-label", { hasText: title });
    await item.waitFor();
    // A menu that has just opened ignores the mouse for a moment.
    while (await item.isVisible()) {
      await item.click();
      await page.waitForTimeout(300);
    }
  }
  const chip = (text: string | RegExp) => view.locator(".chip", { hasText: text });

  it("says over a marked line how many tokens read it", async () => {
    await view.locator(".turn:last-child .file-name").first().click();
    await activeTab("checkout.py");
    await page.waitForSelector(".codelens-decoration:has-text('read by')");
    const line = page.locator(".view-line", { hasText: "open_session(value)" }).first();
    // Over its text: right of it the editor shows no hover.
    await line.hover({ position: { x: 60, y: 8 } });
    const hover = page.locator(".monaco-hover", {
      hasText: /read\sby\s\d+\sof\s\d+\stokens,\smass\s0\.\d+/,
    });
    await hover.first().waitFor();
  });

  it("lists the files read beside the view, and gives each a badge in the explorer", async () => {
    await page.getByRole("button", { name: "Files Read Section" }).click();
    const rows = page.locator(".pane", { hasText: "Files Read" }).locator(".monaco-list-row");
    await rows.first().waitFor();
    expect(await rows.first().innerText()).toContain("checkout.py");
    expect(await rows.count()).toBeGreaterThan(1);
    await page.getByRole("button", { name: "Files Read Section" }).click();

    await openExplorer();
    await expect.poll(() => badge("checkout.py"), { timeout: 10_000 }).toMatch(/^"\d+"$/);
    view = await openAskView(page);
  });

  it("copies the answer with its citation", async () => {
    await view.getByText("Copy", { exact: true }).first().click();
    const clipboard = (): Promise<string> =>
      page.evaluate(() =>
        (
          globalThis as unknown as { navigator: { clipboard: { readText(): Promise<string> } } }
        ).navigator.clipboard.readText(),
      );
    await expect.poll(clipboard, { timeout: 10_000 }).toContain(QUESTION);
    expect(await clipboard()).toContain("shop/checkout.py");
  });

  it("asks about a selection", async () => {
    await page.locator(".view-line", { hasText: "open_session(value)" }).first().click();
    await page.keyboard.press("Home");
    await page.keyboard.press("Shift+ArrowDown");
    await page.locator(".statusbar-item", { hasText: /\d+ selected/ }).waitFor();
    const line = (await cursorLine(page)) - 1;
    await command(page, "Blocksight: Ask About This Selection");
    await chip(`About shop/checkout.py:${line}`).waitFor();
    await answered("What does this do?");
    expect(await lastFile()).toContain("checkout.py");
    // It was for that one question.
    await chip("About").waitFor({ state: "detached" });
  });

  it("asks within a folder of the explorer", async () => {
    await openExplorer();
    const folder = page.locator(".explorer-folders-view .monaco-list-row", { hasText: /^docs$/ });
    await folder.click({ button: "right" });
    await choose("Ask Within This Folder");
    // The side bar shows the view again, in a frame of its own.
    view = await frameWith(page, ".composer");
    await chip("Within docs/").waitFor();
    await answered("What is sold here?");
    expect(await lastFile()).toContain("docs/readme.md");
    await chip("Within docs/").locator(".chip-remove").click();
  });

  it("asks about a file of the explorer", async () => {
    await openExplorer();
    await explorerRow("discount.py").click({ button: "right" });
    await choose("Ask About This File");
    view = await frameWith(page, ".composer");
    await chip("About shop/discount.py").waitFor();
    await answered("What is this?");
    expect(await lastFile()).toContain("shop/discount.py");
  });

  it("takes badges and the tree away with the marks", async () => {
    await openExplorer();
    await expect.poll(() => badge("discount.py"), { timeout: 10_000 }).toMatch(/^"\d+"$/);
    await command(page, "Blocksight: Clear Marks");
    await expect.poll(() => badge("discount.py"), { timeout: 10_000 }).toBe("none");
    view = await openAskView(page);
  });

  it("packs text that is not saved, and reads it in the background once it is", async () => {
    await newConversation(page, view);
    await answered("Where is restock defined?");
    await view.locator(".file-name", { hasText: "shop/stock.py" }).first().click();
    await activeTab("stock.py");
    await page.locator(".monaco-editor .view-lines").last().click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type("\ndef wonder_of_nature(value): return value");
    await answered("Where is wonder_of_nature defined?");
    expect(await lastFile()).toContain("shop/stock.py");

    const reads = (): number =>
      engineLines().filter(({ t, background }) => t === "start" && background === true).length;
    await activeTab("stock.py");
    await page.locator(".monaco-editor .view-lines").last().click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(" or wonder_of_art");
    const before = reads();
    await page.keyboard.press("Control+s");
    await expect.poll(reads, { timeout: 20_000 }).toBeGreaterThan(before);
    const read = engineLines().findLast(
      ({ t, background }) => t === "start" && background === true,
    );
    expect(read?.segments).toBe(1);
  });

  it("packs two folders under their names, and opens the right one's file", async () => {
    const one = writeWorkspace(TINY_PROJECT, "one");
    const two = writeWorkspace(
      { "shop/checkout.py": "def find_treasure(value):\n    pass\n" },
      "two",
    );
    const file = path.join(
      mkdtempSync(path.join(tmpdir(), "blocksight-both-")),
      "b.code-workspace",
    );
    const openFolders = (...folders: string[]): void =>
      writeFileSync(file, JSON.stringify({ folders: folders.map((folder) => ({ path: folder })) }));
    openFolders(one, two);
    for (let tries = 0; tries < 4; tries++) {
      await page.goto(`${bench.server.url}/?workspace=${encodeURIComponent(file)}`);
      await page.waitForSelector(".statusbar-item", { timeout: 60_000 });
      await openExplorer();
      // Where the machine is busy the editor now and then opens the workspace without its folders.
      const isOpen = explorerRow(path.basename(two)).waitFor({ timeout: 15_000 });
      if (await isOpen.then(() => true).catch(() => false)) break;
    }
    view = await openAskView(page);
    await expect
      .poll(() => view.locator(".pack-title").innerText(), { timeout: 30_000 })
      .toMatch(/^6 files/);
    await answered("Where is find_treasure defined?");
    expect(await lastFile()).toContain(`${path.basename(two)}/shop/checkout.py`);
    await view.locator(".turn:last-child .file-name").first().click();
    await activeTab("checkout.py");
    await page.locator(".view-line", { hasText: "find_treasure(value)" }).first().waitFor();

    const three = writeWorkspace({ "a.py": "x = 1\n", "b.py": "y = 2\n" }, "three");
    openFolders(one, two, three);
    await expect
      .poll(() => view.locator(".pack-title").innerText(), { timeout: 30_000 })
      .toMatch(/^8 files/);
  });

  it("broke no policy", () => {
    expect(bench.wrong).toEqual([]);
  });
});
