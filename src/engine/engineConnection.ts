/**
 * Requests over one engine process. Every one settles: with its reply, or with an error when the
 * process ends. A process that no longer answers pings, or that does not stop when told to, is killed.
 */
import { assertNever } from "../shared/assertNever.js";
import type { RequestOptions } from "../shared/engine.js";
import type {
  EngineRequestName,
  EngineRequests,
  FromEngine,
  ToEngine,
} from "../shared/engineMessages.js";
import { BlocksightError, engineKilled } from "../shared/errors.js";
import type { EngineProcess } from "./engineHost.js";

export interface ConnectionTimes {
  readonly heartbeatMs: number;
  /** Heartbeats without an answer after which the process is taken as hung. */
  readonly missedHeartbeats: number;
  /** From the closed channel to the hard kill. */
  readonly graceMs: number;
  /** From a cancel to the hard kill: a model that is loaded is worth more of a wait. */
  readonly cancelGraceMs: number;
}

interface Pending {
  readonly name: EngineRequestName;
  readonly options: RequestOptions;
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Frees what the request holds outside: its abort listener and its timers. */
  readonly release: () => void;
}

/** Cancelled, these resolve with what was done so far; everything else rejects. */
const endsWithResult = (name: EngineRequestName): boolean => name === "ask" || name === "read";

export class EngineConnection {
  private readonly pending = new Map<number, Pending>();
  private readonly heartbeat: NodeJS.Timeout;
  private readonly ended: Promise<void>;
  private missed = 0;
  private endError: Error | undefined;

  constructor(
    private readonly child: EngineProcess,
    private readonly times: ConnectionTimes,
    /** `isExpected` after `close`. */
    onEnd: (how: string, isExpected: boolean) => void,
  ) {
    this.ended = new Promise((resolve) => {
      child.onEnd((how) => {
        const isExpected = this.endError !== undefined;
        this.fail(engineKilled(how));
        resolve();
        onEnd(how, isExpected);
      });
    });
    child.onMessage((message) => this.receive(message));
    this.heartbeat = setInterval(() => this.beat(), times.heartbeatMs);
    this.heartbeat.unref();
  }

  get pendingCount(): number {
    return this.pending.size;
  }

  post(message: ToEngine): void {
    this.child.send(message);
  }

  request<N extends EngineRequestName>(
    id: number,
    name: N,
    body: EngineRequests[N][0],
    options: RequestOptions,
  ): Promise<EngineRequests[N][1]> {
    if (this.endError !== undefined) return Promise.reject(this.endError);
    return new Promise((resolve, reject) => {
      const { signal } = options;
      let grace: NodeJS.Timeout | undefined;
      const cancel = (): void => {
        this.post({ t: "cancel", id });
        killLater();
      };
      const killLater = (): void => {
        if (!endsWithResult(name)) return;
        grace = setTimeout(() => this.child.kill(), this.times.cancelGraceMs);
        grace.unref();
      };
      const release = (): void => {
        clearTimeout(grace);
        signal?.removeEventListener("abort", cancel);
      };
      const settle = (body: unknown): void => resolve(body as EngineRequests[N][1]);
      this.pending.set(id, { name, options, resolve: settle, reject, release });
      // The members of ToEngine are made from EngineRequests: name and body belong together.
      const isCancelled = signal?.aborted === true;
      const early = isCancelled ? { isCancelled } : {};
      const isSent = this.child.send({ t: "request", id, name, body, ...early } as ToEngine);
      if (!isSent) this.settle(id, (p) => p.reject(engineKilled("its channel is closed")));
      if (isCancelled) killLater();
      signal?.addEventListener("abort", cancel);
    });
  }

  /** Rejects what is under way with `error`, asks the process to end, kills it after the grace period. */
  async close(error: Error): Promise<void> {
    this.fail(error);
    this.child.disconnect();
    const timer = setTimeout(() => this.child.kill(), this.times.graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  private receive(message: FromEngine): void {
    switch (message.t) {
      case "pong":
        this.missed = 0;
        return;
      case "steps":
        this.pending.get(message.steps[0]?.requestId ?? -1)?.options.onSteps?.(message.steps);
        return;
      case "readProgress": {
        const { progress } = message;
        this.pending.get(progress.requestId)?.options.onReadProgress?.(progress);
        return;
      }
      case "reply":
        this.settle(message.id, ({ name, resolve, reject, options: { signal } }) => {
          if (signal?.aborted === true && !endsWithResult(name)) reject(signal.reason);
          else if (message.ok) resolve(message.body);
          else reject(BlocksightError.fromWire(message.error));
        });
        return;
      default:
        assertNever(message);
    }
  }

  private settle(id: number, how: (pending: Pending) => void): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    this.pending.delete(id);
    pending.release();
    how(pending);
  }

  private fail(error: Error): void {
    if (this.endError !== undefined) return;
    this.endError = error;
    clearInterval(this.heartbeat);
    for (const id of [...this.pending.keys()]) this.settle(id, (p) => p.reject(error));
  }

  private beat(): void {
    if (this.missed >= this.times.missedHeartbeats) this.child.kill();
    this.missed++;
    this.post({ t: "ping", at: performance.now() });
  }
}
