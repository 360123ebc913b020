/** One question over open models and a pack: what to read, reading it, and the answer with its steps. */
import type { StopReason, Timings } from "../shared/answer.js";
import type { AskRequest, ReadProgress, ReadRequest, Turn } from "../shared/engineMessages.js";
import type { ModelInfo, StepShape } from "../shared/model.js";
import type { Pack } from "../shared/pack.js";
import { phrase } from "../shared/phrase.js";
import type { Step } from "../shared/step.js";
import { AnswerText } from "../trace/answerText.js";
import { askResultOf, citationOf, sightOf } from "../trace/askResult.js";
import type { AskTrace, TracedModel } from "../trace/askTrace.js";
import { blockTableOf } from "../trace/blockTable.js";
import { focusOfFiles } from "../trace/measures.js";
import { rankFiles, segmentFocusOf } from "../trace/rankFiles.js";
import { TraceStore } from "../trace/traceStore.js";
import type { AskOptions, AskParts, Asked, Opened, Question } from "./askParts.js";
import { nearnessOf } from "./nearness.js";
import { recordRate, tokensPerSecondOf } from "./rates.js";
import { byFocus, byFocusAndNearness } from "./readingOrder.js";
import { tellStoreFailure } from "./tellStoreFailure.js";
import {
  type ReadMode,
  type ReadingPlan,
  estimateMs,
  needsScout,
  planByFocus,
  planEverything,
  planMs,
  planScout,
  tokensIn,
} from "./readingPlan.js";

const SCOUTED_FILES_NAMED = 10;

interface ReadSoFar {
  readonly sight: Uint32Array;
  readonly prefillTokens: number;
  readonly reusedTokens: number;
}

export class AskRun {
  readonly timings: { -readonly [K in keyof Timings]: Timings[K] } = {
    packMs: 0,
    scoutMs: 0,
    prefillMs: 0,
    prefillTokens: 0,
    reusedTokens: 0,
    firstTokenMs: 0,
    decodeTokens: 0,
    decodeMs: 0,
  };
  private readonly model: TracedModel;
  private readonly scoutModel: TracedModel | undefined;
  private readonly store: TraceStore;
  private isScouted = false;
  private readMode: AskTrace["readMode"];
  private sight: Uint32Array = new Uint32Array();
  private scouted: Uint32Array = new Uint32Array();
  private scoutFocus: Float64Array | undefined;
  private nearness: Float64Array | undefined;

  constructor(
    private readonly parts: AskParts,
    private readonly opened: Opened,
    private readonly pack: Pack,
    private readonly question: Question,
    private readonly options: AskOptions,
    private readonly now: () => number,
  ) {
    const [answeringPack, scoutPack] = pack.models;
    if (answeringPack === undefined) throw new Error("The pack has no model.");
    const { models, answering, scout } = opened;
    this.model = {
      role: models.answering.role,
      info: answering,
      table: blockTableOf(answeringPack),
    };
    this.scoutModel = scout &&
      scoutPack && { role: "scout", info: scout, table: blockTableOf(scoutPack) };
    this.readMode = question.read.t;
    const traced = this.scoutModel ? [this.model, this.scoutModel] : [this.model];
    this.store = new TraceStore(traced.map(({ role, info }) => ({ role, shape: shapeOf(info) })));
  }

  async ask(): Promise<Asked> {
    const { signal } = this.options;
    const plan = await this.plan();
    if (plan) {
      const start = this.now();
      const { sight, ...counts } = await this.read(this.model, this.opened.answering, plan);
      this.sight = sight;
      Object.assign(this.timings, counts, { prefillMs: this.now() - start });
    }
    const stopReason = signal.aborted || !plan ? "cancelled" : await this.answer();
    const trace = this.trace(stopReason);
    return { trace, result: askResultOf(trace) };
  }

  /** What is not in sight, the most wanted first. */
  readingOrder(): Uint32Array {
    const inSight = new Set(this.sight);
    const { scoutFocus, nearness } = this;
    const order =
      scoutFocus && nearness
        ? byFocusAndNearness(scoutFocus, nearness)
        : Uint32Array.from(this.pack.segments.keys());
    return order.filter((segment) => !inSight.has(segment));
  }

  /** What the scout has not read, the nearest first; empty where no scout was needed. */
  scoutingOrder(): Uint32Array {
    const { nearness } = this;
    if (!nearness) return new Uint32Array();
    const isRead = new Set(this.scouted);
    return byFocus(nearness).filter((segment) => !isRead.has(segment));
  }

  private trace(stopReason: StopReason): AskTrace {
    const { packId, roots, files, segments, skipped } = this.pack;
    return {
      question: this.question.text,
      pack: { packId, roots, files, segments, skipped },
      model: this.model,
      scout: this.isScouted ? this.scoutModel : undefined,
      scouted: this.scouted,
      store: this.store,
      readMode: this.readMode,
      sight: this.sight,
      stopReason,
      timings: { ...this.timings },
    };
  }

  /** Undefined when cancelled before there was a plan. */
  private async plan(): Promise<ReadingPlan | undefined> {
    const { read } = this.question;
    const { role, table } = this.model;
    const { held } = await this.setPack(role, 0);
    const tokensPerSecond = tokensPerSecondOf(this.parts.rates, this.opened.answering);
    const state = { segmentTokens: table.segmentTokens, held, tokensPerSecond };
    const { scout } = this.opened;
    if (!this.scoutModel || !scout) {
      if (read.t === "count") {
        const notice = phrase(
          "Only one model reads, so everything is read instead of {0} segments.",
          read.count,
        );
        this.options.onEvent({ t: "notice", notice });
      }
      if (read.t !== "auto") this.readMode = "all";
      return planEverything(state);
    }
    if (read.t === "all" || !needsScout(read, state)) return planEverything(state);
    const nearness = nearnessOf(this.question.text, this.pack);
    this.nearness = nearness;
    this.scoutFocus = await this.scoutPass(this.scoutModel, scout, read, nearness);
    return this.scoutFocus && planByFocus(read, this.scoutFocus, nearness, held);
  }

  private setPack(role: ReadRequest["model"], index: number): Promise<{ held: Uint8Array }> {
    const tokens = this.pack.models[index]?.tokens ?? [];
    const fileOfSegment = Uint32Array.from(this.pack.segments, ({ file }) => file);
    return this.parts.engine.request("setPack", { model: role, tokens, fileOfSegment });
  }

  /** The scout reads what is nearest, or the whole pack, then the question. Undefined when cancelled. */
  private async scoutPass(
    scout: TracedModel,
    info: ModelInfo,
    read: Exclude<ReadMode, { t: "all" }>,
    nearness: Float64Array,
  ): Promise<Float64Array | undefined> {
    const { signal, onEvent } = this.options;
    const { engine } = this.parts;
    const start = this.now();
    this.isScouted = true;
    const state = {
      ...(await this.setPack("scout", 1)),
      segmentTokens: scout.table.segmentTokens,
      tokensPerSecond: tokensPerSecondOf(this.parts.rates, info),
    };
    const isWhole = this.question.scout === "all";
    const plan = isWhole ? planEverything(state) : planScout(read, nearness, state);
    const { sight } = await this.read(scout, info, plan);
    if (!signal.aborted) {
      const request = this.askRequest(scout, sight, 0);
      await engine.request("ask", request, { signal, onSteps: (steps) => this.keep(steps) });
    }
    this.timings.scoutMs = this.now() - start;
    if (signal.aborted) return undefined;
    this.scouted = sight;
    const focus = segmentFocusOf(scout, this.store.trace("scout"));
    const ofFiles = focusOfFiles(focus, this.pack);
    const files = this.pack.files
      .map(({ path }, file) => ({ path, scoutFocus: ofFiles[file] ?? 0 }))
      .sort((a, b) => b.scoutFocus - a.scoutFocus)
      .slice(0, SCOUTED_FILES_NAMED);
    const ofSegments = this.pack.segments.length;
    onEvent({ t: "scouted", segments: sight.length, ofSegments, files });
    return focus;
  }

  /** Reads a plan's held segments, then its fresh ones; what was reached is in sight, ascending. */
  private async read(model: TracedModel, info: ModelInfo, plan: ReadingPlan): Promise<ReadSoFar> {
    const { rates } = this.parts;
    const { signal, onEvent } = this.options;
    const { role, table } = model;
    const { segmentTokens } = table;
    const start = this.now();
    const tokensPerSecond = tokensPerSecondOf(rates, info);
    const planned = plan.held.length + plan.fresh.length;
    onEvent({
      t: "readingStarts",
      model: role,
      segments: planned,
      ofSegments: this.pack.segments.length,
      tokens: tokensIn(plan.fresh, segmentTokens),
      estimateMs: planMs(plan, { segmentTokens, tokensPerSecond }),
      isBounded: plan.budgetMs !== undefined,
    });
    const soFar = { sight: new Uint32Array(), prefillTokens: 0, reusedTokens: 0 };
    const part = async (segments: Uint32Array, limits: Partial<ReadRequest>): Promise<void> => {
      if (segments.length === 0 || signal.aborted) return;
      const endMs = limits.budgetMs === undefined ? Infinity : this.now() + limits.budgetMs;
      const leastTokens = tokensIn(segments.subarray(0, limits.atLeast ?? 0), segmentTokens);
      const result = await this.parts.engine.request(
        "read",
        { model: role, segments, background: false, ...limits },
        {
          signal,
          onReadProgress: (progress) => this.tellReading(progress, { endMs, leastTokens, planned }),
        },
      );
      recordRate(rates, info, result);
      tellStoreFailure(result, onEvent);
      soFar.sight = Uint32Array.from([...soFar.sight, ...result.read]).sort();
      soFar.prefillTokens += result.prefillTokens;
      soFar.reusedTokens += result.reusedTokens;
    };
    await part(plan.held, {});
    const { budgetMs, atLeast = 0 } = plan;
    // What loading took is spent; a budget of 0 would mean none at all.
    const left = budgetMs === undefined ? 0 : Math.max(1, budgetMs - (this.now() - start));
    await part(plan.fresh, budgetMs === undefined ? {} : { budgetMs: left, atLeast });
    const { sight, prefillTokens, reusedTokens } = soFar;
    const elapsedMs = this.now() - start;
    const segments = sight.length;
    onEvent({ t: "readingEnded", model: role, segments, prefillTokens, reusedTokens, elapsedMs });
    return soFar;
  }

  /** Reading of `planned` segments ends when all is read, or at `endMs` once `leastTokens` are. */
  private tellReading(
    progress: ReadProgress,
    {
      endMs,
      leastTokens,
      planned,
    }: { readonly endMs: number; readonly leastTokens: number; readonly planned: number },
  ): void {
    const { model, segment, doneTokens, totalTokens, tokensPerSecond } = progress;
    const file = this.pack.segments[segment]?.file ?? -1;
    const path = this.pack.files[file]?.path ?? "";
    const msFor = (tokens: number): number =>
      tokensPerSecond > 0 ? estimateMs(Math.max(0, tokens), tokensPerSecond) : 0;
    const leastMs = Math.max(0, endMs - this.now(), msFor(leastTokens - doneTokens));
    const etaMs = Math.min(msFor(totalTokens - doneTokens), leastMs);
    this.options.onEvent({
      t: "reading",
      model,
      segments: planned,
      ofSegments: this.pack.segments.length,
      path,
      doneTokens,
      totalTokens,
      tokensPerSecond,
      etaMs,
    });
  }

  private askRequest(
    { role, info }: TracedModel,
    sight: Uint32Array,
    maxTokens: number,
  ): AskRequest {
    const { history, text, sampling } = this.question;
    const turns: readonly Turn[] = [...(history ?? []), { role: "user", text }];
    const request = { model: role, turns, sight, maxTokens, sampling };
    return info.citationToken === undefined || maxTokens === 0
      ? request
      : { ...request, citePaths: this.pack.files.map(({ path }) => path) };
  }

  private async answer(): Promise<StopReason> {
    const { engine } = this.parts;
    const { signal, onEvent } = this.options;
    const text = new AnswerText(this.model.info.citationToken);
    let isQuestionRead = false;
    const tellQuestionRead = (): void => {
      if (isQuestionRead) return;
      isQuestionRead = true;
      const trace = this.trace("cancelled");
      const files = rankFiles(trace);
      onEvent({ t: "questionRead", files, sight: sightOf(trace, files) });
      onEvent({ t: "traced", trace });
    };
    const onSteps = (steps: readonly Step[]): void => {
      for (const step of steps) {
        if (step.kind !== "question") tellQuestionRead();
        const at = this.store.trace(this.model.role).length;
        this.keep([step]);
        const delta = text.append(step);
        if (delta.cited) {
          const { citation } = delta.cited;
          const cited = citationOf(this.trace("cancelled"), citation.file, delta.cited.at, at);
          onEvent({ t: "citation", citation: cited });
        }
        if (delta.text !== "") onEvent({ t: "text", text: delta.text });
      }
    };
    const request = this.askRequest(this.model, this.sight, this.question.maxTokens);
    const end = await engine.request("ask", request, { signal, onSteps });
    if (this.store.trace(this.model.role).length > 0) tellQuestionRead();
    const rest = text.flush();
    if (rest !== "") onEvent({ t: "text", text: rest });
    this.timings.firstTokenMs = end.firstTokenMs;
    this.timings.decodeTokens = end.answerTokens;
    this.timings.decodeMs = end.decodeMs;
    if (end.droppedTurns > 0) {
      const notice =
        end.droppedTurns === 1
          ? phrase("The oldest turn no longer fit and was left out.")
          : phrase("The oldest {0} turns no longer fit and were left out.", end.droppedTurns);
      onEvent({ t: "notice", notice });
    }
    return end.stopReason;
  }

  private keep(steps: readonly Step[]): void {
    for (const step of steps) this.store.append(step);
  }
}

function shapeOf({ sparseLayers, groups, k }: TracedModel["info"]): StepShape {
  return { sparseLayers, groups, k };
}
