// `npm run eval`: the shipped models over the hand-written questions of test/eval, beside what searches
// find; `npm run eval -- --help` lists the options. The program is test/evaluation/evaluateHand.ts.
// With --made FOLDER over questions that `python -m blocksight_train trees` wrote: test/evaluation/evaluateMade.ts.
import process from "node:process";
import { ensureBundles, ensureModels, ensureNative, ensurePackages, exitWith } from "./setup.mjs";

try {
  ensurePackages();
  if (!process.argv.includes("--help")) {
    ensureNative();
    ensureBundles();
    ensureModels(["scout", "coder"]);
  }
} catch (error) {
  exitWith(error);
}

// Only now are the packages there.
const { runEvaluation } = await import("./runEvaluation.mjs");
const isMade = process.argv.some((arg) => arg === "--made" || arg.startsWith("--made="));
await runEvaluation(isMade ? "evaluateMade" : "evaluateHand");
