/** Steps to the files they read, most focus first: the table below every answer. */
import type { BlockRead, FileRead } from "../shared/answer.js";
import { type AskTrace, type TracedModel, answeringTrace } from "./askTrace.js";
import { blocksInSight, blockUnits, endBlockOf, fileUnits } from "./blockTable.js";
import {
  allLanes,
  focusOfFiles,
  focusOfSegments,
  focusOfUnits,
  questionLanes,
  regrouped,
  sumReads,
  unitMeasures,
} from "./measures.js";
import type { ModelTrace } from "./traceStore.js";

/** Focus by segment, from the question's steps in the model's question heads. */
export function segmentFocusOf(model: TracedModel, trace: ModelTrace): Float64Array {
  return focusOfSegments(blockFocusOf(model, trace), model.table);
}

function blockFocusOf({ info, table }: TracedModel, trace: ModelTrace): Float64Array {
  const lanes = questionLanes(trace.shape, info.questionHeads);
  return focusOfUnits(trace, trace.question, lanes, blockUnits(table));
}

/**
 * Every file of the pack, sorted by focus, then mass, then pack order. Share, lift and mass are over
 * all steps and lanes of the answering model. A file's blocks are those that were read at all, in
 * pack order.
 */
export function rankFiles(ask: AskTrace): readonly FileRead[] {
  const { pack, model, scout, sight, scouted } = ask;
  const { table } = model;
  const trace = answeringTrace(ask);
  const lanes = allLanes(trace.shape);
  const byBlock = blockUnits(table);
  const byFile = fileUnits(table, pack);

  const blockFocus = blockFocusOf(model, trace);
  const fileFocus = focusOfFiles(focusOfSegments(blockFocus, table), pack);
  const scoutFocus =
    scout && focusOfFiles(segmentFocusOf(scout, ask.store.trace(scout.role)), pack);
  const filesScouted = new Set([...scouted].map((segment) => pack.segments[segment]?.file));

  const readsOfBlocks = sumReads(trace, trace.all, lanes, byBlock);
  const blockMeasures = unitMeasures(readsOfBlocks, blocksInSight(table, byBlock, sight));
  const fileBlocksInSight = blocksInSight(table, byFile, sight);
  const fileMeasures = unitMeasures(regrouped(readsOfBlocks, byFile), fileBlocksInSight);

  const blocksOfFile = (file: number): readonly BlockRead[] => {
    const read: BlockRead[] = [];
    const { firstSegment, segmentCount } = pack.files[file] ?? { firstSegment: 0, segmentCount: 0 };
    for (let segment = firstSegment; segment < firstSegment + segmentCount; segment++) {
      const end = endBlockOf(table, segment);
      for (let block = table.firstBlock[segment] ?? end; block < end; block++) {
        const { share = 0, mass = 0 } = blockMeasures[block] ?? {};
        const focus = blockFocus[block] ?? 0;
        if (share === 0 && mass === 0 && focus === 0) continue;
        read.push({
          block,
          ...linesOf(ask, block),
          symbols: symbolsOf(ask, block),
          focus,
          share,
          mass,
        });
      }
    }
    return read;
  };

  return pack.files
    .map(({ path }, file) => ({
      path,
      focus: fileFocus[file] ?? 0,
      scoutFocus: scoutFocus && filesScouted.has(file) ? (scoutFocus[file] ?? 0) : null,
      inSight: (fileBlocksInSight[file] ?? 0) > 0,
      share: fileMeasures[file]?.share ?? 0,
      lift: fileMeasures[file]?.lift ?? 0,
      mass: fileMeasures[file]?.mass ?? 0,
      blocks: blocksOfFile(file),
    }))
    .sort((a, b) => b.focus - a.focus || b.mass - a.mass);
}

export interface Lines {
  readonly startLine: number;
  readonly endLine: number;
}

/** The lines of a block of the answering model. */
export function linesOf({ model }: Pick<AskTrace, "model">, block: number): Lines {
  return {
    startLine: model.table.startLine[block] ?? 0,
    endLine: model.table.endLine[block] ?? 0,
  };
}

/**
 * Names of the definitions that overlap a block: first those that begin in it, then those around it
 * (the class of a method), the innermost first.
 */
export function symbolsOf(
  { pack, model }: Pick<AskTrace, "pack" | "model">,
  block: number,
): readonly string[] {
  const segment = pack.segments[model.table.segmentOfBlock[block] ?? -1];
  const { startLine, endLine } = linesOf({ model }, block);
  const overlapping = (segment?.symbols ?? []).filter(
    (symbol) => symbol.startLine <= endLine && symbol.endLine >= startLine,
  );
  const begins = overlapping.filter((symbol) => symbol.startLine >= startLine);
  const around = overlapping.filter((symbol) => symbol.startLine < startLine);
  return [...begins, ...around.reverse()].map(({ name }) => name);
}

/**
 * The lines that a citation of `file` stands for: those of the file's block with the highest mass
 * over the answering model's steps before `beforeStep`, in its question heads. Equal mass goes to
 * the lower block; a block of header tokens alone has no lines and is passed over.
 */
export function citedLines(ask: AskTrace, file: number, beforeStep: number): Lines {
  const { pack, model } = ask;
  const { table } = model;
  const trace = answeringTrace(ask);
  const lanes = questionLanes(trace.shape, model.info.questionHeads);
  const { mass } = sumReads(trace, { from: 0, to: beforeStep }, lanes, blockUnits(table));
  const { firstSegment, segmentCount } = pack.files[file] ?? { firstSegment: 0, segmentCount: 0 };
  let best: Lines | undefined;
  let bestMass = -1;
  for (let segment = firstSegment; segment < firstSegment + segmentCount; segment++) {
    const end = endBlockOf(table, segment);
    for (let block = table.firstBlock[segment] ?? end; block < end; block++) {
      const lines = linesOf(ask, block);
      const weight = mass[block] ?? 0;
      if (lines.startLine > 0 && weight > bestMass) {
        best = lines;
        bestMass = weight;
      }
    }
  }
  return best ?? { startLine: 1, endLine: 1 };
}
