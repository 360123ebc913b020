/** The side bar as narrow as the editor opens it, with long names, in every theme. */
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
import { violations } from "./chromium.js";
import { FAKES_ENV, setFakes } from "./fakeSettings.js";
import {
  ask,
  command,
  openAskView,
  openWorkbench,
  root,
  screenshots,
  setTheme,
  type Workbench,
} from "./workbench.js";
import { writeWorkspace } from "./workspaces.js";

const found = await ensureHarness();
const THEMES = [
  { name: "dark", label: "Dark Modern", kind: "vscode-dark" },
  { name: "light", label: "Light Modern", kind: "vscode-light" },
  { name: "contrast", label: "Dark High Contrast", kind: "vscode-high-contrast" },
] as const;
/** The editor's side bar at its first opening. */
const WIDTH = 300;

const FOLDER = "services/customer-relationship/src/main/java/com/example/crm/accounts/persistence";
const NAME = "AbstractTransactionalCustomerAccountRepositoryFactoryBean";
const LONG_WORD = `${NAME}${"Impl".repeat(20)}`;
const FILES = {
  [`${FOLDER}/${NAME}.java`]: `package com.example;\n\nclass ${NAME} {\n  void openAccount() {}\n}\n`,
  [`${FOLDER}/${LONG_WORD}.java`]: "class Other {\n  void closeAccount() {}\n}\n",
  "docs/a file with spaces, and a name that is a whole sentence of its own.md": "# Accounts\n",
  "build/generated/huge.min.js": "x".repeat(5000),
  "src/main.ts": "export const accounts = 1;\n",
};
const QUESTION = `Where is openAccount defined, and what does ${LONG_WORD} do with it?`;

/** Elements that stick out of the view, but for those that scroll or cut off by themselves. */
function sticksOut(view: Frame): Promise<string[]> {
  return view.evaluate(() => {
    interface Box {
      readonly className: unknown;
      readonly textContent: string | null;
      readonly parentElement: Box | null;
      getBoundingClientRect(): { readonly left: number; readonly right: number };
    }
    const page = globalThis as unknown as {
      readonly document: { querySelectorAll(selector: string): Iterable<Box> };
      readonly innerWidth: number;
      getComputedStyle(element: Box): { readonly overflowX: string };
    };
    const isCut = (element: Box): boolean => {
      for (let up = element.parentElement; up !== null; up = up.parentElement) {
        if (["conversation", "ask"].includes(String(up.className))) return false;
        if (page.getComputedStyle(up).overflowX !== "visible") return true;
      }
      return false;
    };
    return [...page.document.querySelectorAll("main *")]
      .filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        return (right > page.innerWidth + 0.5 || left < -0.5) && !isCut(element);
      })
      .map(({ className, textContent }) => `${String(className)}: ${textContent?.slice(0, 60)}`);
  });
}

describe.skipIf(found.harness === undefined)(`a narrow side bar ${found.skip ?? ""}`, () => {
  let bench: Workbench;
  let view: Frame;
  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    const out = path.join(root, "build/fakes.vsix");
    makeVsix({ out, extension: "build/test-extension/extensionWithFakes.cjs" });
    setFakes({
      segmentDelayMs: 5,
      answer: [
        `It is ${LONG_WORD}, in \`${FOLDER}/${NAME}.java\`, see also nowhere/of/${NAME}/that.ts\n`,
        `- one\n- two\n\n\`\`\`java\n${"repository.findAllByAccountOwner(owner); ".repeat(4)}\n\`\`\`\n`,
      ],
    });
    bench = await openWorkbench(harness, {
      port: 8246,
      vsix: out,
      workspace: writeWorkspace(FILES, "long"),
      env: FAKES_ENV,
    });
    view = await openAskView(bench.page);
  });
  afterAll(async () => {
    await bench.stop();
  });

  const picture = async (name: string): Promise<void> => {
    const frame = await view.frameElement();
    const box = await frame.boundingBox();
    const clip = { x: 0, y: 0, width: (box?.x ?? 0) + (box?.width ?? 0), height: 900 };
    await bench.page.screenshot({ path: path.join(screenshots, `narrow-${name}.png`), clip });
  };

  it("holds the pack of deep folders and long names", async () => {
    expect(await view.evaluate(() => (globalThis as unknown as { innerWidth: number }).innerWidth))
      // A pixel more or less is the editor's border.
      .toBeLessThanOrEqual(WIDTH + 2);
    await picture("welcome");
    await view.locator(".pack > summary").click();
    for (let depth = 0; depth < FOLDER.split("/").length; depth++) {
      await view.locator(".twistie[aria-expanded=false]").first().click();
      await view
        .locator(".pack-tree")
        .nth(depth + 1)
        .waitFor();
    }
    await view.locator(".skipped > summary").click();
    await view.locator(".skipped details > summary").first().click();
    await view.getByText(`${NAME}.java`).first().waitFor();
    await picture("pack");
    expect(await sticksOut(view)).toEqual([]);
    // A name is worth nothing without its first letters.
    for (const name of await view.locator(".pack-row .pack-name").all()) {
      expect((await name.boundingBox())?.width).toBeGreaterThan(40);
    }
    await view.locator(".pack > summary").click();
  });

  it("holds question, files, answer and what was in sight", async () => {
    await ask(view, QUESTION);
    await view.getByText("Show Evidence", { exact: true }).waitFor({ timeout: 60_000 });
    expect(await sticksOut(view)).toEqual([]);
    expect(await view.locator(".file-read .file-name").first().innerText()).toMatch(
      /^AbstractTransactional.*\.java/,
    );
  });

  for (const { name, label, kind } of THEMES) {
    it(`shows where the focus is, in the ${name} theme`, async () => {
      const { page } = bench;
      await setTheme(page, label);
      await view.waitForSelector(`body.${kind}`);
      await command(page, "Blocksight: Ask a Question");
      await view.locator(".question-box:focus").waitFor();
      const frame = await view.frameElement();
      const outer = await frame.boundingBox();
      const seen = new Set<string>();
      const unmarked: string[] = [];
      for (let stop = 0; stop < 40; stop++) {
        const focused = await view.$(":focus");
        if (focused === null) break;
        const tag = await focused.evaluate((it) =>
          (it as unknown as { outerHTML: string }).outerHTML.slice(0, 160),
        );
        if (seen.has(tag)) break;
        seen.add(tag);
        await focused.scrollIntoViewIfNeeded();
        const box = await focused.boundingBox();
        if (box === null || outer === null) throw new Error(`${tag} is not drawn`);
        const clip = {
          x: Math.max(0, box.x - 4),
          y: Math.max(0, box.y - 4),
          width: box.width + 8,
          height: box.height + 8,
        };
        const withFocus = await page.screenshot({ clip, caret: "hide" });
        if (stop === 3) await picture(`focus-${name}`);
        await focused.evaluate((it) => (it as unknown as { blur(): void }).blur());
        const without = await page.screenshot({ clip, caret: "hide" });
        if (withFocus.equals(without)) unmarked.push(tag);
        await focused.focus();
        await page.keyboard.press("Shift+Tab");
      }
      await picture(name);
      expect(seen.size).toBeGreaterThan(8);
      expect(unmarked).toEqual([]);
      expect(await violations(view, "sideBar-background")).toEqual([]);
    });
  }
});
