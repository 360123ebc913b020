/** What the extension takes from the editor: its save dialogs and its restored tabs. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Frame, Page } from "playwright-core";
import { afterEach, afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
import type { AskResult } from "../../src/shared/answer.js";
import { decodeTrace } from "../../src/trace/traceFile.js";
import { watch } from "./chromium.js";
import {
  answerFileDialog,
  ask,
  command,
  frameWith,
  openAskView,
  openWorkbench,
  reloadWindow,
  root,
  screenshots,
  type Workbench,
} from "./workbench.js";
import { tinyWorkspace } from "./workspaces.js";

const found = await ensureHarness();
const QUESTION = "Where is open_session defined?";

/** Colours of a picture, as a browser decodes it. */
async function colorsOf(page: Page, png: Buffer): Promise<{ width: number; colors: number }> {
  return page.evaluate(async (base64) => {
    const browser = globalThis as unknown as {
      atob(text: string): string;
      Blob: new (parts: Uint8Array[]) => unknown;
      createImageBitmap(blob: unknown): Promise<{ width: number; height: number }>;
      OffscreenCanvas: new (
        width: number,
        height: number,
      ) => {
        getContext(kind: "2d"): {
          drawImage(picture: unknown, x: number, y: number): void;
          getImageData(...area: [number, number, number, number]): {
            data: Uint8ClampedArray<ArrayBuffer>;
          };
        };
      };
    };
    const bytes = Uint8Array.from(browser.atob(base64), (c) => c.charCodeAt(0));
    const picture = await browser.createImageBitmap(new browser.Blob([bytes]));
    const { width, height } = picture;
    const context = new browser.OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { width, colors: new Set(new Uint32Array(data.buffer)).size };
  }, png.toString("base64"));
}

describe.skipIf(found.harness === undefined)(`the editor's services ${found.skip ?? ""}`, () => {
  const saved = mkdtempSync(path.join(tmpdir(), "blocksight-saved-"));
  const workspace = tinyWorkspace();
  let bench: Workbench;
  let view: Frame;
  let evidence: Frame;
  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    const out = path.join(root, "build/fakes.vsix");
    makeVsix({ out, extension: "build/test-extension/extensionWithFakes.cjs" });
    bench = await openWorkbench(harness, {
      port: 8244,
      vsix: out,
      workspace,
      settings: { "files.simpleDialog.enable": true },
    });
    view = await openAskView(bench.page);
    await ask(view, QUESTION);
    await view.waitForSelector(".sight", { timeout: 60_000 });
    evidence = await showEvidence();
  });
  afterAll(async () => {
    await bench.stop();
    rmSync(saved, { recursive: true });
  });

  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    const name = task.name.slice(0, 20).replaceAll(" ", "-");
    await bench.page.screenshot({ path: path.join(screenshots, `failed-${name}.png`) });
  });

  async function showEvidence(): Promise<Frame> {
    await view.getByText("Show Evidence", { exact: true }).first().click();
    const frame = await frameWith(bench.page, ".virtual-row");
    await frame.waitForSelector(".heat-label");
    return frame;
  }

  /** Types a path into the save dialog that `start` opens, and waits for the whole file. */
  async function save(name: string, start: () => Promise<unknown>): Promise<Buffer> {
    const file = path.join(saved, name);
    await start();
    await answerFileDialog(bench.page, file);
    await expect
      .poll(() => (existsSync(file) ? statSync(file).size : 0), { timeout: 20_000 })
      .toBeGreaterThan(0);
    return readFileSync(file);
  }

  const choose = (format: string) => (): Promise<unknown> =>
    evidence.getByRole("combobox", { name: "Export", exact: true }).selectOption(format);

  it("saves the heat map as a picture with its colours", async () => {
    const png = await save("evidence.png", choose("png"));
    const { width, colors } = await colorsOf(bench.page, png);
    expect(width).toBeGreaterThan(300);
    expect(colors).toBeGreaterThan(8);
  });

  it("saves the files as a table whose shares add up to 1", async () => {
    const [head, ...rows] = (await save("evidence.csv", choose("csv")))
      .toString("utf8")
      .trim()
      .split("\r\n");
    expect(head).toBe("path,selections,share,lift,mass,tokens");
    expect(rows.some((row) => row.startsWith('"shop/checkout.py",'))).toBe(true);
    const shares = rows.map((row) => Number(row.slice(row.lastIndexOf('"') + 2).split(",")[1]));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
  });

  it("saves the result as JSON and the answer as Markdown, with the citation in both", async () => {
    const json = await save("evidence.json", choose("json"));
    const result = JSON.parse(json.toString("utf8")) as AskResult;
    expect(result.question).toBe(QUESTION);
    expect(result.citations[0]?.path).toBe("shop/checkout.py");
    const markdown = (await save("answer.md", choose("markdown"))).toString("utf8");
    expect(markdown).toMatch(new RegExp(`^# ${QUESTION.replace("?", "\\?")}\n`));
    expect(markdown).toContain(result.answer.trim());
    expect(markdown).toMatch(/- `shop\/checkout\.py`, lines \d+ to \d+/);
    const fromView = await save("view.md", () =>
      view.getByText("Export…", { exact: true }).first().click(),
    );
    expect(fromView.toString("utf8")).toBe(markdown);
  });

  it("saves the trace, the same from the view and from the command", async () => {
    const bytes = await save("answer.blocksight", choose("trace"));
    const { trace, notices } = decodeTrace(bytes);
    expect(notices).toEqual([]);
    expect(trace.question).toBe(QUESTION);
    expect(trace.store.trace("coder").length).toBe(await evidence.locator(".strip .token").count());
    const again = await save("command.blocksight", () =>
      command(bench.page, "Blocksight: Save Trace"),
    );
    expect(again.equals(bytes)).toBe(true);
  });

  it("saves a report that stands alone and shows the same numbers", async () => {
    const rows = await evidence.locator(".virtual-row").allInnerTexts();
    await save("evidence.html", choose("report"));
    await save("command.html", () => command(bench.page, "Blocksight: Export Report…"));
    const page = await bench.browser.newPage();
    const { wrong } = watch(page);
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    for (const name of ["evidence.html", "command.html"]) {
      await page.goto(pathToFileURL(path.join(saved, name)).href);
      await page.waitForSelector(".heat-label");
      await page.waitForSelector(".virtual-row");
      expect(await page.locator("h1").innerText()).toBe(QUESTION);
      expect(await page.locator(".virtual-row").allInnerTexts()).toEqual(rows);
    }
    expect(requests.filter((url) => !/^(file|blob|data):/.test(url))).toEqual([]);
    expect(wrong).toEqual([]);
    await page.close();
  });

  it("writes nothing when the dialog is left with Escape", async () => {
    await choose("csv")();
    await bench.page.locator(".quick-input-widget input").first().waitFor();
    await bench.page.keyboard.press("Escape");
    await bench.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    // Where the dialog proposes to save.
    expect(existsSync(path.join(workspace, "evidence.csv"))).toBe(false);
    expect(await bench.page.locator(".notification-toast").count()).toBe(0);
  });

  it("brings the evidence back with its answer when the window is reloaded", async () => {
    const { page } = bench;
    const tokens = await evidence.locator(".strip .token").allInnerTexts();
    const rows = await evidence.locator(".virtual-row").allInnerTexts();
    await evidence.getByRole("combobox", { name: "Color", exact: true }).selectOption("selections");
    await reloadWindow(page);
    evidence = await frameWith(page, ".virtual-row", 60_000);
    await evidence.waitForSelector(".heat-label");
    expect(await evidence.locator("h1").innerText()).toBe(QUESTION);
    expect(await evidence.locator(".strip .token").allInnerTexts()).toEqual(tokens);
    expect(await evidence.locator(".virtual-row").allInnerTexts()).toEqual(rows);
    const color = evidence.getByRole("combobox", { name: "Color", exact: true });
    expect(await color.inputValue()).toBe("selections");
  });

  it("opens a saved trace, and brings that back too", async () => {
    const { page } = bench;
    await command(page, "View: Close All Editors");
    await command(page, "Blocksight: Open Saved Trace");
    await answerFileDialog(page, path.join(saved, "answer.blocksight"));
    evidence = await frameWith(page, ".virtual-row");
    expect(await evidence.locator("h1").innerText()).toBe(QUESTION);
    await reloadWindow(page);
    evidence = await frameWith(page, ".virtual-row", 60_000);
    expect(await evidence.locator("h1").innerText()).toBe(QUESTION);
  });

  it("says why a panel cannot be brought back", async () => {
    const { page } = bench;
    rmSync(path.join(saved, "answer.blocksight"));
    await reloadWindow(page);
    const empty = await frameWith(page, ".evidence-empty", 60_000);
    expect(await empty.locator("h1").innerText()).toBe("This trace cannot be shown");
    expect(await empty.locator("p").innerText()).toContain("answer.blocksight");
    await command(page, "View: Close All Editors");
  });

  it("broke no policy", () => {
    expect(bench.wrong).toEqual([]);
  });
});
