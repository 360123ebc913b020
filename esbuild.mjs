// One bundle per runtime in dist/: CommonJS for Node, one script and one style sheet for the views.
// With `--tests` also what the tests in a real editor load, in build/test-extension/.
import { copyFileSync, existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { build } from "esbuild";

const common = { bundle: true, sourcemap: "linked", logLevel: "warning" };

const node = {
  ...common,
  platform: "node",
  target: "node20",
  format: "cjs",
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  external: ["vscode", "*.node"],
  // Its ES module asks for import.meta.url, which a CommonJS bundle does not have.
  alias: { "web-tree-sitter": path.resolve("node_modules/web-tree-sitter/web-tree-sitter.cjs") },
};

const page = {
  ...common,
  platform: "browser",
  target: "chrome120",
  format: "iife",
  outdir: "dist",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
};

/** Entry points by output name; those whose piece is not in this checkout are left out. */
const present = (entries) =>
  Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));

await build({
  ...node,
  entryPoints: present({
    cli: "src/cli/main.ts",
    engine: "src/engineProcess/main.ts",
    extension: "src/extension.ts",
    symbolWorker: "src/symbols/symbolWorker.ts",
  }),
});
// Beside the worker, which loads them by name: the parser and every grammar that is installed.
const { devDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
for (const name of Object.keys(devDependencies).filter((name) => name.includes("tree-sitter"))) {
  const folder = path.join("node_modules", name);
  for (const file of readdirSync(folder).filter((file) => file.endsWith(".wasm"))) {
    copyFileSync(path.join(folder, file), path.join("dist", file));
  }
}
await build({
  ...page,
  entryPoints: {
    webview: "webview/main.tsx",
    report: "webview/style/report.css",
    reportWorker: "src/report/reportWorker.ts",
  },
});

if (process.argv.includes("--tests")) {
  await build({
    ...node,
    outdir: "build/test-extension",
    entryPoints: present({
      extensionWithFakes: "test/vscode/extensionWithFakes.ts",
      suite: "test/vscode/suite.ts",
    }),
  });
}
