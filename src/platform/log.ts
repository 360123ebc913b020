import * as vscode from "vscode";

/** What the rest of the extension knows of the log. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(error: unknown): void;
  show(): void;
}

export function createLog(): Log & { dispose(): void } {
  const channel = vscode.window.createOutputChannel("Blocksight", { log: true });
  return {
    info: (message) => channel.info(message),
    warn: (message) => channel.warn(message),
    error: (error) =>
      channel.error(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    show: () => channel.show(),
    dispose: () => channel.dispose(),
  };
}
