// Prints how much of a repository must be read, the nearest to a question first, until a file is there that
// the question needs; for the questions of test/eval, without opening a model:
//
//   node scripts/evaluateNearness.mjs [--repos starlette,flask] [--mirror DIR]
//
// The program is test/evaluation/evaluateNearness.ts. --mirror is a folder of bare repositories, as for `npm run eval`.
import { runEvaluation } from "./runEvaluation.mjs";

await runEvaluation("evaluateNearness");
