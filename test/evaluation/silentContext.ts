import { setMaxListeners } from "node:events";
import process from "node:process";
import type { CommandContext } from "../../src/cli/commandContext.js";

/** A command's surroundings that say nothing and never end, for as many questions as there are. */
export function silentContext(workingDirectory: string): CommandContext {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const silent = { write: () => undefined, isTerminal: false, columns: 100, hasColor: false };
  return { stdout: silent, stderr: silent, env: process.env, workingDirectory, signal };
}
