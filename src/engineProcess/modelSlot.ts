/**
 * What the engine process holds for one model: the opened model and its pack, and the requests at
 * work on them, which meet as src/shared/requestRules.ts says.
 */
import type { ModelInfo } from "../shared/model.js";
import { engineBusy } from "../shared/errors.js";
import { meet, type WorkKind } from "../shared/requestRules.js";
import type {
  CancelHandle,
  ModelHandle,
  NativeAddon,
  PackHandle,
  TokenizerHandle,
} from "./nativeAddon.js";
import type { ChatTemplate } from "./chatTemplate.js";

export interface OpenedModel {
  readonly info: ModelInfo;
  readonly model: ModelHandle;
  readonly tokenizer: TokenizerHandle;
  readonly chat: ChatTemplate;
  /** Ids of "path\n" by path, for citations. */
  readonly citeIds: Map<string, Uint32Array>;
  pack: PackHandle | undefined;
}

interface Running {
  readonly id: number;
  readonly kind: WorkKind;
  readonly cancel: CancelHandle;
  readonly abort: AbortController;
  /** Resolves when the request is over, however it ended. */
  readonly ended: Promise<unknown>;
}

/** How a request under way learns that it is to stop: natively, and in JavaScript. */
export interface Stop {
  readonly cancel: CancelHandle;
  readonly signal: AbortSignal;
}

export class ModelSlot {
  opened: OpenedModel | undefined;
  private readonly running = new Set<Running>();

  constructor(
    private readonly name: string,
    private readonly addon: NativeAddon,
  ) {}

  /** Runs `work` as soon as what makes way has ended; throws `engineBusy` where nothing does. */
  async run<T>(id: number, kind: WorkKind, work: (stop: Stop) => Promise<T>): Promise<T> {
    const met = [...this.running].map((other) => ({ other, how: meet(kind, other.kind) }));
    if (met.some(({ how }) => how === "busy"))
      throw engineBusy(this.opened?.info.name ?? this.name);
    const leaving = met.filter(({ how }) => how === "makesWay").map(({ other }) => other);
    const cancel = this.addon.createCancel();
    const abort = new AbortController();
    const start = async (): Promise<T> => {
      for (const other of leaving) this.stop(other);
      await Promise.all(leaving.map((other) => other.ended));
      return work({ cancel, signal: abort.signal });
    };
    const result = start();
    const running = { id, kind, cancel, abort, ended: result.catch(() => undefined) };
    this.running.add(running);
    try {
      return await result;
    } finally {
      this.running.delete(running);
      this.addon.close(cancel);
    }
  }

  /** Stops the request with this id, or all; resolves when it has ended. */
  async stopRunning(id?: number): Promise<void> {
    const chosen = [...this.running].filter((running) => id === undefined || running.id === id);
    for (const running of chosen) this.stop(running);
    await Promise.all(chosen.map((running) => running.ended));
  }

  close(): void {
    if (this.opened === undefined) return;
    const { pack, tokenizer, model } = this.opened;
    this.opened = undefined;
    if (pack !== undefined) this.addon.close(pack);
    this.addon.close(tokenizer);
    this.addon.close(model);
  }

  private stop(running: Running): void {
    running.abort.abort();
    this.addon.requestCancel(running.cancel);
  }
}
