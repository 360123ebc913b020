/** A command's context that keeps what is written. */
import type { CommandContext, TextSink } from "../../src/cli/commandContext.js";

export class KeptText implements TextSink {
  text = "";

  constructor(
    readonly isTerminal = false,
    readonly columns = 100,
    readonly hasColor = false,
  ) {}

  write(text: string): void {
    this.text += text;
  }
}

export interface FakeContext extends CommandContext {
  readonly stdout: KeptText;
  readonly stderr: KeptText;
}

export function fakeContext(
  options: {
    readonly signal?: AbortSignal;
    readonly stderr?: KeptText;
    readonly workingDirectory?: string;
  } = {},
): FakeContext {
  return {
    stdout: new KeptText(),
    stderr: options.stderr ?? new KeptText(),
    env: {},
    workingDirectory: options.workingDirectory ?? "/nowhere",
    signal: options.signal ?? new AbortController().signal,
  };
}
