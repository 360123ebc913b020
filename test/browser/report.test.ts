/** The evidence view in a plain browser: the stand-alone report over made traces. */
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureChromium } from "../../scripts/vscodeHarness.mjs";
import { REPORT_ASSETS, reportHtml } from "../../src/report/reportHtml.js";
import { askResultOf } from "../../src/trace/askResult.js";
import type { AskTrace } from "../../src/trace/askTrace.js";
import { syntheticTrace } from "../fakes/syntheticTrace.js";
import { launch, violations, watch } from "./chromium.js";

const dist = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../dist");
const asset = (name: string): string => readFileSync(path.join(dist, name), "utf8");
const found = await ensureChromium();
const size = { steps: 180, files: 48, blocks: 420, layers: 30, sparseLayers: 28, groups: 2 };

describe.skipIf(found.path === undefined)(`a report in Chromium ${found.skip ?? ""}`, () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    browser = await launch(found.path ?? "");
    folder = await mkdtemp(path.join(tmpdir(), "blocksight-report-"));
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  async function open(
    trace: AskTrace,
    colorScheme: "light" | "dark" = "dark",
  ): Promise<{ page: Page; wrong: string[] }> {
    const { script, style, worker } = REPORT_ASSETS;
    const assets = { script: asset(script), style: asset(style), worker: asset(worker) };
    const file = path.join(folder, "report.html");
    writeFileSync(file, reportHtml(trace, assets));
    const context = await browser.newContext({
      viewport: { width: 1280, height: 860 },
      colorScheme,
    });
    const page = await context.newPage();
    const { wrong } = watch(page);
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector(".token");
    await page.waitForSelector(".heat-label");
    await page.waitForSelector(".virtual-row");
    return { page, wrong };
  }

  it("shows the files of the trace in the order and with the numbers of the table", async () => {
    const trace = syntheticTrace(size);
    const { page, wrong } = await open(trace);
    const first = askResultOf(trace).files.filter(({ inSight }) => inSight)[0];
    const row = page.locator(".virtual-row").first();
    expect(await row.locator(".source-path").innerText()).toBe(first?.path);
    expect(await row.locator(".source-value").innerText()).toBe(
      `${Math.round((first?.focus ?? 0) * 100)}%`,
    );
    expect(await page.locator(".token").count()).toBe(180);
    expect(wrong).toEqual([]);
  });

  it("follows a brushed span in every panel and lets go with Escape", async () => {
    const { page } = await open(syntheticTrace(size));
    const summary = page.locator(".span-summary");
    await page.locator("#step-40").click();
    await page.locator("#step-60").click({ modifiers: ["Shift"] });
    await expect.poll(() => summary.innerText()).toContain("Tokens 41 to 61");
    expect(await page.locator(".token.in").count()).toBe(21);
    expect(await page.locator(".heat-span").count()).toBe(1);
    await page.keyboard.press("Escape");
    await expect.poll(() => summary.innerText()).toContain("All 180 tokens");
  });

  it("is walked by keyboard alone: tokens, files, lens, table", async () => {
    const { page } = await open(syntheticTrace(size));
    const focus = async (selector: string): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press("Tab");
        const isThere = await page.evaluate(
          (wanted) =>
            (
              globalThis as unknown as {
                document: { activeElement: { matches(s: string): boolean } };
              }
            ).document.activeElement.matches(wanted),
          selector,
        );
        if (isThere) return;
      }
      throw new Error(`Tab never reached ${selector}`);
    };
    await focus(".strip");
    await page.keyboard.press("End");
    await page.keyboard.press("Shift+ArrowLeft");
    await expect
      .poll(() => page.locator(".span-summary").innerText())
      .toContain("Tokens 179 to 180");
    await focus(".virtual-list");
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector(".block-list li");
    await focus(".lens-grid");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator(".span-summary").innerText()).toContain("in 1 lanes");
    await page.keyboard.press("Escape");
    await page.getByRole("combobox", { name: "As", exact: true }).selectOption("table");
    await focus(".table-twin");
    expect(await page.locator(".table-twin tbody tr").count()).toBe(48);
  });

  it("compares two pinned spans", async () => {
    const { page } = await open(syntheticTrace(size));
    await page.locator("#step-30").click();
    await page.getByText("Pin", { exact: true }).click();
    await page.locator("#step-150").click();
    await page.getByText("Pin", { exact: true }).click();
    await page.waitForSelector(".compare tbody tr");
    const differences = await page.locator(".compare tbody tr td:last-child").allInnerTexts();
    const sizes = differences.map((text) => Math.abs(Number.parseFloat(text.replace("−", "-"))));
    expect(sizes[0]).toBeGreaterThan(0);
    expect([...sizes].sort((a, b) => b - a)).toEqual(sizes);
  });

  it("saves the numbers of the chosen span as CSV", async () => {
    const { page } = await open(syntheticTrace(size));
    const download = page.waitForEvent("download");
    await page.getByRole("combobox", { name: "Export", exact: true }).selectOption("csv");
    const file = await (await download).path();
    const lines = readFileSync(file, "utf8").trim().split("\r\n");
    expect(lines[0]).toBe("path,selections,share,lift,mass,tokens");
    expect(lines).toHaveLength(49);
  });

  it("draws layers without selection as dense", async () => {
    const { page } = await open(syntheticTrace(size));
    expect(await page.locator(".lens-dense").first().innerText()).toBe("dense");
    expect(await page.locator(".lane").count()).toBe(56);
  });

  it("executes nothing of a hostile trace and shows it as text", async () => {
    const { page, wrong } = await open(syntheticTrace({ ...size, hostile: true }));
    expect(await page.locator("h1").innerText()).toContain("<script>alert(1)</script>⟨202E⟩?");
    expect(await page.locator(".token img, .source img").count()).toBe(0);
    for (const view of ["treemap", "table", "list"]) {
      await page.getByRole("combobox", { name: "As", exact: true }).selectOption(view);
      await page.waitForTimeout(150);
    }
    await page.locator(".virtual-row").first().click();
    await page.waitForSelector(".block-list");
    expect(wrong).toEqual([]);
  });

  for (const scheme of ["light", "dark"] as const) {
    it(`has no accessibility violation in the ${scheme} scheme`, async () => {
      const { page } = await open(syntheticTrace(size), scheme);
      await page.locator(".virtual-row").first().click();
      await page.waitForSelector(".block-list li");
      expect(await violations(page)).toEqual([]);
      await page.getByRole("combobox", { name: "As", exact: true }).selectOption("table");
      expect(await violations(page)).toEqual([]);
    });
  }
});
