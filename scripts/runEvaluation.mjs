// Bundles a program of test/evaluation and runs it in the root of the clone with the arguments given.
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

export async function runEvaluation(name) {
  const outfile = path.join(root, `build/${name}.cjs`);
  await build({
    entryPoints: [path.join(root, `test/evaluation/${name}.ts`)],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    outfile,
    alias: {
      "web-tree-sitter": path.join(root, "node_modules/web-tree-sitter/web-tree-sitter.cjs"),
    },
    logLevel: "warning",
  });
  const env = { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() };
  const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
    env,
  });
  process.exit(status ?? 1);
}
