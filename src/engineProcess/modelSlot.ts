/**
 * What the engine process holds for one model: the opened model and its pack, and the one request
 * that works on them. A second request is refused, except that a background read makes way.
 */
import type { ModelInfo } from "../shared/model.js";
import { engineBusy } from "../shared/errors.js";
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
  readonly isBackground: boolean;
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
  private running: Running | undefined;

  constructor(
    private readonly name: string,
    private readonly addon: NativeAddon,
  ) {}

  /** Runs `work` as the only request on this model; throws `engineBusy` when there is another. */
  async exclusively<T>(
    id: number,
    isBackground: boolean,
    work: (stop: Stop) => Promise<T>,
  ): Promise<T> {
    const before = this.running;
    if (before !== undefined && !before.isBackground) {
      throw engineBusy(this.opened?.info.name ?? this.name);
    }
    const cancel = this.addon.createCancel();
    const abort = new AbortController();
    const start = async (): Promise<T> => {
      if (before !== undefined) {
        this.stop(before);
        await before.ended;
      }
      return work({ cancel, signal: abort.signal });
    };
    const result = start();
    const running = { id, isBackground, cancel, abort, ended: result.catch(() => undefined) };
    this.running = running;
    try {
      return await result;
    } finally {
      if (this.running === running) this.running = undefined;
      this.addon.close(cancel);
    }
  }

  /** Stops the request with this id, or whatever runs; resolves when it has ended. */
  async stopRunning(id?: number): Promise<void> {
    const { running } = this;
    if (running === undefined || (id !== undefined && running.id !== id)) return;
    this.stop(running);
    await running.ended;
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
