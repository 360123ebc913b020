// The list of packed files over a repository of 20,000 files: what a pack costs the extension's
// process before its state is shown, and what opening a folder costs.
//   node bench/packTree.mjs
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const FILES = 20_000;
const QUERIES = 200;
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const scratch = mkdtempSync(path.join(tmpdir(), "blocksight-bench-"));
const outfile = path.join(scratch, "packTree.mjs");
await build({
  entryPoints: [path.join(root, "src/views/packTree.ts")],
  bundle: true,
  platform: "node",
  format: "esm",
  outfile,
});
const { PackTree, packState } = await import(pathToFileURL(outfile).href);
rmSync(scratch, { recursive: true });

// 40 folders of 25 folders of 20 files.
const files = Array.from({ length: FILES }, (_, at) => ({
  path: `package${at % 40}/module${Math.floor(at / 40) % 25}/file${at}.ts`,
  firstSegment: at,
  segmentCount: 1,
}));
const tokens = files.map((_, at) => new Uint32Array(200 + (at % 900)));
const models = [{ tokens, blockCount: 4 * FILES, tokenCount: 650 * FILES, paddingTokens: 0 }];
const pack = { files, segments: files, skipped: [], models };
const leftOut = ["package3/", "package4/module7/", "package5/module1/file45.ts"];

const time = (work) => {
  const start = performance.now();
  work();
  return performance.now() - start;
};
const tree = new PackTree();
const updateMs = time(() => {
  tree.update(pack);
  packState(pack, leftOut, 1e6);
});
const firstRowsMs = time(() => tree.list("", leftOut));
const queries = Array.from({ length: QUERIES }, (_, at) => {
  const folder = at % 2 === 0 ? "" : `package${at % 40}/module${at % 25}/`;
  return time(() => tree.list(folder, leftOut));
}).sort((a, b) => a - b);
const round = (ms) => Number(ms.toFixed(3));
const figures = {
  files: FILES,
  cpu: `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores`,
  updateMs: round(updateMs),
  firstRowsMs: round(firstRowsMs),
  rowsMs: { p50: round(queries[QUERIES / 2]), max: round(queries.at(-1)) },
};
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
