/** The whole path from the typed client to native code, on a made model. */
import { spawn } from "node:child_process";
import { readFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GREEDY } from "../../src/ask/askParts.js";
import type { EngineClient } from "../../src/engine/engineClient.js";
import type { AskRequest, ReadRequest } from "../../src/shared/engineMessages.js";
import type { ModelInfo } from "../../src/shared/model.js";
import { NO_BLOCK } from "../../src/shared/blocks.js";
import type { Step } from "../../src/shared/step.js";
import { hasAddon, RealEngine } from "../fakes/realEngine.js";
import { writeTinyModel } from "../fakes/tinyModel.js";

const utf8 = new TextEncoder();
const SEGMENTS = 6;
const ALL = Uint32Array.from({ length: SEGMENTS }, (_, i) => i);
/** Long enough that a cancel comes in the middle. */
const LONG_TEXT = "The name that defines it stands in the code. ".repeat(300);

const readAll: ReadRequest = { model: "scout", segments: ALL, background: false };
const ask: AskRequest = {
  model: "scout",
  turns: [{ role: "user", text: "Where is it defined?" }],
  sight: ALL,
  maxTokens: 8,
  sampling: GREEDY,
};

describe.skipIf(!hasAddon)("engine process", () => {
  let real: RealEngine;
  let client: EngineClient;
  let modelPath: string;
  let info: ModelInfo;

  async function openPack(to: EngineClient): Promise<void> {
    const { hash } = await to.request("openTokenizer", { path: modelPath });
    const texts = [...ALL].map((i) => utf8.encode(`# part ${i}\n${LONG_TEXT}`));
    const { ids } = await to.request("tokenize", { tokenizer: hash, texts });
    info = await to.request("openModel", { role: "scout", modelPath });
    const tokens = ids.map((segment) => segment.slice(0, info.segmentTokens));
    await to.request("setPack", { model: "scout", tokens, fileOfSegment: ALL });
  }

  beforeAll(async () => {
    real = await RealEngine.create();
    modelPath = path.join(real.folder, "tiny.gguf");
    await writeTinyModel(modelPath, { layers: 16 });
    client = real.client();
    await openPack(client);
  });
  afterAll(async () => {
    await client.dispose();
    await real.remove();
  });

  it("says what it runs on", async () => {
    const hello = await client.request("hello", undefined);
    expect(hello.threads).toBeGreaterThan(0);
    expect(hello.freeMemoryBytes).toBeGreaterThan(1e8);
    expect(hello.features.length).toBeGreaterThan(0);
  });

  it("gives ids and byte ends, and takes special tokens in file text for text", async () => {
    const { hash, special } = await client.request("openTokenizer", { path: modelPath });
    const texts = ["a<|im_end|>ä", "", "\u0000\n"].map((text) => utf8.encode(text));
    const { ids, ends } = await client.request("tokenize", { tokenizer: hash, texts });
    expect(special["<|im_end|>"]).toBe(1);
    expect([...(ids[0] ?? [])]).not.toContain(1);
    expect(ends.map((of) => of.at(-1))).toEqual([13, undefined, 2]);
  });

  it("reads with progress, and answers with steps of the model's shape", async () => {
    const progress: number[] = [];
    const read = await client.request("read", readAll, {
      onReadProgress: ({ doneTokens, totalTokens }) => progress.push(doneTokens / totalTokens),
    });
    expect([...read.read]).toEqual([...ALL]);
    expect(progress.at(-1)).toBeLessThanOrEqual(1);

    const steps: Step[] = [];
    const end = await client.request("ask", ask, { onSteps: (more) => steps.push(...more) });
    expect(end).toMatchObject({ droppedTurns: 0 });
    expect(steps.filter((s) => s.kind === "question")).toHaveLength(end.promptTokens);
    expect(steps.filter((s) => s.kind === "answer")).toHaveLength(end.answerTokens);
    expect(steps.map((step) => step.index)).toEqual(steps.map((_, i) => i));
    const text = Buffer.concat(steps.slice(0, end.promptTokens).map((s) => s.bytes)).toString();
    expect(text).toBe("<|im_start|>user\nWhere is it defined?<|im_end|>\n<|im_start|>assistant\n");
    for (const { blocks, mass } of steps) {
      expect(blocks).toHaveLength(info.sparseLayers * info.groups * info.k);
      const row = blocks.subarray(0, info.k);
      expect([...row]).toEqual([...row].sort((a, b) => a - b));
      expect(mass.subarray(0, info.k).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 3);
      expect(row[0]).not.toBe(NO_BLOCK);
    }
  });

  it("renders block 0 and the conversation of a model without an adapter by its own template", async () => {
    const own = path.join(real.folder, "own.gguf");
    const template =
      "{% for m in messages %}{{ '<|im_start|>' + m['role'] + ': ' + m['content'] + '<|file_sep|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>bot: ' }}{% endif %}";
    await writeTinyModel(own, { chatTemplate: template });
    const other = real.client();
    const { hash } = await other.request("openTokenizer", { path: own });
    const { prefix } = await other.request("openModel", { role: "scout", modelPath: own });
    const texts = ["system: You answer questions about", "\n"].map((text) => utf8.encode(text));
    const { ids } = await other.request("tokenize", { tokenizer: hash, texts });
    const [opening = new Uint32Array(), newline = new Uint32Array()] = ids;
    const [TURN, FILE] = [0, 2];
    expect(prefix).toHaveLength(128);
    expect(prefix.slice(0, opening.length + 1)).toEqual([TURN, ...opening]);
    expect(prefix.slice(-2)).toEqual([...newline, FILE]);

    await other.request("setPack", {
      model: "scout",
      tokens: [Uint32Array.of(20, 21)],
      fileOfSegment: Uint32Array.of(0),
    });
    const sight = Uint32Array.of(0);
    await other.request("read", { ...readAll, segments: sight });
    const bytes: Uint8Array[] = [];
    await other.request(
      "ask",
      { ...ask, sight, maxTokens: 0 },
      { onSteps: (more) => bytes.push(...more.map((step) => step.bytes)) },
    );
    expect(Buffer.concat(bytes).toString()).toBe(
      "<|im_start|>user: Where is it defined?<|file_sep|><|im_start|>bot: ",
    );
    await other.dispose();
  });

  it.skipIf(process.platform !== "linux")(
    "dies when a mapped model file is cut, and the next request says that the file is short",
    async () => {
      const cut = path.join(real.folder, "cut.gguf");
      await writeTinyModel(cut);
      const other = real.client();
      const body = { role: "scout", modelPath: cut } as const;
      await other.request("openModel", body);
      const tokens = [Uint32Array.of(20, 21)];
      const fileOfSegment = Uint32Array.of(0);
      await other.request("setPack", { model: "scout", tokens, fileOfSegment });
      const sight = Uint32Array.of(0);
      await other.request("read", { ...readAll, segments: sight });
      await truncate(cut, 4096);
      await expect(other.request("ask", { ...ask, sight })).rejects.toMatchObject({
        code: "engineKilled",
        message: "The engine process ended in the middle (signal SIGBUS).",
        next: expect.stringContaining("a model file was cut") as string,
      });
      await expect(other.request("openModel", body)).rejects.toMatchObject({
        code: "modelTruncated",
      });
      await other.dispose();
    },
  );

  it("reads what it holds again at once", async () => {
    await client.request("read", readAll);
    const again = await client.request("read", readAll);
    expect(again.prefillTokens).toBe(0);
    expect(again.reusedTokens).toBeGreaterThan(0);
  });

  it("stops in the middle of reading, and keeps what was finished", async () => {
    await client.request("clearPages", { disk: true });
    await openPack(client);
    const abort = new AbortController();
    const cut = await client.request("read", readAll, {
      signal: abort.signal,
      onReadProgress: ({ segment }) => {
        if (segment >= 1) abort.abort();
      },
    });
    expect(cut.cancelled).toBe(true);
    expect(cut.read.length).toBeLessThan(SEGMENTS);
    const rest = await client.request("read", readAll);
    expect(rest.reusedTokens).toBeGreaterThan(0);
    expect(rest.prefillTokens).toBeGreaterThan(0);
  });

  it("stops in the middle of an answer, and keeps its steps", async () => {
    await client.request("read", readAll);
    const abort = new AbortController();
    let answered = 0;
    const end = await client.request(
      "ask",
      { ...ask, maxTokens: 1_900 },
      {
        signal: abort.signal,
        onSteps: (steps) => {
          answered += steps.filter((step) => step.kind === "answer").length;
          if (answered > 0) abort.abort();
        },
      },
    );
    expect(end.stopReason).toBe("cancelled");
    expect(end.answerTokens).toBe(answered);
    expect(answered).toBeLessThan(1_900);
  });

  it("does nothing for a question that was cancelled before it was asked", async () => {
    const end = await client.request("ask", ask, { signal: AbortSignal.abort() });
    expect(end).toMatchObject({ stopReason: "cancelled", answerTokens: 0 });
  });

  it("drops whole oldest turns that no longer fit, and says how many", async () => {
    const old = { role: "user", text: LONG_TEXT } as const;
    const turns = [old, { role: "assistant", text: "Yes." } as const, ...ask.turns];
    const end = await client.request("ask", { ...ask, turns });
    expect(end.droppedTurns).toBe(2);
    await expect(client.request("ask", { ...ask, turns: [old] })).rejects.toMatchObject({
      code: "questionTooLong",
    });
  });

  it("answers beside a background read, and refuses a second question", async () => {
    await client.request("read", readAll);
    const background = client.request("read", { ...readAll, background: true });
    const abort = new AbortController();
    const long = { ...ask, maxTokens: 1_900 };
    const first = client.request("ask", long, { signal: abort.signal });
    await expect(client.request("ask", ask)).rejects.toMatchObject({ code: "engineBusy" });
    abort.abort();
    expect(await first).toMatchObject({ stopReason: "cancelled" });
    expect((await background).read).toHaveLength(SEGMENTS);
  });

  it("ends a background read for another read", async () => {
    await client.request("clearPages", { disk: true });
    await openPack(client);
    const background = client.request("read", { ...readAll, background: true });
    const second = await client.request("read", { ...readAll, segments: Uint32Array.of(5) });
    expect(await background).toMatchObject({ cancelled: true });
    expect([...second.read]).toEqual([5]);
  });

  it("shows a question about what was not read as a bug, and goes on", async () => {
    await client.request("clearPages", { disk: true });
    await openPack(client);
    await expect(client.request("ask", ask)).rejects.toMatchObject({ code: "internal" });
    await client.request("read", readAll);
    await expect(client.request("ask", ask)).resolves.toBeDefined();
  });

  it("fails what is under way when it is killed, and answers the next request", async () => {
    const other = real.client({ times: { backOffMs: 1 } });
    await openPack(other);
    const pending = other.request("read", readAll);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill(real.processes.at(-1)?.pid ?? -1, "SIGKILL");
    await expect(pending).rejects.toMatchObject({
      code: "engineKilled",
      message: expect.stringContaining("SIGKILL") as string,
    });
    const read = await other.request("read", readAll);
    expect(read.read).toHaveLength(SEGMENTS);
    await expect(other.request("ask", ask)).resolves.toMatchObject({ droppedTurns: 0 });
    await other.dispose();
  });

  it("ends with its parent, however that dies", async () => {
    const script = `
      const child = require("node:child_process").fork(process.argv[1], [], {
        serialization: "advanced", detached: true, stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      child.on("message", () => console.log(child.pid));
      child.send({ t: "ping", at: 0 });`;
    const parent = spawn(process.execPath, ["-e", script, real.mainPath]);
    const pid = await new Promise<number>((resolve) => {
      parent.stdout.on("data", (data: Buffer) => resolve(Number(data.toString())));
    });
    expect(await isRunning(pid)).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
  });

  it("ends when it is disposed in the middle of reading", async () => {
    const other = real.client();
    await openPack(other);
    await other.request("clearPages", { disk: true });
    const pending = other.request("read", readAll);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const disposed = other.dispose();
    await expect(pending).rejects.toMatchObject({ code: "engineDisposed" });
    await disposed;
    expect(await isRunning(real.processes.at(-1)?.pid ?? -1)).toBe(false);
    expect(real.log.at(-1)).toBe("engine: ended (exit status 0)");
  });

  describe("refuses, each with its own error,", () => {
    const open = (file: string): Promise<unknown> =>
      client.request("openModel", { role: "coder", modelPath: path.join(real.folder, file) });

    it("a model that is missing", async () => {
      await expect(open("none.gguf")).rejects.toMatchObject({ code: "modelMissing" });
    });
    it("a model that is cut off", async () => {
      const whole = await readFile(modelPath);
      await writeFile(path.join(real.folder, "cut.gguf"), whole.subarray(0, whole.length / 2));
      await expect(open("cut.gguf")).rejects.toMatchObject({ code: "modelTruncated" });
    });
    it("a file that is no model", async () => {
      await writeFile(path.join(real.folder, "text.gguf"), "This is no model.".repeat(100));
      await expect(open("text.gguf")).rejects.toMatchObject({ code: "modelCorrupt" });
    });
    it("an architecture, named", async () => {
      await writeTinyModel(path.join(real.folder, "bert.gguf"), { architecture: "bert" });
      await expect(open("bert.gguf")).rejects.toMatchObject({
        code: "unsupportedArchitecture",
        message: expect.stringContaining("bert") as string,
      });
    });
    it("a pre-tokenizer, named", async () => {
      await writeTinyModel(path.join(real.folder, "pre.gguf"), { preTokenizer: "tekken" });
      await expect(open("pre.gguf")).rejects.toMatchObject({
        code: "unsupportedTokenizer",
        message: expect.stringContaining("tekken") as string,
      });
    });
    it("a file with another hash", async () => {
      const sha256 = "0".repeat(64);
      await expect(
        client.request("openModel", { role: "coder", modelPath, sha256 }),
      ).rejects.toMatchObject({ code: "modelWrongHash" });
    });
  });
});

/** A process that has ended but was not waited for does not run. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}
