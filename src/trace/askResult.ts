/** A finished question to the object of `--json`: a saved trace gives the same one. */
import type { AnswerModel, AskResult, Citation, FileRead, Sight } from "../shared/answer.js";
import { SCHEMA, skippedEntries } from "../shared/answer.js";
import { AnswerText } from "./answerText.js";
import { type AskTrace, type TracedModel, answeringTrace } from "./askTrace.js";
import { citedLines, rankFiles } from "./rankFiles.js";

/** How many files not in sight are named. */
const NOT_READ_NAMED = 10;

export function askResultOf(ask: AskTrace): AskResult {
  const { pack, model, scout } = ask;
  const { answer, citations } = answerOf(ask);
  const files = rankFiles(ask);
  return {
    schema: SCHEMA,
    question: ask.question,
    answer,
    stopReason: ask.stopReason,
    model: answerModelOf(model),
    scout: scout ? answerModelOf(scout) : null,
    sight: sightOf(ask, files),
    citations,
    pack: {
      packId: pack.packId,
      files: pack.files.length,
      segments: pack.segments.length,
      blocks: model.table.blockCount,
      tokens: model.table.tokenCount,
      paddingTokens: model.table.paddingTokens,
      skipped: skippedEntries(pack.skipped),
    },
    files,
    timings: ask.timings,
  };
}

/** The text with its citations. */
function answerOf(ask: AskTrace): { answer: string; citations: readonly Citation[] } {
  const trace = answeringTrace(ask);
  const text = new AnswerText(ask.model.info.citationToken);
  const citations: Citation[] = [];
  for (let at = 0; at < trace.length; at++) {
    const { cited } = text.append(trace.head(at));
    if (cited) citations.push(citationOf(ask, cited.citation.file, cited.at, at));
  }
  text.flush();
  return { answer: text.text, citations };
}

/** `step` is the step that opens the citation; its lines come from the steps before it. */
export function citationOf(ask: AskTrace, file: number, at: number, step: number): Citation {
  return { path: ask.pack.files[file]?.path ?? "", ...citedLines(ask, file, step), at };
}

export function sightOf(ask: AskTrace, files: readonly FileRead[]): Sight {
  const { model, scout, scouted, sight, pack } = ask;
  return {
    segments: sight.length,
    ofSegments: pack.segments.length,
    tokens: sight.reduce((sum, segment) => sum + (model.table.segmentTokens[segment] ?? 0), 0),
    mode: ask.readMode,
    scouted: scout ? scouted.length : null,
    notRead: files
      .filter(({ inSight }) => !inSight)
      .map(({ path, scoutFocus }) => ({ path, scoutFocus }))
      .sort((a, b) => (b.scoutFocus ?? -1) - (a.scoutFocus ?? -1))
      .slice(0, NOT_READ_NAMED),
  };
}

function answerModelOf({ info }: TracedModel): AnswerModel {
  const { name, architecture, quantization, indexSource, layout, kernels } = info;
  return { name, architecture, quantization, indexSource, layout, kernels };
}
