// Everything a fresh clone needs, each part only when it is missing or stale. Node built-ins only:
// this runs before any package is installed. All output goes to stderr.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const addon = `dist/native/${process.platform}-${process.arch}/blocksight.node`;

/** A step of the set-up failed in a way a user can mend: message and next step, no stack. */
class SetupError extends Error {
  constructor(message, next) {
    super(message);
    this.next = next;
  }
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function run(command, args, { failure, next }) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", process.stderr, process.stderr],
    shell: process.platform === "win32",
  });
  if (error || status !== 0) throw new SetupError(failure, next);
}

function has(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** sha256 over the names and contents of all files below `paths`. */
function fingerprint(paths, skip = () => false) {
  const hash = createHash("sha256");
  const visit = (relative) => {
    const full = path.join(root, relative);
    if (!existsSync(full) || skip(relative)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) visit(path.join(relative, name));
    } else {
      hash.update(relative).update("\0").update(readFileSync(full)).update("\0");
    }
  };
  for (const start of paths) visit(start);
  return hash.digest("hex");
}

/** Runs `make` unless `output` exists and was made from inputs with the same fingerprint. */
function whenStale({ name, inputs, output, skip }, make) {
  const stamp = path.join(root, "build", `${name}.stamp`);
  const now = fingerprint(inputs, skip);
  const isFresh =
    existsSync(path.join(root, output)) && existsSync(stamp) && readFileSync(stamp, "utf8") === now;
  if (isFresh) return;
  make();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
}

export function ensurePackages() {
  whenStale({ name: "packages", inputs: ["package-lock.json"], output: "node_modules" }, () => {
    say("Installing packages …");
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      failure: "The packages could not be installed.",
      next: "Check the network or the registry that npm is set up for, then run the command again.",
    });
  });
}

function ensureToolchain() {
  const missing = [];
  if (!has("cmake")) missing.push("cmake");
  if (!["c++", "g++", "clang++"].some(has)) missing.push("g++");
  if (!["make", "ninja"].some(has)) missing.push("make");
  if (missing.length === 0) return;
  throw new SetupError(
    `Building the engine needs ${missing.join(", ")}.`,
    process.platform === "darwin"
      ? "Run: xcode-select --install && brew install cmake"
      : "On Debian or Ubuntu run: sudo apt-get install -y cmake g++ make (CMake 3.25 or newer).",
  );
}

/** Configures and builds one CMake preset of native/. CMake itself knows what is stale. */
export function buildNative(preset, targets = []) {
  ensureToolchain();
  const next =
    "Read the compiler's message above; the engine needs CMake 3.25 and a C++20 compiler.";
  run("cmake", ["--preset", preset, "-S", "native", "--log-level=WARNING"], {
    failure: "CMake could not configure the engine.",
    next,
  });
  const only = targets.flatMap((name) => ["--target", name]);
  run("cmake", ["--build", `build/${preset}`, "-j", "2", ...only], {
    failure: "The engine did not build.",
    next,
  });
}

export function ensureNative() {
  whenStale(
    {
      name: "native",
      inputs: ["native", "package-lock.json"],
      output: addon,
      skip: (file) => /^native\/(fuzz|selftest)\b/.test(file),
    },
    () => {
      say("Building the engine …");
      buildNative("release", ["blocksight_addon"]);
    },
  );
}

export function ensureBundles() {
  const inputs = ["src", "webview", "esbuild.mjs", "package-lock.json"];
  whenStale({ name: "bundles", inputs, output: "dist/cli.cjs" }, () => {
    run(process.execPath, ["esbuild.mjs"], {
      failure: "The TypeScript bundles could not be built.",
      next: "Read the message above.",
    });
  });
}

/** Fetches models by name into the cache outside the clone; the command checks what is there. */
export function ensureModels(names) {
  for (const name of names) {
    const { status } = spawnSync(process.execPath, ["dist/cli.cjs", "model", "get", name], {
      cwd: root,
      stdio: ["ignore", process.stderr, process.stderr],
    });
    // The command has said what was wrong and what to do; there is nothing to add.
    if (status !== 0) process.exit(status ?? 1);
  }
}

/** Prints a SetupError as two lines and exits; anything else is a bug and is thrown on. */
export function exitWith(error) {
  if (!(error instanceof SetupError)) throw error;
  say(`${error.message}\n${error.next}`);
  process.exit(1);
}
