// `npm test`: sets up what is missing and runs every test, then one line that counts them all.
// `npm test -- NAME...` runs the named steps only.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import {
  ensureBundles,
  ensureModels,
  ensureNative,
  ensurePackages,
  exitWith,
  root,
} from "./setup.mjs";

const bin = (name) => path.join(root, "node_modules/.bin", name);
const script = (name, ...args) => [process.execPath, path.join(root, "scripts", name), ...args];
const vitestReport = path.join(root, "build/vitest.json");
const browserReport = path.join(root, "build/vitest-browser.json");

/** What is cheap and tells most comes first. A step that prints no counts is one test. */
const steps = [
  { name: "types", command: [bin("tsc"), "--build"] },
  { name: "lint", command: ["npm", "run", "-s", "lint"] },
  { name: "format", command: ["npm", "run", "-s", "format:check"] },
  { name: "unused", command: [bin("knip")] },
  {
    name: "unit",
    command: [
      ...[bin("vitest"), "run", "--config", ".config/vitest.config.ts"],
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${vitestReport}`],
    ],
    counts: () => vitestCounts(vitestReport),
  },
  {
    name: "browser",
    command: [
      ...[bin("vitest"), "run", "--config", ".config/vitest.browser.config.ts"],
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${browserReport}`],
    ],
    counts: () => vitestCounts(browserReport),
  },
  { name: "train", command: script("trainTest.mjs") },
  { name: "native", command: script("nativeTest.mjs", "release") },
  { name: "tokenizers", command: script("tokenizerParity.mjs") },
  { name: "sanitizers", command: script("nativeTest.mjs", "asan", "ubsan") },
];

function vitestCounts(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(file, "utf8"));
  const brokenFiles = report.testResults.filter(
    (suite) => suite.status === "failed" && suite.assertionResults.length === 0,
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + report.numTodoTests,
    skippedSuites: skippedSuites(report),
  };
}

/** Name of a suite or a lone test, with its reason where it has one, to the number of its tests that were skipped. */
function skippedSuites(report) {
  const found = new Map();
  for (const { ancestorTitles, title, status } of report.testResults.flatMap(
    (suite) => suite.assertionResults,
  )) {
    if (status !== "skipped" && status !== "pending") continue;
    const name = ancestorTitles[0] ?? title;
    found.set(name, (found.get(name) ?? 0) + 1);
  }
  return found;
}

/** Counts of the last "N passed, N failed[, N skipped]" that a step printed. */
function printedCounts(output) {
  const last = [...output.matchAll(/(\d+) passed, (\d+) failed(?:, (\d+) skipped)?/g)].at(-1);
  if (!last) return undefined;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) };
}

function runStep({ command }) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command[0], command.slice(1), {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    const tee = (stream) => (chunk) => {
      output = (output + String(chunk)).slice(-200_000);
      stream.write(chunk);
    };
    child.stdout.on("data", tee(process.stdout));
    child.stderr.on("data", tee(process.stderr));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
    child.on("close", (status) => resolve({ status, output }));
  });
}

try {
  ensurePackages();
  ensureNative();
  ensureBundles();
  ensureModels(["scout", "coder"]);
} catch (error) {
  exitWith(error);
}

const wanted = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
const failedSteps = [];
for (const step of steps) {
  if (wanted.length > 0 && !wanted.includes(step.name)) continue;
  const start = Date.now();
  process.stdout.write(`\n== ${step.name}\n`);
  const { status, output } = await runStep(step);
  const ok = status === 0;
  const counts = step.counts?.() ??
    printedCounts(output) ?? { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  if (!ok && counts.failed === 0) counts.failed = 1;
  for (const key of Object.keys(total)) total[key] += counts[key];
  if (counts.failed > 0) failedSteps.push(step.name);
  for (const [name, tests] of counts.skippedSuites ?? []) {
    process.stdout.write(`skipped: ${name} (${tests})\n`);
  }
  const seconds = ((Date.now() - start) / 1000).toFixed(0);
  process.stdout.write(`== ${step.name}: ${counts.failed === 0 ? "ok" : "FAILED"}, ${seconds} s\n`);
}
if (failedSteps.length > 0) process.stdout.write(`\nFailed: ${failedSteps.join(", ")}\n`);
process.stdout.write(
  `\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`,
);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
