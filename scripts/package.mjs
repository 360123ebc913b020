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
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const stage = path.join(root, "build/vsix");

/** Only linux-x64 has an engine that was built and tested here; the others are wired, untested. */
export const TARGETS = {
  "linux-x64": { tested: true },
  "linux-arm64": { tested: false },
  "darwin-arm64": { tested: false },
  "darwin-x64": { tested: false },
  "win32-x64": { tested: false },
};

/** What a VSIX holds for a target, relative to the checkout: exactly this. */
export function vsixFiles(target = "linux-x64") {
  const dist = path.join(root, "dist");
  const wasm = existsSync(dist) ? readdirSync(dist).filter((name) => name.endsWith(".wasm")) : [];
  return [
    ...["package.json", "package.nls.json", "package.nls.ja.json", "l10n/bundle.l10n.ja.json"],
    ...["README.md", "CHANGELOG.md", "LICENSE", "media/icon.png", "media/activity.svg"],
    ...["media/tab-light.svg", "media/tab-dark.svg"],
    ...["model", "pack", "ask", "evidence"].map((name) => `media/walkthrough/${name}.svg`),
    ...["coder", "scout"].flatMap((name) => [
      `media/models/${name}.safetensors`,
      `media/models/${name}.tokenizer.gguf`,
    ]),
    ...["extension.cjs", "engine.cjs", "symbolWorker.cjs"].map((name) => `dist/${name}`),
    ...["webview.js", "webview.css", "report.css", "reportWorker.js"].map((name) => `dist/${name}`),
    ...wasm.map((name) => `dist/${name}`),
    `dist/native/${target}/blocksight.node`,
  ];
}

/** Stages and packs. `extension`: another main bundle, for tests over the fake engine. */
export function makeVsix({ target = "linux-x64", out, extension }) {
  if (!(target in TARGETS)) {
    throw new Error(`Unknown target ${target}: ${Object.keys(TARGETS).join(", ")}`);
  }
  rmSync(stage, { recursive: true, force: true });
  const put = (from, to) => {
    if (!existsSync(from)) throw new Error(`${from} is missing: run npm run compile first`);
    mkdirSync(path.dirname(path.join(stage, to)), { recursive: true });
    cpSync(from, path.join(stage, to));
  };
  const isTest = extension !== undefined;
  for (const file of vsixFiles(target)) {
    // A test over the fake engine needs neither engine nor models.
    if (isTest && /\.(node|safetensors|gguf)$|^dist\/engine/.test(file)) continue;
    const from = isTest && file === "dist/extension.cjs" ? extension : file;
    put(path.join(root, from), file);
  }
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  for (const key of ["private", "devDependencies", "scripts", "knip", "prettier", "bin"]) {
    delete manifest[key];
  }
  writeFileSync(path.join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  mkdirSync(path.dirname(out), { recursive: true });
  const vsce = path.join(root, "node_modules/@vscode/vsce/vsce");
  const args = [
    "--target",
    target,
    "--no-dependencies",
    "--allow-missing-repository",
    "--no-rewrite-relative-links",
  ];
  execFileSync(process.execPath, [vsce, "package", ...args, "-o", out], {
    cwd: stage,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { out, bytes: statSync(out).size };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf("--target");
  const target = at < 0 ? "linux-x64" : process.argv[at + 1];
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  execFileSync(process.execPath, [path.join(root, "esbuild.mjs")], { stdio: "inherit" });
  const { out, bytes } = makeVsix({
    target,
    out: path.join(root, `blocksight-${target}-${version}.vsix`),
  });
  const note = TARGETS[target].tested ? "" : " (this target is untested)";
  process.stdout.write(`${out}: ${(bytes / 1e6).toFixed(1)} MB${note}\n`);
}
