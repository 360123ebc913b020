/** The typed client of the engine process, as everything above it sees it; tests put a fake here. */
import type { EngineRequestName, EngineRequests, ReadProgress } from "./engineMessages.js";
import type { Step } from "./step.js";

export interface RequestOptions {
  /**
   * Aborting stops the native loop within one step or one prefill chunk. `ask` and `read` then
   * resolve with what was done so far; any other request rejects with the signal's reason.
   */
  readonly signal?: AbortSignal;
  readonly onSteps?: (steps: readonly Step[]) => void;
  readonly onReadProgress?: (progress: ReadProgress) => void;
}

export interface Engine {
  /**
   * Settles always: with the reply, or rejected with a `BlocksightError`; with `engineDisposed` after
   * `dispose`, with `engineKilled` when the process dies. The next request then starts a new process,
   * in which tokenizers, models and packs are opened again; only pages kept in memory are lost, so
   * `read` comes before every `ask`.
   */
  request<N extends EngineRequestName>(
    name: N,
    body: EngineRequests[N][0],
    options?: RequestOptions,
  ): Promise<EngineRequests[N][1]>;
  /** Resolves when the process has ended, at the latest after a grace period. Idempotent. */
  dispose(): Promise<void>;
}
