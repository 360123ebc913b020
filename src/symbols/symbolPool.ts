/**
 * Parses files in worker threads. Threads are started at need, never keep the process alive, and end
 * after a while without work (their grammars take up to 100 MB). A file whose worker dies is tried
 * once more alone and then has no symbols: packing goes on.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type FileSymbols, NO_SYMBOLS } from "../shared/fileSymbols.js";
import { grammarOf } from "./grammars.js";
import { MOST_PARSED_BYTES } from "./parseSymbols.js";
import type { SymbolReply, SymbolRequest } from "./symbolMessages.js";

export interface SymbolPoolOptions {
  /** The bundled worker. */
  readonly workerPath: string;
  /** Default: one per core but one, at most 4. */
  readonly threads?: number;
  readonly idleMs?: number;
}

interface Task {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly resolve: (found: FileSymbols) => void;
  attempts: number;
}

interface Thread {
  readonly worker: Worker;
  readonly tasks: Map<number, Task>;
}

/** Keeps a thread busy while its last reply is on the way. */
const TASKS_PER_THREAD = 2;
const MOST_ATTEMPTS = 2;
const IDLE_MS = 20_000;

export class SymbolPool {
  private readonly threads = new Set<Thread>();
  private readonly waiting: Task[] = [];
  /** Files whose worker died: each is tried again with no other file beside it. */
  private readonly suspects: Task[] = [];
  private readonly most: number;
  private idle: NodeJS.Timeout | undefined;
  private lastId = 0;
  private isDisposed = false;

  constructor(private readonly options: SymbolPoolOptions) {
    this.most = options.threads ?? Math.max(2, Math.min(4, availableParallelism() - 1));
  }

  /** Never rejects. */
  readonly findSymbols = ({
    path,
    bytes,
  }: {
    readonly path: string;
    readonly bytes: Uint8Array;
  }): Promise<FileSymbols> => {
    if (this.isDisposed || bytes.length > MOST_PARSED_BYTES || grammarOf(path) === undefined) {
      return Promise.resolve(NO_SYMBOLS);
    }
    return new Promise((resolve) => {
      this.waiting.push({ path, bytes, resolve, attempts: 0 });
      this.assign();
    });
  };

  async dispose(): Promise<void> {
    this.isDisposed = true;
    clearTimeout(this.idle);
    const threads = [...this.threads];
    for (const { tasks } of threads) for (const task of tasks.values()) task.resolve(NO_SYMBOLS);
    for (const task of [...this.waiting, ...this.suspects]) task.resolve(NO_SYMBOLS);
    this.waiting.length = 0;
    this.suspects.length = 0;
    await this.end(threads);
  }

  private assign(): void {
    clearTimeout(this.idle);
    while (this.waiting.length > 0 || this.suspects.length > 0) {
      const thread = this.freeThread();
      const suspect = thread?.tasks.size === 0 ? this.suspects.shift() : undefined;
      const task = suspect ?? (thread === undefined ? undefined : this.waiting.shift());
      if (thread === undefined || task === undefined) return;
      this.send(thread, task);
    }
    if ([...this.threads].some(({ tasks }) => tasks.size > 0)) return;
    this.idle = setTimeout(() => void this.end([...this.threads]), this.options.idleMs ?? IDLE_MS);
    this.idle.unref();
  }

  private send(thread: Thread, task: Task): void {
    task.attempts += 1;
    const id = ++this.lastId;
    thread.tasks.set(id, task);
    // Copied, not moved: the file is still being cut.
    const request: SymbolRequest = { id, path: task.path, bytes: task.bytes };
    thread.worker.ref();
    thread.worker.postMessage(request);
  }

  /** An empty one, a new one, or the least busy one that may take more: none with a suspect. */
  private freeThread(): Thread | undefined {
    const [idlest] = [...this.threads]
      .filter(({ tasks }) => ![...tasks.values()].some(({ attempts }) => attempts > 1))
      .sort((a, b) => a.tasks.size - b.tasks.size);
    if (idlest?.tasks.size === 0) return idlest;
    if (this.threads.size < this.most) return this.start();
    return idlest !== undefined && idlest.tasks.size < TASKS_PER_THREAD ? idlest : undefined;
  }

  private start(): Thread {
    const worker = new Worker(this.options.workerPath, {
      stdout: true,
      stderr: true,
      execArgv: [],
    });
    const thread: Thread = { worker, tasks: new Map() };
    this.threads.add(thread);
    worker.on("message", ({ id, found }: SymbolReply) => {
      const task = thread.tasks.get(id);
      thread.tasks.delete(id);
      if (thread.tasks.size === 0) worker.unref();
      task?.resolve(found ?? NO_SYMBOLS);
      this.assign();
    });
    worker.on("error", () => {
      this.lose(thread);
    });
    worker.on("exit", () => {
      this.lose(thread);
    });
    return thread;
  }

  private lose(thread: Thread): void {
    if (!this.threads.delete(thread)) return;
    for (const task of thread.tasks.values()) {
      if (task.attempts < MOST_ATTEMPTS && !this.isDisposed) this.suspects.push(task);
      else task.resolve(NO_SYMBOLS);
    }
    thread.tasks.clear();
    void thread.worker.terminate();
    if (!this.isDisposed) this.assign();
  }

  private async end(threads: readonly Thread[]): Promise<void> {
    for (const thread of threads) this.threads.delete(thread);
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }
}
