// One bundle per runtime in dist/: CommonJS for Node, one script and one style sheet for the views.
// With `--tests` also what the tests in a real editor load, in build/test-extension/.
import { existsSync } from "node:fs";
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
  }),
});
await build({ ...page, entryPoints: { webview: "webview/main.tsx" } });

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
