/**
 * Every request in every state, on the real engine process and on the fake one that other tests stand
 * on: both refuse the same things with the same errors, and nothing hangs.
 */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GREEDY } from "../../src/ask/askParts.js";
import type { Engine } from "../../src/shared/engine.js";
import type { AskRequest, ReadRequest } from "../../src/shared/engineMessages.js";
import { FakeEngine } from "../fakes/fakeEngine.js";
import { hasAddon, RealEngine } from "../fakes/realEngine.js";
import { writeTinyModel } from "../fakes/tinyModel.js";

/** So many that reading them all outlasts any request made meanwhile: it ends when it is cancelled. */
const SEGMENTS = Uint32Array.from({ length: 64 }, (_, i) => i);
const read: ReadRequest = { model: "coder", segments: SEGMENTS, background: false };
const ask: AskRequest = {
  model: "coder",
  turns: [{ role: "user", text: "Where is it defined?" }],
  sight: SEGMENTS,
  maxTokens: 1,
  sampling: GREEDY,
};
/** Runs until it is cancelled. */
const longAsk = { ...ask, maxTokens: 1_900 };

const STATES = [
  "fresh",
  "opened",
  "packed",
  "read",
  "closed",
  "asking",
  "reading",
  "readingBackground",
  "disposed",
] as const;
type State = (typeof STATES)[number];

/** What comes of a request: "ok", or the error's code. */
type Outcome = "ok" | "internal" | "engineBusy" | "engineDisposed";
/** In the order of STATES. */
const EXPECTED: Readonly<Record<string, readonly Outcome[]>> = {
  hello: ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "engineDisposed"],
  openTokenizer: ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "engineDisposed"],
  tokenize: ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "engineDisposed"],
  tokenizeUnknown: [...Array<Outcome>(8).fill("internal"), "engineDisposed"],
  openModel: ["ok", "ok", "ok", "ok", "ok", "engineBusy", "engineBusy", "ok", "engineDisposed"],
  closeModel: ["ok", "ok", "ok", "ok", "ok", "engineBusy", "engineBusy", "ok", "engineDisposed"],
  setPack: [
    "internal",
    "ok",
    "ok",
    "ok",
    "internal",
    "engineBusy",
    "engineBusy",
    "ok",
    "engineDisposed",
  ],
  read: [
    "internal",
    "internal",
    "ok",
    "ok",
    "internal",
    "ok",
    "engineBusy",
    "ok",
    "engineDisposed",
  ],
  ask: [
    "internal",
    "internal",
    "internal",
    "ok",
    "internal",
    "engineBusy",
    "ok",
    "ok",
    "engineDisposed",
  ],
  clearPages: ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "engineDisposed"],
};

interface Subject {
  readonly make: () => Engine;
  readonly modelPath: () => string;
}

function matrix(subject: Subject): void {
  it.each(STATES.map((state, i) => [state, i] as const))(
    "in the state %s",
    async (state, index) => {
      for (const [name, outcomes] of Object.entries(EXPECTED)) {
        const expected = outcomes[index] as string;
        let seen = await observe(state, name);
        // On a busy machine what runs may end before the request arrives: then nothing was seen.
        for (let again = 0; again < 5 && seen.missed && seen.outcome !== expected; again++) {
          seen = await observe(state, name);
        }
        expect([name, seen.outcome]).toEqual([name, expected]);
      }
    },
  );

  /** What a request does in a state, and whether something ran in that state and had ended by then. */
  async function observe(
    state: State,
    name: string,
  ): Promise<{ readonly outcome: string; readonly missed: boolean }> {
    const engine = subject.make();
    const stop = new AbortController();
    const { ended } = await enter(engine, state, stop.signal);
    let missed = false;
    const end = (): void => void (missed = true);
    const settled = ended?.then(end, end);
    const outcome = await outcomeOf(engine, name);
    const seen = { outcome, missed };
    stop.abort();
    await settled;
    await engine.dispose();
    return seen;
  }

  async function packed(engine: Engine, segmentTokens: number): Promise<void> {
    const { hash } = await engine.request("openTokenizer", { path: subject.modelPath() });
    const body = new TextEncoder().encode(
      "The name that defines it stands in the code. ".repeat(150),
    );
    const texts = [...SEGMENTS].map((i) => Buffer.concat([body, Buffer.from(String(i))]));
    const { ids } = await engine.request("tokenize", { tokenizer: hash, texts });
    const tokens = ids.map((segment) => segment.slice(0, segmentTokens));
    await engine.request("setPack", { model: "coder", tokens, fileOfSegment: SEGMENTS });
  }

  /** Brings a new engine into a state; resolves to what runs in it, if anything does. */
  async function enter(
    engine: Engine,
    state: State,
    signal: AbortSignal,
  ): Promise<{ readonly ended: Promise<unknown> | undefined }> {
    const done = { ended: undefined };
    if (state === "fresh") return done;
    await engine.request("openModel", { role: "coder", modelPath: subject.modelPath() });
    if (state === "opened") return done;
    // Only what is caught in the middle has to last.
    await packed(engine, state.startsWith("reading") ? 1_900 : 50);
    if (state === "packed") return done;
    if (state === "reading" || state === "readingBackground") {
      // The first two segments are there, so that a question about them can be asked meanwhile.
      await engine.request("read", { ...read, segments: SIGHT });
      const rest = { ...read, background: state === "readingBackground" };
      const ended = engine.request("read", rest, { signal });
      ended.catch(() => undefined);
      return { ended };
    }
    await engine.request("read", read);
    if (state === "read") return done;
    if (state === "closed") {
      await engine.request("closeModel", { model: "coder" });
      return done;
    }
    if (state === "asking") {
      return new Promise((resolve) => {
        const ended = engine.request("ask", longAsk, { signal, onSteps: () => resolve({ ended }) });
        ended.catch(() => undefined);
      });
    }
    await engine.dispose();
    return done;
  }

  async function outcomeOf(engine: Engine, name: string): Promise<string> {
    return perform(engine, name).then(
      () => "ok",
      (error: unknown) =>
        error instanceof Error && "code" in error ? String(error.code) : String(error),
    );
  }

  async function perform(engine: Engine, name: string): Promise<unknown> {
    const path = subject.modelPath();
    switch (name) {
      case "hello":
        return engine.request("hello", undefined);
      case "openTokenizer":
        return engine.request("openTokenizer", { path });
      case "tokenize": {
        const { hash } = await engine.request("openTokenizer", { path });
        return engine.request("tokenize", { tokenizer: hash, texts: [Uint8Array.of(65)] });
      }
      case "tokenizeUnknown":
        return engine.request("tokenize", { tokenizer: "none", texts: [] });
      case "openModel":
        return engine.request("openModel", { role: "coder", modelPath: path });
      case "closeModel":
        return engine.request("closeModel", { model: "coder" });
      case "setPack": {
        const tokens = [...SEGMENTS].map(() => Uint32Array.of(20, 21));
        return engine.request("setPack", { model: "coder", tokens, fileOfSegment: SEGMENTS });
      }
      case "read":
        return engine.request("read", { ...read, segments: SIGHT });
      case "ask":
        return engine.request("ask", { ...ask, sight: SIGHT });
      case "clearPages":
        return engine.request("clearPages", { disk: false });
      default:
        throw new Error(`There is no request ${name}.`);
    }
  }
}

const SIGHT = Uint32Array.of(0, 1);

describe("the fake engine answers or refuses every request", () => {
  matrix({
    make: () => new FakeEngine({ stepDelayMs: 20, segmentDelayMs: 20 }),
    modelPath: () => "coder.gguf",
  });
});

describe.skipIf(!hasAddon)("the real engine answers or refuses every request", () => {
  let real: RealEngine;
  let modelPath: string;
  beforeAll(async () => {
    real = await RealEngine.create();
    modelPath = path.join(real.folder, "tiny.gguf");
    await writeTinyModel(modelPath, { layers: 16 });
  });
  afterAll(() => real.remove());
  matrix({ make: () => real.client({ engine: { threads: 1 } }), modelPath: () => modelPath });
});
