// `npm run test:electron`: test/vscode/suite.ts in a desktop VS Code, which @vscode/test-electron
// downloads. Needs the network; `npm test` runs the same suite in code-server instead.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { runTests } from "@vscode/test-electron";
import { makeVsix } from "./package.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
execFileSync(process.execPath, ["esbuild.mjs", "--tests"], { cwd: root, stdio: "inherit" });
const folder = mkdtempSync(path.join(tmpdir(), "blocksight-electron-"));
const bundle = "build/test-extension/extensionWithFakes.cjs";
makeVsix({ out: path.join(folder, "x.vsix"), extension: bundle });
const extensionDevelopmentPath = path.join(folder, "extension");
cpSync(path.join(root, "build/vsix"), extensionDevelopmentPath, { recursive: true });
// The tiny project of the fakes, on disk.
const made = path.join(folder, "tinyPack.mjs");
const entryPoints = [path.join(root, "test/fakes/tinyPack.ts")];
await build({ entryPoints, bundle: true, platform: "node", format: "esm", outfile: made });
const { TINY_PROJECT } = await import(made);
const workspace = path.join(folder, "workspace");
for (const [file, text] of Object.entries(TINY_PROJECT)) {
  mkdirSync(path.dirname(path.join(workspace, file)), { recursive: true });
  writeFileSync(path.join(workspace, file), text);
}
process.exitCode = await runTests({
  extensionDevelopmentPath,
  extensionTestsPath: path.join(root, "build/test-extension/suite.cjs"),
  launchArgs: [workspace, "--disable-extensions"],
});
