/** The small parts of the engine process, and what the host gives it. */
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { childEnvironment, forkEngine } from "../../src/engine/engineHost.js";
import { FileHashes } from "../../src/engineProcess/fileHash.js";
import { groupFreeBytes } from "../../src/engineProcess/freeMemory.js";
import { toBlocksightError } from "../../src/engineProcess/nativeErrors.js";
import { questionTooLong } from "../../src/shared/errors.js";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "blocksight-"))));
afterAll(() => rm(folder, { recursive: true }));

describe("child environment", () => {
  it("passes on what the engine needs, and neither secrets nor options of this process", () => {
    const env = childEnvironment({
      PATH: "/bin",
      HOME: "/home/u",
      LC_ALL: "C",
      XDG_CACHE_HOME: "/cache",
      BLOCKSIGHT_MODELS: "/models",
      NODE_OPTIONS: "--inspect",
      VSCODE_IPC_HOOK: "/tmp/hook",
      GITHUB_TOKEN: "secret",
      ELECTRON_RUN_AS_NODE: "0",
    });
    expect(env).toEqual({
      PATH: "/bin",
      HOME: "/home/u",
      LC_ALL: "C",
      XDG_CACHE_HOME: "/cache",
      BLOCKSIGHT_MODELS: "/models",
      ELECTRON_RUN_AS_NODE: "1",
    });
  });

  it("names a bundle that is not there", () => {
    const start = (): unknown =>
      forkEngine({ mainPath: "/nowhere/engine.cjs", log: () => undefined });
    expect(start).toThrow("The engine cannot be started: /nowhere/engine.cjs does not exist.");
  });
});

describe("native errors", () => {
  it("give a status its code and next step, and keep the engine's sentence", () => {
    const error = Object.assign(new Error("m.gguf: architecture `bert` is not supported."), {
      status: "unsupportedArchitecture",
    });
    expect(toBlocksightError(error).toWire()).toEqual({
      code: "unsupportedArchitecture",
      message: "m.gguf: architecture `bert` is not supported.",
      next: "Use a GGUF whose architecture is llama, qwen2 or qwen3.",
      words: {
        message: {
          text: "The engine reports: {0}",
          values: ["m.gguf: architecture `bert` is not supported."],
        },
        next: { text: "Use a GGUF whose architecture is llama, qwen2 or qwen3.", values: [] },
      },
    });
  });

  it("show what has no status as a bug, and leave entries of the catalogue alone", () => {
    expect(toBlocksightError(new TypeError("Expected `sight`")).code).toBe("internal");
    expect(toBlocksightError(Object.assign(new Error("x"), { status: "toString" })).code).toBe(
      "internal",
    );
    const expected = questionTooLong(3000, 2048);
    expect(toBlocksightError(expected)).toBe(expected);
  });
});

describe("free memory of a control group", () => {
  it("counts the inactive page cache as free", () => {
    const stat = "anon 100\ninactive_file 300\nactive_file 50\n";
    expect(groupFreeBytes("1000\n", "800\n", stat)).toBe(500);
  });

  it("is unknown without a limit or with text that is no number", () => {
    expect(groupFreeBytes("max\n", "800\n", "")).toBeUndefined();
    expect(groupFreeBytes("what", "800\n", "")).toBeUndefined();
  });
});

describe("file hashes", () => {
  const never = new AbortController().signal;
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  it("are computed once for a file that did not change", async () => {
    const file = path.join(folder, "model");
    const cache = path.join(folder, "cache", "hashes.json");
    const time = new Date("2026-01-01");
    await writeFile(file, "abc");
    await utimes(file, time, time);
    expect(await new FileHashes(cache).sha256(file, never)).toBe(abc);
    // Same size and time, other content: only the cache can still say "abc".
    await writeFile(file, "abd");
    await utimes(file, time, time);
    expect(await new FileHashes(cache).sha256(file, never)).toBe(abc);
    await utimes(file, time, new Date(0));
    expect(await new FileHashes(cache).sha256(file, never)).not.toBe(abc);
  });

  it("survive a damaged cache file", async () => {
    const file = path.join(folder, "other");
    const cache = path.join(folder, "damaged.json");
    await writeFile(file, "abc");
    await writeFile(cache, '{"x": {"sha256": 3}');
    expect(await new FileHashes(cache).sha256(file, never)).toBe(abc);
    await writeFile(cache, JSON.stringify({ [file]: { sha256: "not hex" } }));
    expect(await new FileHashes(cache).sha256(file, never)).toBe(abc);
  });

  it("stop when told to", async () => {
    const file = path.join(folder, "third");
    await writeFile(file, "abc");
    const hashes = new FileHashes(path.join(folder, "none.json"));
    await expect(hashes.sha256(file, AbortSignal.abort())).rejects.toThrow("aborted");
  });
});
