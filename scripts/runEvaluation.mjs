// Bundles a program of test/evaluation and runs it in the root of the clone with the arguments given.
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { bundlePrograms } from "./bundlePrograms.mjs";
import { root } from "./setup.mjs";

export async function runEvaluation(name) {
  await bundlePrograms({ [name]: `test/evaluation/${name}.ts` });
  const env = { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() };
  const program = path.join(root, `build/${name}.cjs`);
  const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
    env,
  });
  process.exit(status ?? 1);
}
