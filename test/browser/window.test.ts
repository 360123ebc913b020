/** What the editor shows of the extension outside of its views, and a workspace that is not trusted. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness } from "../../scripts/vscodeHarness.mjs";
import { TINY_PROJECT } from "../fakes/tinyPack.js";
import { FAKES_ENV, setFakes } from "./fakeSettings.js";
import { ask, command, frameWith, openWorkbench, root, type Workbench } from "./workbench.js";
import { writeWorkspace } from "./workspaces.js";

const found = await ensureHarness();

describe.skipIf(found.harness === undefined)(`an untrusted window ${found.skip ?? ""}`, () => {
  let bench: Workbench;
  beforeAll(async () => {
    const { harness } = found;
    if (harness === undefined) return;
    const out = path.join(root, "build/fakes.vsix");
    makeVsix({ out, extension: "build/test-extension/extensionWithFakes.cjs" });
    setFakes({ stepDelayMs: 2, segmentDelayMs: 5 });
    bench = await openWorkbench(harness, {
      port: 8248,
      vsix: out,
      workspace: writeWorkspace(TINY_PROJECT),
      env: FAKES_ENV,
      restricted: true,
    });
  });
  afterAll(async () => {
    await bench.stop();
  });

  it("leads through models, pack, question and evidence", async () => {
    const { page } = bench;
    await command(page, "Welcome: Open Walkthrough");
    const row = page.locator(".quick-input-list .monaco-list-row", {
      hasText: "Ask a whole repository",
    });
    await row.first().click();
    const steps = page.locator(".getting-started-step .step-title");
    await steps.first().waitFor();
    expect(await steps.allInnerTexts()).toEqual([
      "Get the models",
      "Review the pack",
      "Ask",
      "See the evidence",
    ]);
    await steps.nth(2).click();
    await page
      .locator(".getting-started-step.expanded")
      .getByText("Ask a Question", { exact: true })
      .click();
    await frameWith(page, ".question-box:focus");
  });

  it("answers although the workspace is not trusted", async () => {
    const { page } = bench;
    await page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
    const view = await frameWith(page, ".pack-title");
    await ask(view, "Where is open_session defined?");
    await view.waitForSelector(".sight", { timeout: 60_000 });
    expect(await view.locator(".file-name").first().innerText()).toContain("shop/checkout.py");
  });

  it("opens the question box from the status bar", async () => {
    const { page } = bench;
    await page
      .getByRole("tab", { name: /^Explorer/ })
      .first()
      .click();
    await page.locator('.statusbar-item[id="blocksight.blocksight.blocksight.status"]').click();
    await frameWith(page, ".question-box:focus");
  });

  it("broke no policy", () => {
    expect(bench.wrong).toEqual([]);
  });
});
