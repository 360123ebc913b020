// Takes from a golden of the numpy reference what focus is computed from: the blocks and masses of the
// question's steps in the question heads, and the ranking of files that must come out.
//
//   node scripts/focusFixture.mjs GOLDEN.json[.gz] OUT.json
import { readFileSync, writeFileSync } from "node:fs";
import { argv, exit, stderr } from "node:process";
import { gunzipSync } from "node:zlib";

const [from, to] = argv.slice(2);
if (from === undefined || to === undefined) {
  stderr.write("Usage: node scripts/focusFixture.mjs GOLDEN.json[.gz] OUT.json\n");
  exit(2);
}
const bytes = readFileSync(from);
const { meta, segments, results } = JSON.parse(from.endsWith(".gz") ? gunzipSync(bytes) : bytes);

const fixture = {
  questionHeads: meta.questionHeads,
  layers: results[0].steps[0].blocks.length,
  groups: results[0].steps[0].blocks[0].length,
  segments: segments.map(({ path, ids, blocks }) => ({ path, tokens: ids.length, blocks })),
  // A long question's first steps are not in the golden, and its ranking needs them all.
  questions: results
    .filter(({ steps }) => steps[0].row === 0)
    .map(({ question, prompt, steps, files }) => ({
      question,
      files,
      steps: steps.slice(0, prompt.length).map((step) =>
        meta.questionHeads.map(([layer, group]) => ({
          blocks: step.blocks[layer][group],
          mass: step.mass[layer][group],
        })),
      ),
    })),
};
// One question a line, so that a change can be read.
const { questions, ...head } = fixture;
const lines = questions.map((question) => `  ${JSON.stringify(question)}`);
writeFileSync(to, `{"head": ${JSON.stringify(head)},\n"questions": [\n${lines.join(",\n")}\n]}\n`);
