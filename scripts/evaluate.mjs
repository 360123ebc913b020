// `npm run eval`: the shipped models over the hand-written questions of test/eval, beside what searches
// find; `npm run eval -- --help` lists the options. The program is test/evaluation/evaluateHand.ts.
import process from "node:process";
import { runEvaluation } from "./runEvaluation.mjs";
import { ensureBundles, ensureNative, exitWith } from "./setup.mjs";

try {
  if (!process.argv.includes("--help")) {
    ensureNative();
    ensureBundles();
  }
} catch (error) {
  exitWith(error);
}
await runEvaluation("evaluateHand");
