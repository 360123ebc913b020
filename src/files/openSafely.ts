/** Reading from directories that nobody vouches for. */
import { constants } from "node:fs";
import { readFile } from "node:fs/promises";

/**
 * No link is followed, should one have taken a file's place since it was listed, and opening a pipe
 * does not wait for its writer. (Windows has neither flag.)
 */
const FLAGS =
  constants.O_RDONLY |
  ((constants.O_NOFOLLOW as number | undefined) ?? 0) |
  ((constants.O_NONBLOCK as number | undefined) ?? 0);

export function readRegularFile(absolutePath: string): Promise<Buffer> {
  return readFile(absolutePath, { flag: FLAGS });
}

/** A system error in words, such as "permission denied". */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;
}
