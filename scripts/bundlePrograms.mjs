import path from "node:path";
import { build } from "esbuild";
import { root } from "./setup.mjs";

/** Programs of this repository, name to TypeScript file, each bundled to build/NAME.cjs for Node. */
export async function bundlePrograms(entryPoints) {
  await build({
    entryPoints,
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    outdir: "build",
    outExtension: { ".js": ".cjs" },
    alias: {
      "web-tree-sitter": path.join(root, "node_modules/web-tree-sitter/web-tree-sitter.cjs"),
    },
    logLevel: "warning",
  });
}
