import { describe, expect, it } from "vitest";
import { GREEDY } from "../../src/ask/askParts.js";
import { NO_BLOCK } from "../../src/shared/blocks.js";
import type { AskRequest } from "../../src/shared/engineMessages.js";
import type { Step } from "../../src/shared/step.js";
import { FakeEngine, type FakeEngineOptions } from "../fakes/fakeEngine.js";

const FILES = [
  "def alpha():\n    return 1\n",
  "def should_set_cookie(self):\n    return self.modified\n",
  "class Gamma:\n    pass\n",
];
const PATHS = ["a.py", "sessions.py", "c.py"];

const askFor = (text: string): AskRequest => ({
  model: "coder",
  turns: [{ role: "user", text }],
  sight: Uint32Array.of(0, 1, 2),
  maxTokens: 64,
  sampling: GREEDY,
  citePaths: PATHS,
});

async function ready(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const engine = new FakeEngine(options);
  const { hash } = await engine.request("openTokenizer", { path: "coder.gguf" });
  const texts = FILES.map((text) => new TextEncoder().encode(text));
  const { ids } = await engine.request("tokenize", { tokenizer: hash, texts });
  await engine.request("openModel", { role: "coder", modelPath: "coder.gguf" });
  const fileOfSegment = Uint32Array.of(0, 1, 2);
  await engine.request("setPack", { model: "coder", tokens: ids, fileOfSegment });
  return engine;
}

async function readAll(engine: FakeEngine): Promise<void> {
  const segments = Uint32Array.of(0, 1, 2);
  await engine.request("read", { model: "coder", segments, background: false });
}

describe("fake engine", () => {
  it("cites the file that holds the question's words, and gives it the most mass", async () => {
    const engine = await ready();
    await readAll(engine);
    const steps: Step[] = [];
    const end = await engine.request("ask", askFor("Where is `should_set_cookie` defined?"), {
      onSteps: (more) => steps.push(...more),
    });
    expect(end.stopReason).toBe("eos");
    expect(steps.find((step) => step.citation !== undefined)?.citation?.file).toBe(1);
    const massOfBlock = new Map<number, number>();
    for (const step of steps.filter((s) => s.kind === "question")) {
      step.blocks.forEach((block, i) => {
        massOfBlock.set(block, (massOfBlock.get(block) ?? 0) + (step.mass[i] ?? 0));
      });
    }
    expect(massOfBlock.get(2)).toBeGreaterThan(3 * (massOfBlock.get(1) ?? 0));
    expect(massOfBlock.get(NO_BLOCK)).toBe(0);
  });

  it("gives rows in the contract's shape: ids ascending, mass summing to 1", async () => {
    const engine = await ready();
    await readAll(engine);
    const steps: Step[] = [];
    await engine.request("ask", askFor("Gamma?"), { onSteps: (more) => steps.push(...more) });
    for (const { blocks, mass } of steps) {
      expect(blocks.length).toBe(3 * 2 * 16);
      for (let lane = 0; lane < 6; lane++) {
        const row = blocks.subarray(lane * 16, lane * 16 + 16);
        expect([...row]).toEqual([...row].sort((a, b) => a - b));
        const sum = mass.subarray(lane * 16, lane * 16 + 16).reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(1, 5);
      }
    }
  });

  it("refuses a question about what was not read, a second question at once, and all after dispose", async () => {
    const engine = await ready({ stepDelayMs: 5 });
    await expect(engine.request("ask", askFor("x"))).rejects.toThrow("was not read");
    await readAll(engine);
    const first = engine.request("ask", askFor("x"));
    await expect(engine.request("ask", askFor("y"))).rejects.toMatchObject({ code: "engineBusy" });
    await first;
    await engine.dispose();
    await expect(engine.request("ask", askFor("x"))).rejects.toMatchObject({
      code: "engineDisposed",
    });
  });

  it("ends a cancelled question with what was answered so far", async () => {
    const engine = await ready({ stepDelayMs: 5 });
    await readAll(engine);
    const abort = new AbortController();
    const end = await engine.request("ask", askFor("alpha?"), {
      signal: abort.signal,
      onSteps: ([step]) => {
        if (step?.kind === "answer") abort.abort();
      },
    });
    expect(end).toMatchObject({ stopReason: "cancelled", answerTokens: 1 });
  });

  it("fails what is pending when killed, then finds its pages again", async () => {
    const engine = await ready({ stepDelayMs: 50 });
    await readAll(engine);
    const pending = engine.request("ask", askFor("alpha?"));
    setTimeout(() => engine.kill(), 10);
    await expect(pending).rejects.toMatchObject({ code: "engineKilled" });
    const segments = Uint32Array.of(0, 1, 2);
    const again = await engine.request("read", { model: "coder", segments, background: false });
    expect(again.prefillTokens).toBe(0);
    expect(again.reusedTokens).toBeGreaterThan(0);
  });

  it("answers beside a background read, which makes way for another read", async () => {
    const engine = await ready({ segmentDelayMs: 1_000 });
    const one = Uint32Array.of(1);
    await engine.request("read", { model: "coder", segments: one, background: false });
    const rest = Uint32Array.of(0, 2);
    const background = engine.request("read", { model: "coder", segments: rest, background: true });
    const end = await engine.request("ask", { ...askFor("cookie?"), sight: one });
    expect(end.stopReason).toBe("eos");
    await engine.request("read", { model: "coder", segments: one, background: false });
    expect(await background).toMatchObject({ cancelled: true });
  });
});
