import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PackWorkspaceOptions, WorkspacePacker } from "../../src/packWorkspace.js";
import type { Engine } from "../../src/shared/engine.js";
import type { Pack } from "../../src/shared/pack.js";
import { FakeEngine } from "../fakes/fakeEngine.js";
import { bothTokenizers, fakeEngine, findSymbols } from "../fakes/packFiles.js";

let directory = "";
let root = "";
let requests = 0;
const countingEngine: Engine = {
  ...fakeEngine,
  request: (name, body, options) => {
    requests += 1;
    return fakeEngine.request(name, body, options);
  },
};

const long = Array.from({ length: 900 }, (_, i) => `export const value${i} = ${i} * 2;`).join("\n");

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "blocksight-pack-"));
  root = path.join(directory, "project");
  requests = 0;
  await mkdir(path.join(root, "src"), { recursive: true });
  await writeFile(path.join(root, "src/long.ts"), long);
  await writeFile(path.join(root, "src/short.ts"), "export function short() {}\n");
  await writeFile(path.join(root, "notes.md"), "# Notes\n\nFirst.\n");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function packer(isKept = true): WorkspacePacker {
  const cacheDirectory = path.join(directory, "cache");
  const parts = { engine: countingEngine, findSymbols };
  return new WorkspacePacker(isKept ? { ...parts, cacheDirectory } : parts);
}

async function packed(
  made: WorkspacePacker,
  options: Partial<PackWorkspaceOptions> = {},
): Promise<Pack> {
  const built = await made.pack({
    roots: [root],
    tokenizers: bothTokenizers,
    layout: "independent",
    ...options,
  });
  if (built.t === "overBudget") throw new Error("over budget");
  return built.pack;
}

describe("packing again", () => {
  it("asks the tokenizer nothing where nothing changed, in memory and from disk", async () => {
    const first = packer();
    const before = await packed(first);
    await first.settle();
    expect(requests).toBeGreaterThan(0);
    requests = 0;
    expect(await packed(first)).toEqual(before);
    expect(await packed(packer())).toEqual(before);
    expect(requests).toBe(0);
  });

  it("cuts an edited file anew and no other", async () => {
    const made = packer();
    const before = await packed(made);
    await writeFile(path.join(root, "notes.md"), "# Notes\n\nSecond.\n");
    const after = await packed(made);
    expect(after.packId).not.toBe(before.packId);
    const same = before.models[0]?.tokens.map(
      (ids, segment) => ids === after.models[0]?.tokens[segment],
    );
    const at = before.files.findIndex((file) => file.path === "notes.md");
    expect(same).toEqual(before.segments.map(({ file }) => file !== at));
  });

  it("forgets a file that has gone", async () => {
    const made = packer();
    await packed(made);
    await rm(path.join(root, "src/short.ts"));
    const after = await packed(made);
    expect(after.files.map((file) => file.path)).toEqual(["notes.md", "src/long.ts"]);
    await made.settle();
    expect(await packed(packer())).toEqual(after);
  });

  it("gives the same pack when what was kept is damaged, and keeps it private", async () => {
    const made = packer();
    const before = await packed(made);
    await made.settle();
    const cache = path.join(directory, "cache");
    const [name = ""] = await readdir(cache);
    const file = path.join(cache, name);
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await stat(cache)).mode & 0o077).toBe(0);
    const whole = await readFile(file);
    for (const damaged of [
      whole.subarray(0, whole.length - 4),
      Buffer.concat([whole.subarray(0, 400), Buffer.from([1, 2, 3]), whole.subarray(403)]),
      Buffer.from("nothing like it"),
    ]) {
      await writeFile(file, damaged);
      requests = 0;
      const again = packer();
      expect(await packed(again)).toEqual(before);
      expect(requests).toBeGreaterThan(0);
      await again.settle();
    }
  });
});

describe("a workspace", () => {
  it("is packed with the text of unsaved buffers", async () => {
    const unsaved = new Map([[path.join(root, "notes.md"), "# Unsaved\n"]]);
    const pack = await packed(packer(false), { unsaved });
    expect(pack.files.find((file) => file.path === "notes.md")?.bytes).toBe(10);
  });

  it("is in order of time in the causal layout, so that the last edit comes last", async () => {
    const times = { "src/long.ts": 3000, "notes.md": 1000, "src/short.ts": 2000 };
    for (const [name, time] of Object.entries(times)) {
      await utimes(path.join(root, name), time, time);
    }
    const paths = async (options: Partial<PackWorkspaceOptions>): Promise<readonly string[]> =>
      (await packed(packer(false), options)).files.map((file) => file.path);
    expect(await paths({ layout: "causal" })).toEqual(["notes.md", "src/short.ts", "src/long.ts"]);
    expect(await paths({ layout: "causal", order: "path" })).toEqual(await paths({}));
  });

  it("of several roots has their names in its paths", async () => {
    const other = path.join(directory, "other/project");
    await mkdir(other, { recursive: true });
    await writeFile(path.join(other, "notes.md"), "Other notes.\n");
    const pack = await packed(packer(false), { roots: [root, other] });
    expect(pack.files.map((file) => [file.path, file.root])).toEqual([
      ["project-2/notes.md", 1],
      ["project/notes.md", 0],
      ["project/src/long.ts", 0],
      ["project/src/short.ts", 0],
    ]);
    expect(pack.roots).toEqual([root, other]);
  });

  it("that is being packed stops at the signal", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped");
    const onProgress = (): void => controller.abort(reason);
    const options = { signal: controller.signal, onProgress };
    await expect(packed(packer(false), options)).rejects.toBe(reason);
  });
});

describe("opening tokenizers", () => {
  const models = [{ path: "coder.gguf" }, { path: "scout.gguf" }];

  it("opens each file once, also where two packings want it at the same time", async () => {
    const engine = new FakeEngine();
    const made = new WorkspacePacker({ engine, findSymbols });
    const both = await Promise.all([made.openTokenizers(models), made.openTokenizers(models)]);
    const again = await made.openTokenizers(models);
    expect(engine.requests).toEqual(["openTokenizer", "openTokenizer"]);
    for (const opened of both) expect(opened).toEqual(again);
    expect(new Set(again.map(({ info }) => info.hash)).size).toBe(2);
  });

  it("tries again after a failure", async () => {
    let failure: Error | undefined = new Error("unreadable");
    const engine = new FakeEngine({ fail: () => failure });
    const made = new WorkspacePacker({ engine, findSymbols });
    await expect(made.openTokenizers(models)).rejects.toThrow("unreadable");
    failure = undefined;
    await expect(made.openTokenizers(models)).resolves.toHaveLength(2);
  });
});
