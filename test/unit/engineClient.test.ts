import { describe, expect, it } from "vitest";
import { GREEDY } from "../../src/ask/askParts.js";
import { EngineClient, type EngineClientOptions } from "../../src/engine/engineClient.js";
import type { FromEngine, ToEngine } from "../../src/shared/engineMessages.js";
import type { Step } from "../../src/shared/step.js";
import { FakeProcess } from "../fakes/fakeProcess.js";

type Request = Extract<ToEngine, { t: "request" }>;
type Answer = (request: Request, process: FakeProcess) => FromEngine | undefined;

const ok = ({ id, name }: Request): FromEngine => ({ t: "reply", id, ok: true, body: name });

/** A client whose processes answer with `answer`; "ask" hangs unless told otherwise. */
function setUp(
  answer: Answer = (request) => (request.name === "ask" ? undefined : ok(request)),
  options: Partial<EngineClientOptions> = {},
): { readonly client: EngineClient; readonly processes: FakeProcess[] } {
  const processes: FakeProcess[] = [];
  const start = (): FakeProcess => {
    const process = new FakeProcess();
    process.onSend = (message) => {
      if (message.t !== "request") return;
      queueMicrotask(() => {
        const reply = answer(message, process);
        if (reply !== undefined) process.receive(reply);
      });
    };
    processes.push(process);
    return process;
  };
  const quick = { heartbeatMs: 10_000, graceMs: 20, cancelGraceMs: 20, backOffMs: 1 };
  const times = { ...quick, ...options.times };
  return { client: new EngineClient({ start, ...options, times }), processes };
}

const ask = {
  model: "coder",
  turns: [{ role: "user", text: "?" }],
  sight: Uint32Array.of(),
  maxTokens: 1,
  sampling: GREEDY,
} as const;
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe("engine client", () => {
  it("starts one process for requests that come together, options first", async () => {
    const { client, processes } = setUp(undefined, { engine: { threads: 3 } });
    await Promise.all([client.request("hello", undefined), client.request("hello", undefined)]);
    expect(processes).toHaveLength(1);
    expect(processes[0]?.sent[0]).toEqual({ t: "start", options: { threads: 3 } });
  });

  it("rejects everything under way with how the process ended, and starts another for the next", async () => {
    const { client, processes } = setUp();
    const pending = [client.request("ask", ask), client.request("ask", ask)];
    await soon();
    processes[0]?.end("signal SIGKILL");
    for (const request of pending) {
      await expect(request).rejects.toMatchObject({
        code: "engineKilled",
        message: "The engine process ended in the middle (signal SIGKILL).",
      });
    }
    await expect(client.request("hello", undefined)).resolves.toBe("hello");
    expect(processes).toHaveLength(2);
  });

  it("opens again what was open, in order, before the request that found the process dead", async () => {
    const { client, processes } = setUp();
    await client.request("openTokenizer", { path: "t" });
    await client.request("openModel", { role: "scout", modelPath: "s" });
    await client.request("openModel", { role: "coder", modelPath: "c" });
    const pack = { tokens: [], fileOfSegment: Uint32Array.of() };
    await client.request("setPack", { model: "scout", ...pack });
    await client.request("setPack", { model: "coder", ...pack });
    await client.request("closeModel", { model: "scout" });
    processes[0]?.end("exit status 1");
    await client.request("hello", undefined);
    expect(processes[1]?.requests.map((r) => r.name)).toEqual([
      "openTokenizer",
      "openModel",
      "setPack",
      "hello",
    ]);
  });

  it("tells the request why what was open cannot be opened again", async () => {
    let isGone = false;
    const error = { code: "modelMissing", message: "gone", next: "fetch" } as const;
    const { client, processes } = setUp((request) =>
      isGone && request.name === "openModel"
        ? { t: "reply", id: request.id, ok: false, error }
        : ok(request),
    );
    await client.request("openModel", { role: "coder", modelPath: "c" });
    processes[0]?.end("exit status 1");
    isGone = true;
    await expect(client.request("hello", undefined)).rejects.toMatchObject(error);
    isGone = false;
    await expect(client.request("hello", undefined)).resolves.toBe("hello");
  });

  it("waits longer before each start when processes keep dying young", async () => {
    const lines: string[] = [];
    const { client } = setUp(
      (_, process) => {
        process.end("exit status 70");
        return undefined;
      },
      { log: (line) => lines.push(line) },
    );
    for (let i = 0; i < 4; i++) {
      await expect(client.request("hello", undefined)).rejects.toThrow("exit status 70");
    }
    expect(lines.filter((line) => line.includes("started again"))).toEqual(
      [1, 2, 4].map((ms) => `engine: started again in ${ms} ms`),
    );
  });

  it("routes steps and progress to their own request", async () => {
    const { client, processes } = setUp();
    const seen: string[] = [];
    const first = client.request("ask", ask, { onSteps: () => seen.push("first") });
    const second = client.request("ask", ask, { onSteps: () => seen.push("second") });
    await soon();
    const [process] = processes;
    const ids = process?.requests.map((r) => r.id) ?? [];
    const step = { requestId: ids[1] } as Step;
    process?.receive({ t: "steps", steps: [step] });
    process?.receive({ t: "steps", steps: [{ ...step, requestId: 99 }] });
    for (const id of ids) process?.receive({ t: "reply", id, ok: true, body: id });
    expect([await first, await second]).toEqual(ids);
    expect(seen).toEqual(["second"]);
  });

  it("sends one cancel when the signal aborts, and resolves with what the engine then says", async () => {
    const { client, processes } = setUp();
    const abort = new AbortController();
    const pending = client.request("ask", ask, { signal: abort.signal });
    await soon();
    abort.abort();
    const [process] = processes;
    const id = process?.requests[0]?.id ?? -1;
    expect(process?.sent.filter((m) => m.t === "cancel")).toEqual([{ t: "cancel", id }]);
    process?.receive({ t: "reply", id, ok: true, body: "cancelled" });
    await expect(pending).resolves.toBe("cancelled");
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(process?.isKilled).toBe(false);
  });

  it("kills a process that does not stop a cancelled request in time", async () => {
    const { client, processes } = setUp();
    const pending = client.request("ask", ask, { signal: AbortSignal.timeout(5) });
    await expect(pending).rejects.toMatchObject({ code: "engineKilled" });
    expect(processes[0]?.isKilled).toBe(true);
  });

  it("rejects a cancelled request that has no partial result with the signal's reason", async () => {
    const { client, processes } = setUp(() => undefined);
    const abort = new AbortController();
    const pending = client.request("hello", undefined, { signal: abort.signal });
    await soon();
    abort.abort(new Error("enough"));
    processes[0]?.receive({ t: "reply", id: 1, ok: true, body: "late" });
    await expect(pending).rejects.toThrow("enough");
  });

  it("kills a process that answers no heartbeat, but not one that does", async () => {
    const times = { heartbeatMs: 5, missedHeartbeats: 3 };
    const hung = setUp(() => undefined, { times });
    await expect(hung.client.request("hello", undefined)).rejects.toThrow("SIGKILL");

    const alive = setUp(() => undefined, { times });
    const pending = alive.client.request("ask", ask);
    await Promise.resolve();
    const [process] = alive.processes;
    if (process === undefined) throw new Error("no process");
    process.onSend = (message) => {
      if (message.t === "ping") process.receive({ t: "pong", at: message.at });
    };
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(process.isKilled).toBe(false);
    process.end("exit status 0");
    await expect(pending).rejects.toThrow("exit status 0");
  });

  it("rejects requests before, during and after dispose, and kills a child that stays", async () => {
    const { client, processes } = setUp();
    const pending = client.request("ask", ask);
    await soon();
    const disposed = client.dispose();
    await expect(pending).rejects.toMatchObject({ code: "engineDisposed" });
    await disposed;
    expect(processes[0]).toMatchObject({ isDisconnected: true, isKilled: true });
    await expect(client.request("hello", undefined)).rejects.toMatchObject({
      code: "engineDisposed",
    });
    await client.dispose();
  });

  it("is disposed without ever having started a process", async () => {
    const { client, processes } = setUp();
    await client.dispose();
    expect(processes).toHaveLength(0);
  });

  it("does not start another process when disposed while it waits to", async () => {
    const { client, processes } = setUp(undefined, { times: { backOffMs: 5_000 } });
    await client.request("hello", undefined);
    processes[0]?.end("exit status 1");
    const pending = client.request("hello", undefined);
    await client.dispose();
    await expect(pending).rejects.toMatchObject({ code: "engineDisposed" });
    expect(processes).toHaveLength(1);
  });

  it("ends an idle process and starts another when asked again", async () => {
    const { client, processes } = setUp(undefined, { times: { idleMs: 10 } });
    await client.request("openTokenizer", { path: "t" });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(processes[0]?.isDisconnected).toBe(true);
    await client.request("hello", undefined);
    expect(processes[1]?.requests.map((r) => r.name)).toEqual(["openTokenizer", "hello"]);
  });

  it("reports a process that could not be started", async () => {
    const { client } = setUp(undefined, {
      start: () => {
        throw new Error("no such program");
      },
    });
    await expect(client.request("hello", undefined)).rejects.toThrow("no such program");
  });
});
