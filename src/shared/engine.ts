/** The typed client of the engine process, as everything above it sees it; tests put a fake here. */
import type { EngineRequestName, EngineRequests, ReadProgress } from "./engineMessages.js";
import type { Step } from "./step.js";

export interface RequestOptions {
  /** Aborting stops the native loop within one step or one prefill chunk. */
  readonly signal?: AbortSignal;
  readonly onSteps?: (steps: readonly Step[]) => void;
  readonly onReadProgress?: (progress: ReadProgress) => void;
}

export interface Engine {
  /** Settles always: with the reply, with a `BlocksightError`, or rejected when the engine is disposed. */
  request<N extends EngineRequestName>(
    name: N,
    body: EngineRequests[N][0],
    options?: RequestOptions,
  ): Promise<EngineRequests[N][1]>;
  dispose(): void;
}
