// The golden vectors of test/golden, unpacked for the native tests. Run by itself (`npm run
// test:golden`) it checks the scalar tier against the scout's whole golden: about 40 minutes.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { cacheFolder } from "./cacheFolder.mjs";
import { buildNative, exitWith, root } from "./setup.mjs";

/** Unpacks what is missing or stale; the options that lead blocksight_test to everything real. */
export function goldenOptions() {
  const from = path.join(root, "test/golden");
  const to = path.join(root, "build/golden");
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((file) => file.endsWith(".gz"))) {
    const packed = path.join(from, name);
    const unpacked = path.join(to, path.basename(name, ".gz"));
    if (existsSync(unpacked) && statSync(unpacked).mtimeMs > statSync(packed).mtimeMs) continue;
    writeFileSync(unpacked, gunzipSync(readFileSync(packed)));
  }
  // Goldens stay those of the adapters that they were made with, whatever ships today.
  for (const name of ["coder", "scout"]) {
    if (existsSync(path.join(from, `${name}.safetensors.gz`))) continue;
    const shipped = path.join(root, `media/models/${name}.safetensors`);
    copyFileSync(shipped, path.join(to, `${name}.safetensors`));
  }
  return [
    `--golden-dir=${to}`,
    `--models-dir=${path.join(cacheFolder, "models")}`,
    `--adapter-dir=${to}`,
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    buildNative("release", ["blocksight_test"]);
  } catch (error) {
    exitWith(error);
  }
  const only = "--only=golden: ref answers like the reference, scout, all segments";
  const { status } = spawnSync(
    path.join(root, "build/release/blocksight_test"),
    [...goldenOptions(), "--whole=1", only],
    { stdio: "inherit" },
  );
  process.exitCode = status ?? 1;
}
