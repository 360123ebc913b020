/**
 * The typed client of the engine process: starts it at the first request, starts it again after it
 * died (later and later when it keeps dying), opens there what was open before, and ends it when it
 * is disposed or has had nothing to do for long.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Engine, RequestOptions } from "../shared/engine.js";
import type { EngineOptions, EngineRequestName, EngineRequests } from "../shared/engineMessages.js";
import { engineDisposed } from "../shared/errors.js";
import { EngineConnection, type ConnectionTimes } from "./engineConnection.js";
import type { EngineProcess } from "./engineHost.js";

export interface EngineClientOptions {
  /** Makes a process, for example `() => forkEngine({ mainPath, log })`. */
  readonly start: () => EngineProcess;
  readonly engine?: EngineOptions;
  readonly times?: Partial<
    ConnectionTimes & { readonly idleMs: number; readonly backOffMs: number }
  >;
  readonly log?: (line: string) => void;
}

const TIMES = {
  heartbeatMs: 5_000,
  missedHeartbeats: 4,
  graceMs: 5_000,
  /** Beside two busy processes on two cores a read took more than 5 s to stop. */
  cancelGraceMs: 30_000,
  /** The process is ended after this time without a request; 0: never. */
  idleMs: 0,
  /** Wait before a process is started after one that died; doubled each time, at most 10 s. */
  backOffMs: 250,
};
const MOST_BACK_OFF_MS = 10_000;
/** A process that lived longer than this does not count towards the next one's wait. */
const YOUNG_MS = 60_000;

type Replayed = "openTokenizer" | "openModel" | "setPack";
interface Opened {
  readonly name: Replayed;
  readonly body: EngineRequests[Replayed][0];
}

export class EngineClient implements Engine {
  private readonly times: typeof TIMES;
  /** The process with everything open, or on the way there; undefined when there is none. */
  private ready: Promise<EngineConnection> | undefined;
  private connection: EngineConnection | undefined;
  private disposing: Promise<void> | undefined;
  /** What is open in the process, in the order in which to open it again. */
  private readonly opened = new Map<string, Opened>();
  private readonly stopped = new AbortController();
  private idle: NodeJS.Timeout | undefined;
  /** Processes in a row that died young. */
  private deaths = 0;
  private attempts = 0;
  private lastId = 0;

  constructor(private readonly options: EngineClientOptions) {
    this.times = { ...TIMES, ...options.times };
  }

  async request<N extends EngineRequestName>(
    name: N,
    body: EngineRequests[N][0],
    options: RequestOptions = {},
  ): Promise<EngineRequests[N][1]> {
    if (this.disposing !== undefined) throw engineDisposed();
    if (name !== "ask" && name !== "read") options.signal?.throwIfAborted();
    clearTimeout(this.idle);
    try {
      const connection = await (this.ready ??= this.startProcess());
      const reply = await connection.request(++this.lastId, name, body, options);
      this.remember(name, body);
      return reply;
    } finally {
      this.waitIdle();
    }
  }

  dispose(): Promise<void> {
    this.disposing ??= this.end();
    return this.disposing;
  }

  private async end(): Promise<void> {
    clearTimeout(this.idle);
    this.stopped.abort();
    await this.connection?.close(engineDisposed());
  }

  private async startProcess(): Promise<EngineConnection> {
    const attempt = ++this.attempts;
    let connection: EngineConnection | undefined;
    try {
      await this.backOff();
      if (this.stopped.signal.aborted) throw engineDisposed();
      connection = this.connect();
      for (const { name, body } of this.opened.values()) {
        await connection.request(++this.lastId, name, body, {});
      }
      return connection;
    } catch (error) {
      if (attempt === this.attempts) this.ready = undefined;
      // Half of what was open is of no use: the next request starts afresh.
      void connection?.close(engineDisposed());
      throw error;
    }
  }

  private connect(): EngineConnection {
    const start = performance.now();
    const connection = new EngineConnection(this.options.start(), this.times, (how, isExpected) => {
      this.options.log?.(`engine: ended (${how})`);
      if (this.connection !== connection) return;
      this.connection = undefined;
      this.ready = undefined;
      if (isExpected) return;
      this.deaths = performance.now() - start < YOUNG_MS ? this.deaths + 1 : 1;
    });
    this.connection = connection;
    connection.post({ t: "start", options: this.options.engine ?? {} });
    return connection;
  }

  private async backOff(): Promise<void> {
    if (this.deaths === 0) return;
    const wait = Math.min(MOST_BACK_OFF_MS, this.times.backOffMs * 2 ** (this.deaths - 1));
    this.options.log?.(`engine: started again in ${wait} ms`);
    await delay(wait, undefined, { signal: this.stopped.signal }).catch(() => undefined);
  }

  private remember(name: EngineRequestName, body: EngineRequests[EngineRequestName][0]): void {
    switch (name) {
      case "openTokenizer":
        this.opened.set(`${name} ${(body as EngineRequests["openTokenizer"][0]).path}`, {
          name,
          body: body as EngineRequests["openTokenizer"][0],
        });
        break;
      case "openModel": {
        const model = body as EngineRequests["openModel"][0];
        this.forget(model.role);
        this.opened.set(`${name} ${model.role}`, { name, body: model });
        break;
      }
      case "setPack": {
        const pack = body as EngineRequests["setPack"][0];
        this.opened.set(`${name} ${pack.model}`, { name, body: pack });
        break;
      }
      case "closeModel":
        this.forget((body as EngineRequests["closeModel"][0]).model);
        break;
      case "hello":
      case "tokenize":
      case "read":
      case "ask":
      case "clearPages":
        break;
    }
  }

  private forget(role: string): void {
    this.opened.delete(`openModel ${role}`);
    this.opened.delete(`setPack ${role}`);
  }

  private waitIdle(): void {
    if (this.times.idleMs === 0 || this.disposing !== undefined) return;
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.endIdle(), this.times.idleMs);
    this.idle.unref();
  }

  private endIdle(): void {
    if (this.connection === undefined || this.connection.pendingCount > 0) return;
    void this.connection.close(engineDisposed());
    this.connection = undefined;
    this.ready = undefined;
  }
}
