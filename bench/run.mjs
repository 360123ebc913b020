// `npm run bench`: sets up what is missing, bundles the programs of this folder, runs bench/main.ts.
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import {
  buildNative,
  ensureBundles,
  ensureModels,
  ensureNative,
  ensurePackages,
  exitWith,
  root,
} from "../scripts/setup.mjs";

const args = process.argv.slice(2);
try {
  ensurePackages();
  ensureNative();
  ensureBundles();
  buildNative("release", ["slots_bench"]);
  ensureModels(["scout", "coder"]);
} catch (error) {
  exitWith(error);
}

// Only now are the packages there.
const { bundlePrograms } = await import("../scripts/bundlePrograms.mjs");
await bundlePrograms({ bench: "bench/main.ts", benchProduct: "bench/productMain.ts" });
const { status } = spawnSync(process.execPath, [path.join(root, "build/bench.cjs"), ...args], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
