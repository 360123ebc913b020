/** The VSIX as it ships, in a real VS Code, with the real engine and the real coder. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix, vsixFiles } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
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

const models = path.join(
  process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache"),
  "blocksight/models",
);
const MODELS = ["SmolLM2-135M-Instruct.Q4_1.gguf", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"];
const missing = [
  ...MODELS.map((name) => path.join(models, name)),
  path.join(root, "dist/native/linux-x64/blocksight.node"),
].filter((file) => !existsSync(file));
const found = await ensureHarness();
const skip = found.skip ?? (missing.length > 0 ? `missing: ${missing.join(", ")}` : "");

/** A part of this repository: real code, and small enough for the coder to read in half a minute. */
function smallRepository(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "blocksight-real-"));
  const files = [
    "shared/blocks.ts",
    "shared/messageChannel.ts",
    "shared/assertNever.ts",
    "shared/pageHtml.ts",
    "trace/crc32.ts",
  ];
  for (const file of files) {
    const target = path.join(folder, "src", file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, readFileSync(path.join(root, "src", file)));
  }
  return folder;
}

/** The engine processes below the editor's server, by /proc. */
function enginesBelow(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(/\) \w (\d+)/.exec(stat)?.[1]));
    } catch {
      // It ended between the listing and the look.
    }
  }
  const isBelow = (child: number): boolean => {
    for (let at = child; at > 1; at = parents.get(at) ?? 0) if (at === pid) return true;
    return false;
  };
  return [...parents.keys()].filter((child) => {
    if (!isBelow(child)) return false;
    try {
      return readFileSync(`/proc/${child}/cmdline`, "utf8").includes("engine.cjs");
    } catch {
      return false;
    }
  });
}

/** Processor time of a process so far, in seconds. */
function cpuSeconds(pid: number): number {
  const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = rest.split(" ");
  // utime and stime, in ticks of which Linux has 100 a second.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Part of a core that a process uses in a second and a half from now. */
async function load(pid: number): Promise<number> {
  const before = cpuSeconds(pid);
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return ((cpuSeconds(pid) - before) * 1000) / (performance.now() - start);
}

describe.skipIf(skip !== "")(`the VSIX with the real coder ${skip}`, () => {
  let bench: Workbench;
  let view: Frame;
  let vsix = { out: "", bytes: 0 };
  let workspace = "";
  /** The one process in which the models run. */
  const engine = (): number => {
    const engines = enginesBelow(bench.server.pid);
    expect(engines).toHaveLength(1);
    return engines[0] ?? 0;
  };
  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    vsix = makeVsix({ out: path.join(root, "build/blocksight-linux-x64.vsix") });
    workspace = smallRepository();
    bench = await openWorkbench(harness, {
      port: 8242,
      vsix: vsix.out,
      workspace,
      settings: { "blocksight.reading.mode": "all", "blocksight.answer.maxTokens": 400 },
      env: { XDG_CACHE_HOME: path.dirname(path.dirname(models)) },
    });
    view = await openAskView(bench.page);
  });
  afterAll(async () => {
    await bench.stop();
  });

  it("holds exactly what is listed, in less than 50 MB", () => {
    expect(vsix.bytes).toBeLessThan(50e6);
    const listed = execFileSync("unzip", ["-Z1", vsix.out], { encoding: "utf8" })
      .trim()
      .split("\n");
    const inside = listed.flatMap((name) =>
      name.startsWith("extension/") ? [name.slice(10)] : [],
    );
    // vsce renames these three.
    const lower = (name: string): string =>
      name.toLowerCase().replace(/^license(\.txt)?$/, "license.txt");
    expect(inside.map(lower).sort()).toEqual(vsixFiles().map(lower).sort());
  });

  it("needs nothing newer than GLIBC 2.34 and the GLIBCXX that goes with it", () => {
    const addon = path.join(root, "dist/native/linux-x64/blocksight.node");
    const symbols = execFileSync("objdump", ["-T", addon], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const newest = (name: string): number =>
      Math.max(
        0,
        ...[...symbols.matchAll(new RegExp(`\\b${name}_(\\d+)\\.(\\d+)(?:\\.(\\d+))?`, "g"))].map(
          ([, a, b, c]) => Number(a) * 1e4 + Number(b) * 100 + Number(c ?? 0),
        ),
      );
    expect(newest("GLIBC")).toBeLessThanOrEqual(23_400);
    // GCC 11, which came with GLIBC 2.34, has 3.4.29.
    expect(newest("GLIBCXX")).toBeLessThanOrEqual(30_429);
  });

  it("answers a question with the right file first and draws what was read", async () => {
    const { page } = bench;
    await ask(view, "Where is `blocksOf` defined?");
    await view.waitForSelector(".sight, .problem", { timeout: 300_000 });
    expect(await view.locator(".problem").count()).toBe(0);
    expect(await view.locator(".file-read .file-name").first().innerText()).toContain(
      "src/shared/blocks.ts",
    );
    expect((await view.locator(".answer").innerText()).length).toBeGreaterThan(10);
    await page.screenshot({ path: path.join(screenshots, "real-ask.png") });
    await view.getByText("Show Evidence", { exact: true }).click();
    const evidence = await frameWith(page, ".virtual-row");
    await evidence.waitForSelector(".heat-label");
    await evidence.locator(".virtual-row", { hasText: "src/shared/blocks.ts" }).click();
    const block = evidence.locator(".block-list .link").first();
    await block.waitFor();
    await page.waitForTimeout(800);
    await page.screenshot({ path: path.join(screenshots, "real-evidence.png") });
    const lines = /(\d+)–(\d+)/.exec(await block.innerText());
    await evidence.getByText("Open", { exact: true }).click();
    await page.waitForSelector('.tab.active[aria-label*="blocks.ts"]');
    await expect.poll(() => cursorLine(page), { timeout: 10_000 }).toBe(Number(lines?.[1]));
    await expect.poll(() => markedLines(page), { timeout: 10_000 }).toBeGreaterThan(0);
    await page.waitForSelector(".codelens-decoration:has-text('read by')");
    await page.screenshot({ path: path.join(screenshots, "real-editor.png") });
  }, 400_000);

  it("stops the native loop in the middle of an answer", async () => {
    await ask(view, "Explain every function of this repository at length.");
    // Nothing waits for the button to stand still, as a click by position would: a short answer could
    // be over before that.
    await view
      .locator(".turn:last-child .progress-line", { hasText: /Reading the question|Answering/ })
      .waitFor({ timeout: 200_000 });
    await view.getByRole("button", { name: "Stop" }).dispatchEvent("click");
    await view.waitForSelector(".turn:last-child .sight", { timeout: 60_000 });
    expect(await view.locator(".turn:last-child .sight").innerText()).toContain("Stopped.");
    expect(await load(engine())).toBeLessThan(0.2);
  }, 300_000);

  it("stops the native loop while the coder reads, and offers to ask again", async () => {
    const { page } = bench;
    // Nothing of it can be held from an earlier run.
    const lines = Array.from(
      { length: 400 },
      (_, at) => `export const c${at} = ${Date.now() + at};`,
    );
    writeFileSync(path.join(workspace, "src/fresh.ts"), `${lines.join("\n")}\n`);
    await newConversation(page, view);
    await ask(view, "What is `c7`?");
    await view
      .locator(".reading-title", { hasText: "The coder reads" })
      .waitFor({ timeout: 200_000 });
    expect(await load(engine())).toBeGreaterThan(0.5);
    await view.getByRole("button", { name: "Stop" }).dispatchEvent("click");
    await view.waitForSelector(".turn:last-child .sight", { timeout: 60_000 });
    expect(await view.locator(".turn:last-child .sight").innerText()).toContain("Stopped.");
    expect(await load(engine())).toBeLessThan(0.2);
    await view.getByText("Ask Again", { exact: true }).waitFor();
    rmSync(path.join(workspace, "src/fresh.ts"));
  }, 300_000);

  it("comes back after the engine was killed, and answers", async () => {
    const { page } = bench;
    await newConversation(page, view);
    await ask(view, "What does `escapeHtml` do?");
    await view.waitForSelector(".turn:last-child .answer p", { timeout: 200_000 });
    const killed = engine();
    process.kill(killed, "SIGKILL");
    await view.waitForSelector(".turn .problem", { timeout: 20_000 });
    await view.getByText("Ask Again", { exact: true }).click();
    await view.waitForSelector(".turn .sight", { timeout: 200_000 });
    expect(await view.locator(".turn .problem").count()).toBe(0);
    expect(engine()).not.toBe(killed);
  }, 500_000);

  it("looks right in the light theme and in high contrast too", async () => {
    const { page } = bench;
    const themes = [
      { label: "Light Modern", kind: "vscode-light", file: "real-light.png" },
      { label: "Dark High Contrast", kind: "vscode-high-contrast", file: "real-contrast.png" },
    ];
    for (const { label, kind, file } of themes) {
      await setTheme(page, label);
      await command(page, "View: Close All Editors");
      await command(page, "Blocksight: Show Evidence");
      const evidence = await frameWith(page, ".virtual-row");
      await evidence.waitForSelector(`body.${kind}`);
      await evidence.waitForSelector(".heat-label");
      if (kind === "vscode-high-contrast") {
        await evidence.locator(".virtual-row").first().click();
        await evidence.waitForSelector(".block-text");
      }
      await page.waitForTimeout(500);
      await page.screenshot({ path: path.join(screenshots, file) });
    }
  });

  it("broke no policy", () => {
    expect(bench.wrong).toEqual([]);
  });
});
