/**
 * One workspace, its models, and questions about it: from the pack to the last step, over the
 * typed engine client. Knows neither editor nor terminal; command line and extension share it.
 */
import type { AskEvent } from "./ask/askEvents.js";
import type { AskModels, AskOptions, AskParts, Asked, Opened, Question } from "./ask/askParts.js";
import { AskRun } from "./ask/askRun.js";
import { memoryBudgetTokens, refuseEmpty, refuseOverBudget } from "./ask/budget.js";
import { recordRate, tokensPerSecondOf } from "./ask/rates.js";
import { tellStoreFailure } from "./ask/tellStoreFailure.js";
import type { EngineInfo, OpenModel, ReadProgress } from "./shared/engineMessages.js";
import { BlocksightError, questionRunning } from "./shared/errors.js";
import type { ModelInfo, ModelRole, TokenizerInfo } from "./shared/model.js";
import type { Pack } from "./shared/pack.js";

export class AskSession {
  private readonly now: () => number;
  private opened: Promise<Opened> | undefined;
  private found: Promise<{ info: EngineInfo; models: AskModels }> | undefined;
  private tokenizer: Promise<TokenizerInfo> | undefined;
  private isBusy = false;
  private lastPack: Pack | undefined;
  /** Segments in the order in which reading on goes, from the last question. */
  private readingOrder: Uint32Array = new Uint32Array();
  /** Segments that the scout has not read, in the order in which it goes on. */
  private scoutingOrder: Uint32Array = new Uint32Array();

  constructor(private readonly parts: AskParts) {
    this.now = parts.now ?? (() => performance.now());
  }

  /**
   * Asks one question. Aborting the signal ends it within one step or one prefill chunk with
   * `stopReason: "cancelled"` and all that was read so far; before the pack is known there is
   * nothing to show, and it rejects with `cancelled`. One question at a time: else `engineBusy`.
   */
  async ask(question: Question, options: AskOptions): Promise<Asked> {
    if (this.isBusy) throw questionRunning();
    this.isBusy = true;
    try {
      return await this.askAlone(question, options);
    } finally {
      this.isBusy = false;
    }
  }

  /** Packs and opens the models without asking: what a surface shows before the first question. */
  async prepare(options: AskOptions): Promise<Pack> {
    const opening = this.open(options.onEvent);
    const pack = await this.pack(opening, options);
    options.onEvent(this.openedEvent(await opening));
    return pack.value;
  }

  /**
   * After files were saved: packs again and reads the segments of `paths` that are not held, at
   * lowest priority, so that the next question starts at once.
   */
  async readChanged(paths: ReadonlySet<string>, options: AskOptions): Promise<void> {
    const pack = await this.prepare(options);
    const { models } = await this.open();
    const { held } = await this.parts.engine.request("setPack", {
      model: models.answering.role,
      tokens: pack.models[0]?.tokens ?? [],
      fileOfSegment: Uint32Array.from(pack.segments, ({ file }) => file),
    });
    const changed = [...pack.segments.keys()].filter((segment) => {
      const path = pathOfSegment(pack, segment);
      return held[segment] === 0 && path !== undefined && paths.has(path);
    });
    await this.readInBackground(models.answering.role, Uint32Array.from(changed), options);
  }

  /**
   * Reads on at lowest priority: first what the scout has not ranked, so that the next question is
   * ranked over everything, then what is not in sight, in the order of the last question's scout
   * focus. Resolves when all is read or the signal is aborted.
   */
  async readOn(options: AskOptions): Promise<void> {
    const { answering } = (await this.open()).models;
    const scouting = this.scoutingOrder;
    const scouted = await this.readInBackground("scout", scouting, options);
    // Another question may have come and set its own orders meanwhile.
    if (this.scoutingOrder === scouting) this.scoutingOrder = without(scouting, scouted);
    if (options.signal.aborted || this.scoutingOrder.length > 0) return;
    const order = this.readingOrder;
    const read = await this.readInBackground(answering.role, order, options);
    if (this.readingOrder === order) this.readingOrder = without(order, read);
  }

  /** Tokens of a text in the answering model, without opening the model. */
  async countTokens(text: string): Promise<number> {
    const { engine } = this.parts;
    this.tokenizer ??= this.find().then(({ models }) =>
      engine.request("openTokenizer", { path: models.answering.modelPath }),
    );
    this.tokenizer.catch(() => (this.tokenizer = undefined));
    const { hash } = await this.tokenizer;
    const texts = [new TextEncoder().encode(text)];
    const { ids } = await engine.request("tokenize", { tokenizer: hash, texts });
    return ids[0]?.length ?? 0;
  }

  private async readInBackground(
    model: ModelRole,
    segments: Uint32Array,
    { signal, onEvent }: AskOptions,
  ): Promise<Uint32Array> {
    const { answering, models, scout } = await this.open();
    const info = model === models.answering.role ? answering : scout;
    const pack = this.lastPack;
    if (segments.length === 0 || pack === undefined || info === undefined) return new Uint32Array();
    const onReadProgress = (progress: ReadProgress): void => {
      const { segment, doneTokens, totalTokens, tokensPerSecond } = progress;
      const path = pathOfSegment(pack, segment) ?? "";
      const left = Math.max(0, totalTokens - doneTokens);
      const etaMs = tokensPerSecond > 0 ? (left / tokensPerSecond) * 1000 : 0;
      onEvent({
        ...{ t: "reading", model, path, doneTokens, totalTokens, tokensPerSecond, etaMs },
        segments: segments.length,
        ofSegments: pack.segments.length,
      });
    };
    const result = await this.parts.engine.request(
      "read",
      { model, segments, background: true },
      { signal, onReadProgress },
    );
    tellStoreFailure(result, onEvent);
    const { elapsedMs, prefillTokens, reusedTokens, read } = result;
    recordRate(this.parts.rates, info, { prefillTokens, elapsedMs });
    onEvent({
      t: "readingEnded",
      model,
      segments: read.length,
      prefillTokens,
      reusedTokens,
      elapsedMs,
    });
    return read;
  }

  private async askAlone(question: Question, options: AskOptions): Promise<Asked> {
    const { signal, onEvent } = options;
    const opening = this.open(onEvent);
    const pack = await this.pack(opening, options);
    const opened = await opening;
    onEvent(this.openedEvent(opened));
    throwIfCancelled(signal);
    refuseEmpty(pack.value);
    const budget = question.budgetTokens ?? memoryBudgetTokens(opened);
    refuseOverBudget(pack.value, budget);

    const run = new AskRun(this.parts, opened, pack.value, question, options, this.now);
    run.timings.packMs = pack.elapsedMs;
    const asked = await run.ask();
    this.readingOrder = run.readingOrder();
    this.scoutingOrder = run.scoutingOrder();
    onEvent({ t: "done", result: asked.result });
    return asked;
  }

  private openedEvent(opened: Opened): AskEvent {
    return {
      t: "opened",
      model: opened.answering,
      memoryTokens: memoryBudgetTokens(opened),
      tokensPerSecond: tokensPerSecondOf(this.parts.rates, opened.answering),
    };
  }

  private async pack(
    opening: Promise<Opened>,
    { signal, onEvent }: AskOptions,
  ): Promise<{ value: Pack; elapsedMs: number }> {
    const models = await this.models();
    if (models.notice !== undefined) onEvent({ t: "notice", notice: models.notice });
    const start = this.now();
    const infos = opening.then(({ answering, scout }) =>
      scout ? [answering, scout] : [answering],
    );
    // Both are awaited again by whoever needs them; a failure there must not count as unhandled.
    infos.catch(() => undefined);
    throwIfCancelled(signal);
    try {
      const value = await this.parts.pack({
        models,
        infos,
        engine: this.parts.engine,
        signal,
        onProgress: (progress) => onEvent({ t: "packing", progress }),
      });
      const elapsedMs = this.now() - start;
      this.lastPack = value;
      onEvent({ t: "packed", pack: value, packMs: elapsedMs });
      return { value, elapsedMs };
    } catch (error) {
      throwIfCancelled(signal);
      throw error;
    }
  }

  private find(): Promise<{ info: EngineInfo; models: AskModels }> {
    const { engine, models } = this.parts;
    this.found ??= engine
      .request("hello", undefined)
      .then(async (info) => ({ info, models: await models(info) }));
    return this.found;
  }

  private async models(): Promise<AskModels> {
    return (await this.find()).models;
  }

  /** Opens the models once; a failure is not kept, so that the next question tries again. */
  private open(onEvent?: (event: AskEvent) => void): Promise<Opened> {
    this.opened ??= this.openModels(onEvent).catch((error: unknown) => {
      this.opened = undefined;
      this.found = undefined;
      throw error;
    });
    this.opened.catch(() => undefined);
    return this.opened;
  }

  private async openModels(onEvent?: (event: AskEvent) => void): Promise<Opened> {
    const { info, models } = await this.find();
    const openOne = (model: OpenModel): Promise<ModelInfo> => {
      onEvent?.({ t: "opening", model: model.role });
      return this.parts.engine.request("openModel", model);
    };
    const scout = models.scout && (await openOne(models.scout));
    const answering = await openOne(models.answering);
    return { info, models, answering, scout };
  }
}

function without(order: Uint32Array, done: Uint32Array): Uint32Array {
  const isDone = new Set(done);
  return order.filter((segment) => !isDone.has(segment));
}

function pathOfSegment(pack: Pack, segment: number): string | undefined {
  return pack.files[pack.segments[segment]?.file ?? -1]?.path;
}

function throwIfCancelled(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new BlocksightError(
    "cancelled",
    "Stopped before anything was read.",
    "Ask again; files that were packed are packed faster the next time.",
  );
}
