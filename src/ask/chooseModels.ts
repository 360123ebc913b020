/** Which models read a question: as asked for, or the scout alone where memory is short. */
import { phrase, type Phrase } from "../shared/phrase.js";
import type { EngineInfo, OpenModel } from "../shared/engineMessages.js";
import type { IndexSource, Layout, ModelRole } from "../shared/model.js";
import type { AskModels } from "./askParts.js";
import type { ReadMode } from "./readingPlan.js";

/** With less free memory than this the coder and its pages would push everything else out. */
const CODER_FREE_BYTES = 6e9;

export interface ModelChoice {
  /** "coder", "scout", or the path of a GGUF; undefined leaves it open. */
  readonly model: string | undefined;
  /** Path of an adapter for a model that was given by path; those of the product have theirs. */
  readonly adapter?: string | undefined;
  readonly read: ReadMode;
  readonly index: IndexSource | undefined;
  readonly layout: Layout | undefined;
}

/** Finds a model of the product; rejects with `modelMissing` and what to do. */
export type FindModel = (role: ModelRole) => Promise<OpenModel>;

export async function chooseModels(
  { model, adapter, read, index, layout }: ModelChoice,
  { freeMemoryBytes }: Pick<EngineInfo, "freeMemoryBytes">,
  find: FindModel,
): Promise<AskModels> {
  const options = {
    ...(index === undefined ? {} : { indexSource: index }),
    ...(layout === undefined ? {} : { layout }),
  };
  if (model !== undefined && model !== "coder" && model !== "scout") {
    const own = adapter === undefined ? {} : { adapterPath: adapter };
    return { answering: { role: "coder", modelPath: model, ...own, ...options } };
  }
  const isMemoryShort = model === undefined && freeMemoryBytes < CODER_FREE_BYTES;
  if (model === "scout" || isMemoryShort) {
    const answering = { ...(await find("scout")), ...options };
    return isMemoryShort ? { answering, notice: memoryNotice(freeMemoryBytes) } : { answering };
  }
  const answering = { ...(await find("coder")), ...options };
  // Who reads everything needs nobody to read ahead, and the causal layout is one sequence.
  if (read.t === "all" || layout === "causal") return { answering };
  return { answering, scout: await find("scout") };
}

function memoryNotice(freeMemoryBytes: number): Phrase {
  return phrase(
    "Only {0} GB of memory are free, so the scout answers alone: it finds well and writes badly. The coder needs 6 GB; --model coder takes it all the same.",
    (freeMemoryBytes / 1e9).toFixed(1),
  );
}
