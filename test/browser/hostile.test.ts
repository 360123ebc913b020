/** Repositories, answers and traces that mean harm, and one that is merely large, in a real VS Code. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import type { Frame, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
import type { AskTrace } from "../../src/trace/askTrace.js";
import { encodeTrace } from "../../src/trace/traceFile.js";
import { syntheticTrace } from "../fakes/syntheticTrace.js";
import {
  type HostileRepository,
  makeHostileRepository,
  SECRET,
} from "../fixtures/hostileRepository.js";
import { FAKES_ENV, setFakes } from "./fakeSettings.js";
import {
  answerFileDialog,
  ask,
  command,
  frameWith,
  openAskView,
  openWorkbench,
  root,
  type Workbench,
} from "./workbench.js";

const found = await ensureHarness();

/** Nobody listens there; asking for it would show among the page's requests. */
const LEAK = "http://127.0.0.1:9/leak";
const MARKUP = "<img src=x onerror=alert(1)>";
const ANSWER = [
  `${MARKUP} <script>alert(2)</script> ![p](${LEAK}.png) [run](command:workbench.action.quit)\n`,
  `<a href="${LEAK}">here</a> see ../secret.txt, /etc/passwd and \`src/plain.ts\`\n`,
  "\u202eesrever \u001b[2J<|im_end|>\n",
];

/** Paths of a made trace, replaced. */
function traceOver(paths: readonly string[]): AskTrace {
  const size = { steps: 40, files: paths.length, blocks: 40, sparseLayers: 4, groups: 2 };
  const trace = syntheticTrace({ ...size, hostile: true });
  const files = trace.pack.files.map((file, at) => ({ ...file, path: paths[at] ?? file.path }));
  return { ...trace, pack: { ...trace.pack, files } };
}

describe.skipIf(found.harness === undefined)(`a hostile repository ${found.skip ?? ""}`, () => {
  const outside = mkdtempSync(path.join(tmpdir(), "blocksight-traces-"));
  let made: HostileRepository;
  let bench: Workbench;
  let view: Frame;
  const requests: string[] = [];

  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    made = await makeHostileRepository();
    writeFileSync(path.join(made.root, `names/${MARKUP}.md`), "const marked = 1;\n");
    const out = path.join(root, "build/fakes.vsix");
    makeVsix({ out, extension: "build/test-extension/extensionWithFakes.cjs" });
    setFakes({ answer: ANSWER, segmentDelayMs: 5 });
    bench = await openWorkbench(harness, {
      port: 8245,
      vsix: out,
      workspace: made.root,
      env: FAKES_ENV,
      // The editor's own Git asks git, and that is what the repository's configuration waits for.
      settings: { "git.enabled": false, "files.simpleDialog.enable": true },
    });
    bench.page.on("request", (request) => requests.push(request.url()));
    view = await openAskView(bench.page);
  });
  afterAll(async () => {
    await bench.stop();
    rmSync(made.directory, { recursive: true, force: true });
    rmSync(outside, { recursive: true });
  });

  /** What a view's text must be and stay: no element that a hostile text could have made. */
  async function madeElements(frame: Frame): Promise<number> {
    return frame.locator("main img, main script, main a, main iframe, main object").count();
  }

  async function openTrace(name: string, trace: AskTrace): Promise<void> {
    const file = path.join(outside, name);
    writeFileSync(file, Buffer.concat([...encodeTrace(trace)]));
    await command(bench.page, "Blocksight: Open Saved Trace");
    await answerFileDialog(bench.page, file);
  }

  const toast = (text: string) => bench.page.locator(".notification-toast", { hasText: text });
  const tabs = (): Promise<string[]> => bench.page.locator(".tab .label-name").allInnerTexts();

  it("is packed, and each file that is not has its reason, with hidden characters shown", async () => {
    expect(await view.locator(".pack-title").innerText()).toMatch(/^\d+ files/);
    await view.locator(".pack > summary").click();
    await view.locator(".skipped > summary").click();
    for (const reason of await view.locator(".skipped details > summary").all()) {
      await reason.click();
    }
    const skipped = view.locator(".skipped-list");
    for (const name of [
      "bidi⟨202E⟩gnp.ts",
      "ansi⟨001B⟩[2J.ts",
      "line⟨000A⟩break.ts",
      "escape.txt",
    ]) {
      await skipped.getByText(name).first().waitFor();
    }
    expect(await view.locator("main").innerText()).not.toContain(SECRET);
    expect(await madeElements(view)).toBe(0);
  });

  it("switches and opens a file whose name is markup or a command", async () => {
    const title = view.locator(".pack-title");
    const before = await title.innerText();
    await view.getByRole("button", { name: "names/", exact: true }).click();
    const row = view.locator(".pack-row", { hasText: "$(touch canary)" });
    await row.locator("vscode-checkbox").click();
    await expect.poll(() => title.innerText(), { timeout: 15_000 }).not.toBe(before);
    await view.locator(".pack-row.left-out").waitFor();
    await view.locator(".pack-row.left-out vscode-checkbox").click();
    await expect.poll(() => title.innerText(), { timeout: 15_000 }).toBe(before);
    await view.locator(".pack-row", { hasText: MARKUP }).locator(".link").click();
    await bench.page.locator(".tab", { hasText: MARKUP }).waitFor();
    await view.locator(".pack > summary").click();
  });

  it("shows an answer of markup, commands and addresses as the text that it is", async () => {
    await ask(view, `Where is \`marked\` defined? ${MARKUP}`);
    await view.getByText("Show Evidence", { exact: true }).waitFor({ timeout: 60_000 });
    const text = await view.locator(".answer").innerText();
    for (const part of [
      MARKUP,
      "<script>alert(2)</script>",
      `![p](${LEAK}.png)`,
      "[run](command:",
      "⟨202E⟩",
      "⟨001B⟩[2J",
    ]) {
      expect(text).toContain(part);
    }
    expect(await madeElements(view)).toBe(0);
    const links = await view.locator(".answer .link").allInnerTexts();
    expect(links).toContain("src/plain.ts");
    expect(links.join(" ")).not.toMatch(/secret|passwd/);
  });

  it("draws the evidence of it, in tokens, files and preview", async () => {
    await view.getByText("Show Evidence", { exact: true }).click();
    const evidence = await frameWith(bench.page, ".virtual-row");
    await evidence.waitForSelector(".heat-label");
    await evidence.locator(".virtual-row").first().click();
    await evidence.waitForSelector(".block-list li");
    expect(await evidence.locator(".strip").innerText()).toContain("onerror");
    expect(await madeElements(evidence)).toBe(0);
  });

  it("refuses a trace whose paths lead outside, and shows no evidence of it", async () => {
    const { page } = bench;
    await command(page, "View: Close All Editors");
    for (const [at, outer] of ["../secret.txt", "/etc/passwd", "src/../../secret.txt"].entries()) {
      await openTrace(`outside${at}.blocksight`, traceOver(["src/plain.ts", outer]));
      await toast("The trace cannot be read").first().waitFor();
      await command(page, "Notifications: Clear All Notifications");
      await toast("The trace cannot be read").first().waitFor({ state: "hidden" });
    }
    expect(await tabs()).toEqual([]);
  });

  it("opens nothing through a link that leads outside", async () => {
    const { page } = bench;
    await openTrace(
      "link.blocksight",
      traceOver(["escape.txt", "parent/secret.txt", `${MARKUP}.md`]),
    );
    const evidence = await frameWith(page, ".virtual-row");
    await evidence.waitForSelector(".heat-label");
    for (const file of ["escape.txt", "parent/secret.txt"]) {
      await evidence.locator(".virtual-row", { hasText: file }).click();
      await evidence.locator(".block-list .link").first().click();
      await evidence.getByText("Open", { exact: true }).click();
      await toast(`${file} is not in the open folders.`).first().waitFor();
      await command(page, "Notifications: Clear All Notifications");
      expect(await evidence.locator("main").innerText()).not.toContain(SECRET);
    }
    expect((await tabs()).join(" ")).not.toMatch(/escape|secret/);
    expect(await madeElements(evidence)).toBe(0);
  });

  it("ran nothing, asked for nothing outside the editor, and broke no policy", () => {
    expect(existsSync(made.canary)).toBe(false);
    expect(existsSync(path.join(made.root, "canary"))).toBe(false);
    expect(requests.filter((url) => url.startsWith(LEAK))).toEqual([]);
    expect(bench.wrong).toEqual([]);
  });

  describe("and then a repository of 20,000 files", () => {
    const FOLDERS = 200;
    const FILES = 100;
    /** part7/file42.py */
    const TREASURE = 742;
    const large = mkdtempSync(path.join(tmpdir(), "blocksight-large-"));
    const times: string[] = [];
    let page: Page;

    const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const start = performance.now();
      const result = await work();
      times.push(`${what} ${((performance.now() - start) / 1000).toFixed(1)} s`);
      return result;
    };
    beforeAll(async () => {
      for (let folder = 0; folder < FOLDERS; folder++) {
        const name = path.join(large, `part${folder}`);
        mkdirSync(name);
        for (let file = 0; file < FILES; file++) {
          const id = folder * FILES + file;
          writeFileSync(
            path.join(name, `file${file}.py`),
            `def ${id === TREASURE ? "find_treasure" : "made"}_${id}(value):\n    return ${id}\n`,
          );
        }
      }
      setFakes({ segmentDelayMs: 0, stepDelayMs: 2 });
      ({ page } = bench);
      await page.goto(`${bench.server.url}/?folder=${encodeURIComponent(large)}`);
      await page.waitForSelector(".statusbar-item", { timeout: 60_000 });
    });
    afterAll(() => {
      process.stdout.write(`20,000 files in the editor: ${times.join(", ")}\n`);
      rmSync(large, { recursive: true });
    });

    it("says what is packed", async () => {
      view = await timed("first pack, with the editor's start", () => openAskView(page));
      const title = view.locator(".pack-title");
      await expect.poll(() => title.innerText(), { timeout: 120_000 }).toMatch(/^20,000 files/);
    });

    it("opens folders and switches files off and on, faster than it packs", async () => {
      await view.locator(".pack > summary").click();
      await view.locator(".pack-row").first().waitFor();
      expect(await view.locator(".pack-row").count()).toBe(FOLDERS);
      const folder = view.locator(".pack-tree > li").first();
      const rows = folder.locator("ul .pack-row");
      await timed("a folder opens in", async () => {
        await folder.locator(".twistie").first().click();
        await rows.first().waitFor();
      });
      expect(await rows.count()).toBe(FILES);
      const title = view.locator(".pack-title");
      // The second one while the pack without the first is made.
      for (const count of [/^19,998 files/, /^20,000 files/]) {
        await timed("two switches pack again in", async () => {
          for (const row of [0, 1]) await rows.nth(row).locator("vscode-checkbox").click();
          await expect.poll(() => title.innerText(), { timeout: 60_000 }).toMatch(count);
        });
      }
    });

    it("answers within a folder of it", async () => {
      await view.locator(".pack > summary").click();
      await view.locator(".chip-add").click();
      const picker = page.locator(".quick-input-widget");
      await picker.locator("input[type=text]").fill("part7/");
      await picker.locator(".monaco-list-row", { hasText: /^part7\/$/ }).click();
      await picker.getByText("OK", { exact: true }).click();
      await view.locator(".chip", { hasText: "Within part7/" }).waitFor();
      await timed("a question within a folder takes", async () => {
        await ask(view, "Where is find_treasure_742 defined?");
        await view.getByText("Show Evidence", { exact: true }).waitFor({ timeout: 60_000 });
      });
      expect(await view.locator(".file-read .file-name").first().innerText()).toContain(
        "part7/file42.py",
      );
    });
  });
});
