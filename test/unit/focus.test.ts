import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NO_BLOCK } from "../../src/shared/blocks.js";
import type { StepShape } from "../../src/shared/model.js";
import { segmentUnits, type BlockTable } from "../../src/trace/blockTable.js";
import { focusOfFiles, focusOfUnits, questionLanes } from "../../src/trace/measures.js";
import { ModelTrace } from "../../src/trace/traceStore.js";

/** Made by scripts/focusFixture.mjs from the numpy reference's goldens. */
interface Fixture {
  readonly head: {
    readonly questionHeads: readonly (readonly [number, number])[];
    readonly layers: number;
    readonly groups: number;
    readonly segments: readonly {
      readonly path: string;
      readonly tokens: number;
      readonly blocks: readonly [number, number];
    }[];
  };
  readonly questions: readonly {
    readonly question: string;
    readonly files: readonly (readonly [string, number])[];
    readonly steps: readonly (readonly {
      readonly blocks: readonly number[];
      readonly mass: readonly number[];
    }[])[];
  }[];
}

const load = (model: string): Fixture =>
  JSON.parse(
    readFileSync(new URL(`../fixtures/focus-${model}.json`, import.meta.url), "utf8"),
  ) as Fixture;

function tableOf({ segments }: Fixture["head"]): BlockTable {
  const blockCount = segments.at(-1)?.blocks[1] ?? 1;
  const segmentOfBlock = new Uint32Array(blockCount).fill(NO_BLOCK);
  for (const [segment, { blocks }] of segments.entries()) segmentOfBlock.fill(segment, ...blocks);
  return {
    tokenizer: "",
    firstBlock: Uint32Array.from(segments, ({ blocks }) => blocks[0]),
    segmentTokens: Uint32Array.from(segments, ({ tokens }) => tokens),
    blockCount,
    segmentOfBlock,
    startLine: new Uint32Array(blockCount),
    endLine: new Uint32Array(blockCount),
    tokenCount: 0,
    paddingTokens: 0,
  };
}

/** Only the question heads' lanes are filled: focus must look at no other. */
function traceOf(
  { head }: Fixture,
  shape: StepShape,
  { steps }: Fixture["questions"][number],
): ModelTrace {
  const trace = new ModelTrace("coder", shape);
  const size = shape.sparseLayers * shape.groups * shape.k;
  for (const [index, lanes] of steps.entries()) {
    const blocks = new Uint32Array(size).fill(NO_BLOCK);
    const mass = new Float32Array(size);
    for (const [at, [layer, group]] of head.questionHeads.entries()) {
      const start = (layer * shape.groups + group) * shape.k;
      blocks.set(lanes[at]?.blocks ?? [], start);
      mass.set(lanes[at]?.mass ?? [], start);
    }
    trace.append({
      requestId: 1,
      index,
      model: "coder",
      kind: "question",
      tokenId: 0,
      bytes: new Uint8Array(),
      blocks,
      score: new Float32Array(size),
      mass,
    });
  }
  return trace;
}

describe.each(["scout", "coder"])("focus of the %s's golden questions", (model) => {
  const fixture = load(model);
  const { head, questions } = fixture;
  const table = tableOf(head);
  const paths = [...new Set(head.segments.map(({ path }) => path))];
  const pack = {
    files: paths.map((path) => ({ path })),
    segments: head.segments.map(({ path }) => ({ file: paths.indexOf(path) })),
  };

  it.each(questions.map((question) => [question.question, question] as const))(
    "ranks files as the reference does: %s",
    (_, question) => {
      const shape = { sparseLayers: head.layers, groups: head.groups, k: 16 };
      const trace = traceOf(fixture, shape, question);
      const heads = head.questionHeads.map(([layer, group]) => ({ layer, group }));
      const lanes = questionLanes(shape, heads);
      const segments = focusOfUnits(trace, trace.question, lanes, segmentUnits(table));
      const focus = focusOfFiles(segments, pack);
      const ranked = paths
        .map((path, file) => [path, focus[file] ?? 0] as const)
        .sort((a, b) => b[1] - a[1]);

      expect(ranked.map(([path]) => path)).toEqual(question.files.map(([path]) => path));
      // Masses in the golden are rounded to six digits.
      for (const [at, [, expected]] of question.files.entries()) {
        expect(Math.abs((ranked[at]?.[1] ?? 0) - expected)).toBeLessThan(1e-4);
      }
    },
  );
});
