// Asks 60 questions about a package's own definitions and reports how often the right file comes first:
//
//   node scripts/evaluateNames.mjs --repo DIR [--limit N] [--modes 8,16,all] [--out FILE]
//
// The program is test/evaluation/evaluateNames.ts. A run that was stopped goes on where it was: results
// are kept in --out (build/names.jsonl), a line each. Models and bundles must be there: `npm start -- doctor`.
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const outfile = path.join(root, "build/evaluateNames.cjs");
await build({
  entryPoints: [path.join(root, "test/evaluation/evaluateNames.ts")],
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
