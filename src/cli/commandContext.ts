/** What a command may touch. No command reads `process` itself, so tests run the real ones. */
import { isAbsolute, resolve } from "node:path";

/** stdout or stderr as a command sees it. */
export interface TextSink {
  write(text: string): void;
  /** A person is watching: progress may be drawn. */
  readonly isTerminal: boolean;
  /** Columns of the terminal; 100 where it is none. */
  readonly columns: number;
  readonly hasColor: boolean;
}

export interface CommandContext {
  /** Only the answer or the JSON object. */
  readonly stdout: TextSink;
  /** Everything else. */
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths start: where the user stood, also under `npm run`. */
  readonly workingDirectory: string;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Runs with the arguments after the command's name. The exit status; throws a BlocksightError. */
export type Command = (args: readonly string[], context: CommandContext) => Promise<ExitStatus>;

export const EXIT = { ok: 0, failed: 1, usage: 2, cancelled: 130 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

export function resolvePath(
  context: Pick<CommandContext, "workingDirectory">,
  path: string,
): string {
  return isAbsolute(path) ? path : resolve(context.workingDirectory, path);
}
