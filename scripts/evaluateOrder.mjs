// Prints how often a file that a question needs is among the first segments that the coder would read: by
// the scout's focus, by the question's words, and by both together, which is how the product reads:
//
//   python -m blocksight_train order --data DEV --records scout.jsonl --tokenizer scout.tokenizer.json --out packs.jsonl
//   node scripts/evaluateOrder.mjs packs.jsonl ...
//
// The program is test/evaluation/evaluateOrder.ts.
import { runEvaluation } from "./runEvaluation.mjs";

await runEvaluation("evaluateOrder");
