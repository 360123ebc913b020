/**
 * A deterministic `Engine` over the real protocol types, without a process and without a model.
 * It refuses what the real one refuses (wrong order, two questions at once, after dispose), cancels
 * and fails where told to, and its selections find the files that hold the question's words.
 */
import type { Engine, RequestOptions } from "../../src/shared/engine.js";
import type {
  AskEnd,
  AskRequest,
  EngineInfo,
  EngineRequestName,
  EngineRequests,
  OpenModel,
  PackForModel,
  ReadRequest,
  ReadResult,
} from "../../src/shared/engineMessages.js";
import { engineBusy, engineDisposed, engineKilled, misuse } from "../../src/shared/errors.js";
import type { ModelInfo, ModelRole } from "../../src/shared/model.js";
import { meet, type WorkKind } from "../../src/shared/requestRules.js";
import { FakeAnswer, isAborted, sleep, type AnswerRule } from "./fakeAnswer.js";
import { fakeModelInfo } from "./fakeModels.js";
import { fakePack, type FakePack } from "./fakeSelection.js";
import { FakeTokenizer } from "./fakeTokenizer.js";

export interface FakeEngineOptions {
  /** Time each answer token takes. */
  readonly stepDelayMs?: number;
  /** Time each segment takes to read when its pages are not held. */
  readonly segmentDelayMs?: number;
  /** Return an error to make that request fail with it. */
  readonly fail?: (name: EngineRequestName, body: unknown) => Error | undefined;
  /** The answer instead of the built-in one; `ranked` are file indices, most focus first. */
  readonly answer?: AnswerRule;
  /** Changes what a model says of itself, for example its shape or its window. */
  readonly model?: (info: ModelInfo) => ModelInfo;
  readonly freeMemoryBytes?: number;
}

interface Running {
  readonly kind: WorkKind;
  readonly cancel: AbortController;
}

interface OpenedModel {
  readonly info: ModelInfo;
  readonly tokenizer: FakeTokenizer;
  pack: FakePack | undefined;
  packKeys: readonly string[];
  readonly read: Set<number>;
  readonly running: Set<Running>;
}

export class FakeEngine implements Engine {
  /** Names of all requests in order, for assertions. */
  readonly requests: EngineRequestName[] = [];
  private readonly tokenizers = new Map<string, FakeTokenizer>();
  private readonly models = new Map<ModelRole, OpenedModel>();
  /** Segments whose pages are held, by content; survives `kill`, as the page store does. */
  private readonly pages = new Set<string>();
  private readonly pending = new Set<(error: Error) => void>();
  private isDisposed = false;
  private nextId = 1;

  constructor(private readonly options: FakeEngineOptions = {}) {}

  async request<N extends EngineRequestName>(
    name: N,
    body: EngineRequests[N][0],
    options: RequestOptions = {},
  ): Promise<EngineRequests[N][1]> {
    this.requests.push(name);
    if (this.isDisposed) throw engineDisposed();
    const failure = this.options.fail?.(name, body);
    if (failure !== undefined) throw failure;
    const isKept = name === "ask" || name === "read";
    if (!isKept) options.signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      this.pending.add(reject);
      const handled = this.handle(name, body, options) as Promise<EngineRequests[N][1]>;
      handled.then(resolve, reject).finally(() => this.pending.delete(reject));
    });
  }

  /** What a crash of the engine process does: everything pending fails, models must be read again. */
  kill(): void {
    this.rejectAll(engineKilled("signal SIGKILL"));
    for (const model of this.models.values()) {
      for (const running of model.running) running.cancel.abort();
      model.running.clear();
      model.read.clear();
    }
  }

  dispose(): Promise<void> {
    this.isDisposed = true;
    this.rejectAll(engineDisposed());
    for (const model of this.models.values()) {
      for (const running of model.running) running.cancel.abort();
    }
    return Promise.resolve();
  }

  private rejectAll(error: Error): void {
    for (const reject of this.pending) reject(error);
    this.pending.clear();
  }

  /** Bodies are typed by the caller's `request`; the cast in each case only repeats its name. */
  private async handle(
    name: EngineRequestName,
    body: EngineRequests[EngineRequestName][0],
    options: RequestOptions,
  ): Promise<unknown> {
    await Promise.resolve();
    switch (name) {
      case "hello":
        return this.hello();
      case "openTokenizer":
        return this.openTokenizer((body as EngineRequests["openTokenizer"][0]).path).info;
      case "tokenize":
        return this.tokenize(body as EngineRequests["tokenize"][0]);
      case "openModel":
        return this.openModel(body as OpenModel);
      case "closeModel":
        this.closeModel((body as EngineRequests["closeModel"][0]).model);
        return undefined;
      case "setPack":
        return this.setPack(body as PackForModel);
      case "read":
        return this.read(body as ReadRequest, options);
      case "ask":
        return this.ask(body as AskRequest, options);
      case "clearPages":
        this.pages.clear();
        for (const model of this.models.values()) model.read.clear();
        return undefined;
    }
  }

  private hello(): EngineInfo {
    return {
      version: "0.0.0-fake",
      cpu: "Fake CPU",
      features: ["fake"],
      threads: 1,
      tier: "ref",
      numerics: "f32",
      kvType: "f32",
      kernels: { matmul: "fake" },
      freeMemoryBytes: this.options.freeMemoryBytes ?? 16e9,
      pageStore: null,
    };
  }

  /** A path that names the scout has its tokenizer; every other path has the coder's. */
  private openTokenizer(path: string): FakeTokenizer {
    const isScout = /scout|smol/i.test(path);
    const tokenizer = isScout
      ? new FakeTokenizer("scout", 4, { "<file_sep>": 5, "<|im_start|>": 1, "<|im_end|>": 2 })
      : new FakeTokenizer("coder", 6, { "<|file_sep|>": 5, "<|im_start|>": 1, "<|im_end|>": 2 });
    this.tokenizers.set(tokenizer.info.hash, tokenizer);
    return tokenizer;
  }

  private tokenize(body: EngineRequests["tokenize"][0]): EngineRequests["tokenize"][1] {
    const tokenizer = this.tokenizers.get(body.tokenizer);
    if (tokenizer === undefined) throw misuse(`No tokenizer ${body.tokenizer} is open.`);
    const all = body.texts.map((text) => tokenizer.encode(text));
    return { ids: all.map((t) => t.ids), ends: all.map((t) => t.ends) };
  }

  private openModel(body: OpenModel): ModelInfo {
    const plain = fakeModelInfo(body);
    const info = this.options.model?.(plain) ?? plain;
    const before = this.models.get(body.role);
    if (before !== undefined) this.makeRoom(before, "change");
    this.models.set(body.role, {
      info,
      tokenizer: this.openTokenizer(body.role),
      pack: undefined,
      packKeys: [],
      read: new Set(),
      running: new Set(),
    });
    return info;
  }

  private closeModel(role: ModelRole): void {
    const model = this.models.get(role);
    if (model !== undefined) this.makeRoom(model, "change");
    this.models.delete(role);
  }

  private opened(role: ModelRole): OpenedModel {
    const model = this.models.get(role);
    if (model === undefined) throw misuse(`The model ${role} is not open.`);
    return model;
  }

  /** Cancels what makes way for a request of this kind; throws where nothing does. */
  private makeRoom(model: OpenedModel, kind: WorkKind): void {
    const running = [...model.running];
    if (running.some((other) => meet(kind, other.kind) === "busy"))
      throw engineBusy(model.info.name);
    for (const other of running) {
      if (meet(kind, other.kind) === "makesWay") other.cancel.abort();
    }
  }

  /** Runs `work` beside what may run beside it. */
  private async atWork<T>(
    model: OpenedModel,
    kind: WorkKind,
    options: RequestOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.makeRoom(model, kind);
    const running = { kind, cancel: new AbortController() };
    model.running.add(running);
    const stop = (): void => running.cancel.abort();
    if (options.signal?.aborted === true) stop();
    options.signal?.addEventListener("abort", stop);
    try {
      return await work(running.cancel.signal);
    } finally {
      options.signal?.removeEventListener("abort", stop);
      model.running.delete(running);
    }
  }

  private setPack(body: PackForModel): { readonly held: Uint8Array } {
    const model = this.opened(body.model);
    this.makeRoom(model, "change");
    model.pack = fakePack(body.tokens, body.fileOfSegment);
    model.packKeys = body.tokens.map((ids) => `${body.model}:${ids.join(",")}`);
    model.read.clear();
    return { held: Uint8Array.from(model.packKeys, (key) => (this.pages.has(key) ? 1 : 0)) };
  }

  private async read(body: ReadRequest, options: RequestOptions): Promise<ReadResult> {
    const model = this.opened(body.model);
    const { pack } = model;
    if (pack === undefined) throw misuse(`The model ${body.model} has no pack.`);
    const requestId = this.nextId++;
    const kind = body.background ? "backgroundRead" : "read";
    return this.atWork(model, kind, options, async (signal) => {
      const start = performance.now();
      const done: number[] = [];
      let prefillTokens = 0;
      let reusedTokens = 0;
      const totalTokens = body.segments.reduce((sum, s) => sum + (pack.segmentTokens[s] ?? 0), 0);
      for (const segment of body.segments) {
        const elapsed = performance.now() - start;
        const isOver = body.budgetMs !== undefined && elapsed >= body.budgetMs;
        if (isAborted(signal) || (isOver && done.length >= (body.atLeast ?? 0))) break;
        const key = model.packKeys[segment];
        if (key === undefined) throw misuse(`There is no segment ${segment}.`);
        const tokens = pack.segmentTokens[segment] ?? 0;
        if (this.pages.has(key)) reusedTokens += tokens;
        else {
          await sleep(this.options.segmentDelayMs ?? 0, signal);
          if (isAborted(signal)) break;
          this.pages.add(key);
          prefillTokens += tokens;
        }
        model.read.add(segment);
        done.push(segment);
        const doneTokens = prefillTokens + reusedTokens;
        const progress = { requestId, model: body.model, segment, doneTokens, totalTokens };
        options.onReadProgress?.({ ...progress, tokensPerSecond: 1000 });
      }
      return {
        read: Uint32Array.from(done),
        prefillTokens,
        reusedTokens,
        elapsedMs: performance.now() - start,
        cancelled: signal.aborted,
      };
    });
  }

  private async ask(body: AskRequest, options: RequestOptions): Promise<AskEnd> {
    const model = this.opened(body.model);
    const { pack } = model;
    if (pack === undefined) throw misuse(`The model ${body.model} has no pack.`);
    const unread = body.sight.find((segment) => !model.read.has(segment));
    if (unread !== undefined) throw misuse(`Segment ${unread} is in sight but was not read.`);
    return this.atWork(model, "ask", options, (signal) =>
      new FakeAnswer(model.info, model.tokenizer, pack, body, this.nextId++).run(
        { signal, onSteps: options.onSteps, stepDelayMs: this.options.stepDelayMs ?? 0 },
        this.options.answer,
      ),
    );
  }
}
