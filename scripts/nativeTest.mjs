// Builds the native test binary for the presets named, runs it with the options given, and adds up
// the counts that it prints.
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { goldenOptions } from "./goldens.mjs";
import { buildNative, exitWith, root } from "./setup.mjs";

const isOption = (arg) => arg.startsWith("--");
const presets = process.argv.slice(2).filter((arg) => !isOption(arg));
const options = process.argv.slice(2).filter(isOption);
const total = { passed: 0, failed: 0, skipped: 0 };
for (const preset of presets) {
  try {
    buildNative(preset, ["blocksight_test"]);
  } catch (error) {
    exitWith(error);
  }
  process.stdout.write(`${preset}\n`);
  const binary = path.join(root, "build", preset, "blocksight_test");
  // Real models under a sanitizer would take an hour; made ones go through the same code.
  const given = preset === "release" ? [...goldenOptions(), ...options] : options;
  const { stdout, status } = spawnSync(binary, given, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 << 20,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, UBSAN_OPTIONS: "print_stacktrace=1" },
  });
  process.stdout.write(stdout);
  const counts = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(stdout);
  const failed = Number(counts?.[2] ?? 0);
  total.passed += Number(counts?.[1] ?? 0);
  total.failed += failed === 0 && status !== 0 ? 1 : failed;
  total.skipped += Number(counts?.[3] ?? 0);
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
