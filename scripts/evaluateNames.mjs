// Asks 60 questions about a package's own definitions and reports how often the right file comes first:
//
//   node scripts/evaluateNames.mjs --repo DIR [--limit N] [--model coder|scout] [--modes 8,16,all] [--out FILE]
//
// The program is test/evaluation/evaluateNames.ts. A run that was stopped goes on where it was: results
// are kept in --out (build/names.jsonl), a line each. Models and bundles must be there: `npm start -- doctor`.
import { runEvaluation } from "./runEvaluation.mjs";

await runEvaluation("evaluateNames");
