/** Misuse of the addon is an error and never a crash; an environment that ends takes its work along. */
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addonPath,
  loadAddon,
  type CancelHandle,
  type EngineHandle,
  type ModelHandle,
  type NativeAddon,
  type PackHandle,
  type TokenizerHandle,
} from "../../src/engineProcess/nativeAddon.js";
import { hasAddon } from "../fakes/realEngine.js";
import { writeTinyModel } from "../fakes/tinyModel.js";

const file = addonPath(path.resolve(import.meta.dirname, "../../dist"));
const utf8 = new TextEncoder();
const TEXT = utf8.encode("The name that defines it stands in the code. ".repeat(100));

describe.skipIf(!hasAddon)("addon", () => {
  let addon: NativeAddon;
  let folder: string;
  let model: string;
  let engine: EngineHandle;
  let opened: ModelHandle;
  let tokenizer: TokenizerHandle;
  let pack: PackHandle;
  let cancel: CancelHandle;
  const none = (): void => undefined;
  const zero = Uint32Array.of(0);

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "blocksight-addon-"));
    model = path.join(folder, "tiny.gguf");
    await writeTinyModel(model, { layers: 16 });
    addon = loadAddon(file);
    engine = await addon.openEngine({ threads: 1 });
    opened = await addon.openModel(engine, { modelPath: model });
    tokenizer = addon.modelTokenizer(opened);
    pack = await addon.openPack(opened, [addon.encode(tokenizer, TEXT, false)], zero);
    cancel = addon.createCancel();
  });
  afterAll(async () => {
    for (const handle of [cancel, pack, tokenizer, opened, engine]) addon.close(handle);
    await rm(folder, { recursive: true });
  });

  const readOptions = { segments: zero, background: false };
  const askOptions = {
    prompt: Uint32Array.of(0, 1, 0),
    turnStart: 0,
    sight: zero,
    maxTokens: 2,
    temperature: 0,
    topP: 1,
    topK: 0,
    repetitionPenalty: 1,
    seed: 0,
  };

  describe("throws a TypeError for", () => {
    /** Each call with one argument that is wrong; `any` by way of `never`, as JavaScript would. */
    const wrong: readonly (readonly [string, () => unknown])[] = [
      ["a handle that was never given out", () => addon.describeModel(99_999 as never)],
      ["a handle of another kind", () => addon.describeModel(engine as never)],
      ["a handle that is no number", () => addon.describeModel("1" as never)],
      ["a handle that is no integer", () => addon.describeModel(1.5 as never)],
      ["a negative handle", () => addon.close(-1 as never)],
      ["no arguments at all", () => (addon.ask as () => unknown)()],
      ["a path that is no string", () => addon.openTokenizer(7 as never)],
      ["a path with a NUL in it", () => addon.openTokenizer("a\0b")],
      ["options that are no object", () => addon.openEngine(null as never)],
      ["an option of the wrong type", () => addon.openEngine({ tier: 3 } as never)],
      ["a size that is negative", () => addon.openEngine({ storeLimitBytes: -1 })],
      ["a size that is not a number", () => addon.openEngine({ threads: NaN })],
      ["texts that are no array", () => addon.encodeAll(tokenizer, "text" as never)],
      ["texts that are strings", () => addon.encodeAll(tokenizer, ["text"] as never)],
      ["ids of another width", () => addon.openPack(opened, [new Uint8Array(4)] as never, zero)],
      ["files of another length", () => addon.openPack(opened, [], zero)],
      [
        "a segment outside the pack",
        () => addon.read(pack, { ...readOptions, segments: Uint32Array.of(1) }, none, cancel),
      ],
      ["a callback that is none", () => addon.read(pack, readOptions, 1 as never, cancel)],
      ["a cancel that is none", () => addon.read(pack, readOptions, none, pack as never)],
      [
        "a time that is negative",
        () => addon.read(pack, { ...readOptions, budgetMs: -1 }, none, cancel),
      ],
      [
        "a turn that starts behind the prompt",
        () => addon.ask(pack, { ...askOptions, turnStart: 3 }, none, cancel),
      ],
      [
        "sight outside the pack",
        () => addon.ask(pack, { ...askOptions, sight: Uint32Array.of(4) }, none, cancel),
      ],
      ["a seed that is negative", () => addon.ask(pack, { ...askOptions, seed: -1 }, none, cancel)],
      [
        "a count that is a fraction",
        () => addon.ask(pack, { ...askOptions, topK: 0.5 }, none, cancel),
      ],
    ];
    it.each(wrong)("%s", (_, call) => {
      expect(call).toThrow(TypeError);
    });
  });

  it("gives what a getter throws to the caller", () => {
    const options = {
      get tier(): "ref" {
        throw new RangeError("from the getter");
      },
    };
    expect(() => addon.openEngine(options)).toThrow("from the getter");
  });

  it("rejects with the engine's status for what only the engine can know", async () => {
    await expect(addon.openTokenizer(path.join(folder, "none"))).rejects.toMatchObject({
      status: "notFound",
    });
    const unknown = { ...askOptions, prompt: Uint32Array.of(4_000_000_000) };
    await addon.read(pack, readOptions, none, cancel);
    await expect(addon.ask(pack, unknown, none, cancel)).rejects.toMatchObject({
      status: "invalidArgument",
    });
  });

  it("refuses a second call of the same kind on one pack, and works again after it", async () => {
    await addon.read(pack, readOptions, none, cancel);
    const ownCancel = addon.createCancel();
    const options = { ...askOptions, maxTokens: 1_900 };
    let first: Promise<unknown> = Promise.resolve();
    await new Promise<void>((resolve) => {
      first = addon.ask(pack, options, () => resolve(), ownCancel);
    });
    const second = addon.ask(pack, askOptions, none, cancel);
    await expect(second).rejects.toMatchObject({ status: "busy" });
    addon.requestCancel(ownCancel);
    expect(await first).toMatchObject({ stopReason: "cancelled" });
    addon.close(ownCancel);
    await expect(addon.ask(pack, askOptions, none, cancel)).resolves.toBeDefined();
  });

  it("finishes what is under way when everything it uses is closed", async () => {
    const own = await addon.openEngine({ threads: 1 });
    const ownModel = await addon.openModel(own, { modelPath: model });
    const ids = addon.encode(tokenizer, TEXT, false);
    const ownPack = await addon.openPack(ownModel, [ids], zero);
    const ownCancel = addon.createCancel();
    const reading = addon.read(ownPack, readOptions, none, ownCancel);
    for (const handle of [own, ownModel, ownPack, ownCancel]) addon.close(handle);
    expect(() => addon.close(own)).toThrow(TypeError);
    expect(await reading).toMatchObject({ read: 1, cancelled: false });
  });

  it("ends the work and rejects with what a callback throws", async () => {
    const ownCancel = addon.createCancel();
    const throwing = (): void => {
      throw new RangeError("from the callback");
    };
    await addon.read(pack, readOptions, none, cancel);
    const options = { ...askOptions, maxTokens: 1_500 };
    await expect(addon.ask(pack, options, throwing, ownCancel)).rejects.toThrow(
      "from the callback",
    );
    addon.close(ownCancel);
  });

  it("does not read memory that JavaScript changes while it works", async () => {
    const texts = [TEXT.slice()];
    const expected = addon.encode(tokenizer, TEXT, false);
    const encoding = addon.encodeAll(tokenizer, texts);
    texts[0]?.fill(0);
    structuredClone(texts[0]?.buffer, { transfer: [texts[0]?.buffer ?? new ArrayBuffer()] });
    expect((await encoding).ids[0]).toEqual(expected);
  });

  it("is safe to end in the middle of reading, answering, opening and tokenizing", async () => {
    for (const work of ["read", "ask", "openModel", "encodeAll"]) {
      for (const delayMs of [0, 3, 20]) {
        const worker = new Worker(WORKER, {
          eval: true,
          workerData: { file, model, work, delayMs },
        });
        await new Promise<void>((resolve, reject) => {
          worker.on("message", () => setTimeout(resolve, delayMs));
          worker.on("error", reject);
        });
        await worker.terminate();
      }
    }
    // This process is still here, and so is its own copy.
    expect(addon.describeModel(opened)).toContain("Tiny");
  });
});

/** Starts one kind of work over and over, and says so once; the test then ends the worker. */
const WORKER = `
const { parentPort, workerData: { file, model, work } } = require("node:worker_threads");
const addon = require(file);
const none = () => undefined;
const text = new TextEncoder().encode("The name that defines it stands in the code. ".repeat(2000));
(async () => {
  const engine = await addon.openEngine({ threads: 1 });
  const opened = await addon.openModel(engine, { modelPath: model });
  const tokenizer = addon.modelTokenizer(opened);
  const ids = addon.encode(tokenizer, text, false).slice(0, 1900);
  const zero = Uint32Array.of(0);
  const cancel = addon.createCancel();
  const pack = await addon.openPack(opened, [ids], zero);
  const read = () => addon.read(pack, { segments: zero, background: false }, none, cancel);
  if (work === "ask") await read();
  parentPort.postMessage("ready");
  for (;;) {
    if (work === "read") await read();
    if (work === "openModel") await addon.openModel(engine, { modelPath: model });
    if (work === "encodeAll") await addon.encodeAll(tokenizer, [text, text, text]);
    if (work === "ask") {
      await addon.ask(pack, { prompt: ids.slice(0, 500), turnStart: 0, sight: zero, maxTokens: 1000,
        temperature: 0, topP: 1, topK: 0, repetitionPenalty: 1, seed: 0 }, none, cancel);
    }
  }
})();`;
