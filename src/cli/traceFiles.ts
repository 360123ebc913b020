/** Trace files and reports on disk: whole or not at all. */
import { constants } from "node:fs";
import { access, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BlocksightError } from "../shared/errors.js";
import type { AskTrace } from "../trace/askTrace.js";
import { type DecodedTrace, decodeTrace, encodeTrace } from "../trace/traceFile.js";

/** 1,000 steps of a model with 228 lanes are 44 MB. */
const MOST_BYTES = 2_000_000_000;

type Saved = "trace" | "report";

/** Before minutes are spent on an answer: whether what comes of it could be saved. */
export async function checkTarget(path: string, what: Saved): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    throw notWritten(path, what, error);
  }
  if (
    await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
  ) {
    throw notWritten(path, what, new Error("it is a directory"));
  }
}

export function saveTrace(path: string, trace: AskTrace): Promise<void> {
  return save(path, "trace", encodeTrace(trace));
}

export function saveReport(path: string, html: string): Promise<void> {
  return save(path, "report", [html]);
}

/** Written beside its place and moved there, so that no half file is ever found under the name. */
async function save(
  path: string,
  what: Saved,
  pieces: Iterable<Uint8Array | string>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw notWritten(path, what, error);
  }
}

export async function loadTrace(path: string): Promise<DecodedTrace> {
  let bytes: Uint8Array;
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error("it is not a file");
    if (found.size > MOST_BYTES) throw new Error("it is too large for a trace");
    bytes = await readFile(path);
  } catch (error) {
    throw new BlocksightError(
      "unreadableFile",
      `${path} cannot be read: ${reasonOf(error)}.`,
      "Give the path of a file saved by `blocksight ask --trace FILE`.",
    );
  }
  return decodeTrace(bytes);
}

function notWritten(path: string, what: Saved, error: unknown): BlocksightError {
  const isFull = codeOf(error) === "ENOSPC";
  return new BlocksightError(
    isFull ? "diskFull" : "unwritableFile",
    `The ${what} cannot be saved as ${path}: ${reasonOf(error)}.`,
    isFull
      ? "Free some space, or save it on another disk."
      : "Choose a path in a directory that exists and that you may write to.",
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  ENOSPC: "the disk is full",
  EISDIR: "it is a directory",
  ENOTDIR: "part of its path is not a directory",
  EROFS: "the file system is read-only",
};

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return (code && REASONS[code]) ?? (error instanceof Error ? error.message : String(error));
}
