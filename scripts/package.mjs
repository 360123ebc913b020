// `npm run package [-- --target linux-x64]`: dist/, the engine and the adapters as a VSIX.
// Exactly the listed files go in, staged in build/vsix, so that nothing slips in from the checkout.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stage = join(root, "build/vsix");

/** Only linux-x64 has an engine that was built and tested here; the others are wired, untested. */
export const TARGETS = {
  "linux-x64": { tested: true },
  "linux-arm64": { tested: false },
  "darwin-arm64": { tested: false },
  "darwin-x64": { tested: false },
  "win32-x64": { tested: false },
};

/** What a VSIX holds, relative to the checkout; `from` where the file is built elsewhere. */
export function vsixFiles() {
  const wasm = existsSync(join(root, "dist"))
    ? readdirSync(join(root, "dist")).filter((name) => name.endsWith(".wasm"))
    : [];
  return [
    "package.json",
    "package.nls.json",
    "package.nls.ja.json",
    "l10n/bundle.l10n.ja.json",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "media/icon.png",
    "media/activity.svg",
    "media/walkthrough/model.svg",
    "media/walkthrough/pack.svg",
    "media/walkthrough/ask.svg",
    "media/walkthrough/evidence.svg",
    "dist/extension.cjs",
    "dist/engine.cjs",
    "dist/webview.js",
    "dist/webview.css",
    "dist/reportWorker.js",
    ...["symbolWorker.cjs", "parser.cjs"]
      .map((name) => `dist/${name}`)
      .filter((f) => existsSync(join(root, f))),
    ...wasm.map((name) => `dist/${name}`),
  ];
}

/** Stages and packs. `entry`: another main file, for tests over the fake engine. */
export function makeVsix({ target = "linux-x64", out, entry, withEngine = true }) {
  if (!(target in TARGETS))
    throw new Error(`Unknown target ${target}: ${Object.keys(TARGETS).join(", ")}`);
  rmSync(stage, { recursive: true, force: true });
  const put = (from, to) => {
    if (!existsSync(from)) throw new Error(`${from} is missing: build it first`);
    mkdirSync(dirname(join(stage, to)), { recursive: true });
    cpSync(from, join(stage, to));
  };
  for (const file of vsixFiles()) put(join(root, file), file);
  if (entry) put(join(root, entry), "dist/extension.cjs");
  if (withEngine) {
    put(join(root, "build/release/blocksight.node"), "dist/blocksight.node");
    for (const name of ["coder.safetensors", "scout.safetensors"])
      put(join(root, "media/models", name), `media/models/${name}`);
  }
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const key of [
    "private",
    "devDependencies",
    "scripts",
    "knip",
    "prettier",
    "bin",
    "overrides",
  ])
    delete manifest[key];
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  mkdirSync(dirname(out), { recursive: true });
  execFileSync(
    process.execPath,
    [
      join(root, "node_modules/@vscode/vsce/vsce"),
      "package",
      "--target",
      target,
      "--no-dependencies",
      "--allow-missing-repository",
      "--skip-license",
      "-o",
      out,
    ],
    { cwd: stage, stdio: ["ignore", "pipe", "inherit"] },
  );
  return { out, bytes: statSync(out).size };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf("--target");
  const target = at < 0 ? "linux-x64" : process.argv[at + 1];
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  execFileSync(process.execPath, [join(root, "esbuild.mjs")], { stdio: "inherit" });
  const { out, bytes } = makeVsix({
    target,
    out: join(root, `blocksight-${target}-${version}.vsix`),
  });
  const note = TARGETS[target].tested ? "" : " (this target is untested)";
  process.stdout.write(`${out}: ${(bytes / 1e6).toFixed(1)} MB${note}\n`);
}
