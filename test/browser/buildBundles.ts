/** Before the browser tests: the bundles of these sources, and those that only tests load. */
import { execFileSync } from "node:child_process";
import process from "node:process";

export function setup(): void {
  execFileSync(process.execPath, ["esbuild.mjs", "--tests"], { stdio: "inherit" });
}
