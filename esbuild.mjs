// One bundle per runtime, all CommonJS files in dist/.
import { build } from "esbuild";

const common = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  sourcemap: "linked",
  logLevel: "warning",
  external: ["vscode", "*.node"],
};

await build({
  ...common,
  entryPoints: { cli: "src/cli/main.ts", engine: "src/engineProcess/main.ts" },
});
