/**
 * One engine behind messages: every request is answered exactly once, with a value or with an entry
 * of the error catalogue. The work itself runs in the addon's threads, so this loop is always free
 * to take a cancel or a ping.
 */
import { assertNever } from "../shared/assertNever.js";
import type {
  AskEnd,
  AskRequest,
  EngineInfo,
  EngineOptions,
  EngineRequestName,
  EngineRequests,
  FromEngine,
  OpenModel,
  PackForModel,
  ReadRequest,
  ReadResult,
  ToEngine,
} from "../shared/engineMessages.js";
import { misuse, modelWrongHash } from "../shared/errors.js";
import type { ModelInfo, ModelRole, TokenizerInfo } from "../shared/model.js";
import { ChatTemplate } from "./chatTemplate.js";
import { fitConversation } from "./conversation.js";
import type { FileHashes } from "./fileHash.js";
import { freeMemoryBytes } from "./freeMemory.js";
import { ModelSlot, type OpenedModel, type Stop } from "./modelSlot.js";
import type { EngineHandle, NativeAddon, PackHandle, TokenizerHandle } from "./nativeAddon.js";
import { toBlocksightError } from "./nativeErrors.js";

const utf8 = new TextEncoder();
/** The engine puts its system text here. */
const SYSTEM_PLACE = "{system}";

export interface EngineServiceDeps {
  /** Throws, as a catalogue error, where the addon cannot be loaded. */
  readonly addon: () => NativeAddon;
  readonly hashes: FileHashes;
  readonly send: (message: FromEngine) => void;
}

export class EngineService {
  private options: EngineOptions = {};
  private engine: Promise<EngineHandle> | undefined;
  private readonly tokenizers = new Map<string, TokenizerHandle>();
  private readonly slots = new Map<ModelRole, ModelSlot>();
  private isStopping = false;

  constructor(private readonly deps: EngineServiceDeps) {}

  handle(message: ToEngine): void {
    switch (message.t) {
      case "start":
        this.options = message.options;
        return;
      case "ping":
        this.deps.send({ t: "pong", at: message.at });
        return;
      case "cancel":
        for (const slot of this.slots.values()) void slot.stopRunning(message.id);
        return;
      case "request":
        void this.answer(message);
        // Its model's slot holds the request by now, and its work begins after this turn.
        if (message.isCancelled) this.handle({ t: "cancel", id: message.id });
        return;
      default:
        assertNever(message);
    }
  }

  /** Stops all work; resolves when no request is under way any more. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all([...this.slots.values()].map((slot) => slot.stopRunning()));
  }

  private async answer(message: Extract<ToEngine, { t: "request" }>): Promise<void> {
    const { id } = message;
    try {
      if (this.isStopping) throw misuse("The engine is stopping.");
      const body = await this.perform(message);
      this.deps.send({ t: "reply", id, ok: true, body });
    } catch (error) {
      this.deps.send({ t: "reply", id, ok: false, error: toBlocksightError(error).toWire() });
    }
  }

  private perform(
    message: Extract<ToEngine, { t: "request" }>,
  ): Promise<EngineRequests[EngineRequestName][1]> {
    const { id } = message;
    switch (message.name) {
      case "hello":
        return this.hello();
      case "openTokenizer":
        return this.openTokenizer(message.body.path);
      case "tokenize":
        return this.tokenize(message.body);
      case "openModel":
        return this.openModel(id, message.body);
      case "closeModel":
        return this.closeModel(id, message.body.model);
      case "setPack":
        return this.setPack(id, message.body);
      case "read":
        return this.read(id, message.body);
      case "ask":
        return this.ask(id, message.body);
      case "clearPages":
        return this.clearPages(message.body.disk);
      default:
        return assertNever(message);
    }
  }

  private get addon(): NativeAddon {
    return this.deps.addon();
  }

  /** Made at first need; a failure is told to each request until it succeeds. */
  private openEngine(): Promise<EngineHandle> {
    this.engine ??= this.addon.openEngine(this.options).catch((error: unknown) => {
      this.engine = undefined;
      throw error;
    });
    return this.engine;
  }

  private slot(role: ModelRole): ModelSlot {
    let slot = this.slots.get(role);
    if (slot === undefined) this.slots.set(role, (slot = new ModelSlot(role, this.addon)));
    return slot;
  }

  private opened(role: ModelRole): OpenedModel {
    const opened = this.slots.get(role)?.opened;
    if (opened === undefined) throw misuse(`The model ${role} is not open.`);
    return opened;
  }

  private packed(role: ModelRole): OpenedModel & { readonly pack: PackHandle } {
    const opened = this.opened(role);
    if (opened.pack === undefined) throw misuse(`The model ${role} has no pack.`);
    return { ...opened, pack: opened.pack };
  }

  private async hello(): Promise<EngineInfo> {
    const text = this.addon.describeEngine(await this.openEngine());
    const described = JSON.parse(text) as Omit<EngineInfo, "freeMemoryBytes">;
    return { ...described, freeMemoryBytes: freeMemoryBytes() };
  }

  private async openTokenizer(path: string): Promise<TokenizerInfo> {
    const tokenizer = await this.addon.openTokenizer(path);
    const info = JSON.parse(this.addon.describeTokenizer(tokenizer)) as TokenizerInfo;
    if (this.tokenizers.has(info.hash)) this.addon.close(tokenizer);
    else this.tokenizers.set(info.hash, tokenizer);
    return info;
  }

  private async tokenize({
    tokenizer,
    texts,
  }: EngineRequests["tokenize"][0]): Promise<EngineRequests["tokenize"][1]> {
    const handle = this.tokenizers.get(tokenizer);
    if (handle === undefined) throw misuse(`No tokenizer ${tokenizer} is open.`);
    return this.addon.encodeAll(handle, texts);
  }

  private openModel(id: number, body: OpenModel): Promise<ModelInfo> {
    const slot = this.slot(body.role);
    return slot.run(id, "change", async ({ signal }) => {
      slot.close();
      const sha256 = await this.checkedHash(body, signal);
      const engine = await this.openEngine();
      const { modelPath, adapterPath, indexSource, layout } = body;
      // An adapter brings the prefix that it was tuned with.
      const prefixText = adapterPath === undefined ? await this.prefixText(modelPath) : undefined;
      const model = await this.addon.openModel(engine, {
        modelPath,
        ...(sha256 !== undefined && { sha256 }),
        ...(adapterPath !== undefined && { adapterPath }),
        ...(indexSource !== undefined && { indexSource }),
        ...(layout !== undefined && { layout }),
        ...(prefixText !== undefined && { prefixText }),
      });
      const tokenizer = this.addon.modelTokenizer(model);
      try {
        signal.throwIfAborted();
        const info = JSON.parse(this.addon.describeModel(model)) as ModelInfo;
        const chat = new ChatTemplate(info.chatTemplate);
        slot.opened = { info, model, tokenizer, chat, citeIds: new Map(), pack: undefined };
        return info;
      } catch (error) {
        this.addon.close(tokenizer);
        this.addon.close(model);
        throw error;
      }
    });
  }

  /** The system turn in the model's own template; undefined where the file has none. */
  private async prefixText(modelPath: string): Promise<string | undefined> {
    const tokenizer = await this.addon.openTokenizer(modelPath);
    try {
      const { chatTemplate } = JSON.parse(this.addon.describeTokenizer(tokenizer)) as TokenizerInfo;
      return chatTemplate === ""
        ? undefined
        : new ChatTemplate(chatTemplate).renderSystem(SYSTEM_PLACE);
    } finally {
      this.addon.close(tokenizer);
    }
  }

  /** The file's hash; undefined where it cannot be read, which the engine then says better. */
  private async checkedHash(body: OpenModel, signal: AbortSignal): Promise<string | undefined> {
    let found: string;
    try {
      found = await this.deps.hashes.sha256(body.modelPath, signal);
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
    if (body.sha256 !== undefined && body.sha256 !== found) {
      throw modelWrongHash(body.modelPath, found, body.sha256);
    }
    return found;
  }

  private closeModel(id: number, role: ModelRole): Promise<undefined> {
    const slot = this.slot(role);
    return slot.run(id, "change", () => {
      slot.close();
      return Promise.resolve(undefined);
    });
  }

  private setPack(id: number, body: PackForModel): Promise<{ readonly held: Uint8Array }> {
    return this.slot(body.model).run(id, "change", async () => {
      const opened = this.opened(body.model);
      if (opened.pack !== undefined) this.addon.close(opened.pack);
      opened.pack = undefined;
      opened.pack = await this.addon.openPack(opened.model, body.tokens, body.fileOfSegment);
      return { held: await this.addon.packHeld(opened.pack) };
    });
  }

  private read(id: number, body: ReadRequest): Promise<ReadResult> {
    const { model, segments, background, budgetMs, atLeast } = body;
    return this.slot(model).run(
      id,
      background ? "backgroundRead" : "read",
      async ({ cancel }: Stop) => {
        const options = {
          segments,
          background,
          ...(budgetMs !== undefined && { budgetMs }),
          ...(atLeast !== undefined && { atLeast }),
        };
        const { read, storeFailure, ...rest } = await this.addon.read(
          this.packed(model).pack,
          options,
          (progress) => {
            this.deps.send({ t: "readProgress", progress: { requestId: id, model, ...progress } });
          },
          cancel,
        );
        return {
          read: segments.slice(0, read),
          ...rest,
          ...(storeFailure && { storeFailure: toBlocksightError(storeFailure).toWire() }),
        };
      },
    );
  }

  private ask(id: number, body: AskRequest): Promise<AskEnd> {
    const { model, sight, maxTokens, sampling } = body;
    return this.slot(model).run(id, "ask", async ({ cancel }: Stop) => {
      const opened = this.packed(model);
      const { prompt, turnStart, droppedTurns } = fitConversation(body.turns, maxTokens, {
        render: (turns) => opened.chat.render(turns),
        encode: (text, parseSpecial) =>
          this.addon.encode(opened.tokenizer, utf8.encode(text), parseSpecial),
        windowTokens: opened.info.conversationTokens,
      });
      const citeIds = this.citeIds(opened, body.citePaths);
      const result = await this.addon.ask(
        opened.pack,
        {
          prompt,
          turnStart,
          sight,
          maxTokens,
          ...sampling,
          ...(citeIds !== undefined && { citeIds }),
        },
        (steps) => {
          const whole = steps.map((step) => ({ requestId: id, model, ...step }));
          this.deps.send({ t: "steps", steps: whole });
        },
        cancel,
      );
      return { ...result, promptTokens: prompt.length, droppedTurns };
    });
  }

  /** Paths as in headers, without the part; undefined for a model that does not cite. */
  private citeIds(
    { info, tokenizer, citeIds }: OpenedModel,
    paths: readonly string[] | undefined,
  ): readonly Uint32Array[] | undefined {
    if (paths === undefined || info.citationToken === undefined) return undefined;
    return paths.map((path) => {
      let ids = citeIds.get(path);
      if (ids === undefined) {
        ids = this.addon.encode(tokenizer, utf8.encode(`${path}\n`), false);
        citeIds.set(path, ids);
      }
      return ids;
    });
  }

  private async clearPages(disk: boolean): Promise<undefined> {
    await this.addon.clearPages(await this.openEngine(), disk);
    return undefined;
  }
}
