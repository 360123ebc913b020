/** Whole outputs against `test/goldens`; `npx vitest run -u` writes them anew. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/cli/commandLine.js";
import { packCommand } from "../../src/cli/packCommand.js";
import type { PackTable } from "../../src/cli/packTable.js";
import type { FailureResult } from "../../src/shared/answer.js";
import { fakeContext } from "../fakes/fakeContext.js";
import { FakeEngine } from "../fakes/fakeEngine.js";
import { findSymbols } from "../fakes/packFiles.js";

let directory = "";
let disposed = 0;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "blocksight-pack-"));
  disposed = 0;
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(directory, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

const PROJECT = {
  ".gitignore": "build/\n",
  "build/out.js": "x",
  "shop/cart.py": Array.from({ length: 700 }, (_, i) => `def item${i}():\n    return ${i}\n`).join(
    "\n",
  ),
  "shop/.env": "KEY=1\n",
  "readme.md": "# Shop\n",
  "evil\u001b[31m\u202e.txt": "x\n",
};

async function run(
  ...args: readonly string[]
): Promise<{ status: number; stdout: string; stderr: string }> {
  const context = fakeContext({ workingDirectory: directory });
  const command = packCommand(() => ({
    engine: new FakeEngine(),
    findSymbols,
    media: "media/models",
    cacheDirectory: path.join(directory, "../blocksight-pack-cache"),
    dispose: () => {
      disposed += 1;
      return Promise.resolve();
    },
  }));
  const all = ["pack", "--no-cache", ...args];
  const status = await runCommandLine({ pack: command }, "1.2.3", all, context);
  return { status, stdout: context.stdout.text, stderr: context.stderr.text };
}

describe("pack", () => {
  it("prints the table with every skipped file, its reason, its rule and where that stands", async () => {
    await write(PROJECT);
    const { status, stdout, stderr } = await run();
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Packed in [\d.]+ s\n$/);
    await expect(stdout.replace(/[0-9a-f]{64}/, "ID")).toMatchFileSnapshot("../goldens/pack.txt");

    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it("--json prints the same as one object", async () => {
    await write(PROJECT);
    const { status, stdout } = await run("--json");
    const table = JSON.parse(stdout) as PackTable;
    expect(status).toBe(0);
    expect(table.pack).toMatchObject({ files: 3, layout: "independent", tokenizer: "coder" });
    expect(table.files.map((file) => file.path)).toEqual([
      ".gitignore",
      "readme.md",
      "shop/cart.py",
    ]);
    const sum = (of: "tokens" | "paddingTokens" | "segments"): number =>
      table.files.reduce((total, file) => total + file[of], 0);
    expect(sum("tokens")).toBe(table.pack.tokens);
    expect(sum("paddingTokens")).toBe(table.pack.paddingTokens);
    expect(sum("segments")).toBe(table.pack.segments);
    expect(table.pack.skipped).toContainEqual({
      path: "build/",
      reason: "ignored",
      rule: { text: "build/", file: ".gitignore", line: 1 },
    });
  });

  it("shows filler instead of padding in the causal layout", async () => {
    await write(PROJECT);
    const { stdout } = await run("--layout", "causal", "--order", "path");
    expect(stdout).toContain("filler");
    const { pack, files } = JSON.parse(
      (await run("--layout", "causal", "--json")).stdout,
    ) as PackTable;
    expect(files.reduce((total, file) => total + file.paddingTokens, 0)).toBe(pack.paddingTokens);
    expect(pack.segments).toBe(files.length);
  });

  it("over budget exits 1 and names the largest folders", async () => {
    await write(PROJECT);
    const { status, stdout, stderr } = await run("--budget", "1000");
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/has [\d,]+ tokens and the budget is 1,000; the largest: shop\//);
    expect(stderr).toContain("--exclude");
  });

  it("says why nothing is left", async () => {
    await write({ "empty.txt": "", ".env": "A=1" });
    const { status, stderr } = await run();
    expect(status).toBe(1);
    expect(stderr).toMatch(/empty\.txt +empty/);
    expect(stderr).toContain("There is no file to read in");
  });

  it("fails in one sentence with a next step, as an object under --json", async () => {
    const { status, stdout } = await run("--repo", "missing", "--json");
    const { error } = JSON.parse(stdout) as FailureResult;
    expect([status, error.code]).toEqual([1, "noSuchDirectory"]);
    expect(error.next).not.toBe("");
    expect(disposed).toBe(1);
  });

  it("refuses what it does not know with status 2", async () => {
    for (const args of [
      ["--layout", "x"],
      ["--order", "x"],
      ["--budget", "0"],
      ["--nope"],
      ["x"],
    ]) {
      expect([args, (await run(...args)).status]).toEqual([args, 2]);
    }
  });
});
