/** test/vscode/suite.ts inside a real extension host; the exit code is the editor's. */
import { cpSync, existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { makeVsix } from "../../scripts/package.mjs";
import { ensureHarness, startCodeServer } from "../../scripts/vscodeHarness.mjs";
import { TINY_PROJECT } from "../fakes/tinyPack.js";
import { launch } from "./chromium.js";
import { root } from "./workbench.js";
import { writeWorkspace } from "./workspaces.js";

const found = await ensureHarness();
const PORT = 8243;

describe.skipIf(found.harness === undefined)(`the extension host ${found.skip ?? ""}`, () => {
  it("passes its suite and exits with 0", async () => {
    const { harness } = found;
    if (harness === undefined) return;
    const folder = mkdtempSync(path.join(tmpdir(), "blocksight-host-"));
    const workspace = writeWorkspace(TINY_PROJECT);
    // The staged files of the VSIX are an extension folder; the editor loads it in test mode.
    const extension = path.join(folder, "extension");
    const bundle = "build/test-extension/extensionWithFakes.cjs";
    makeVsix({ out: path.join(folder, "x.vsix"), extension: bundle });
    cpSync(path.join(root, "build/vsix"), extension, { recursive: true });
    const suite = path.join(folder, "suite.cjs");
    cpSync(path.join(root, "build/test-extension/suite.cjs"), suite);

    const report = path.join(folder, "report.txt");
    const env = { BLOCKSIGHT_TEST_REPORT: report };
    const options = { folder, port: PORT, workspace, env, driver: true };
    const server = await startCodeServer(harness, options);
    const browser = await launch(harness.chromium);
    try {
      const page = await browser.newPage();
      const remote = (file: string): string => `vscode-remote://127.0.0.1:${PORT}${file}`;
      const payload = [
        ["extensionDevelopmentPath", remote(extension)],
        ["extensionTestsPath", remote(suite)],
        ["skipWelcome", "true"],
      ];
      await page.exposeFunction("codeAutomationLog", () => undefined);
      const exit = new Promise<number>((resolve) => {
        void page.exposeFunction("codeAutomationExit", resolve);
      });
      const query = `&payload=${encodeURIComponent(JSON.stringify(payload))}`;
      await page.goto(server.page + query);
      const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), 100_000));
      const code = await Promise.race([exit, late]);
      const lines = existsSync(report) ? readFileSync(report, "utf8").trim().split("\n") : [];
      expect(lines.filter((line) => !line.startsWith("ok "))).toEqual([
        `${lines.length - 1} passed, 0 failed`,
      ]);
      expect(code).toBe(0);
    } finally {
      await browser.close();
      await server.stop();
    }
  });
});
