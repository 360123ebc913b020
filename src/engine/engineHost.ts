/**
 * Forks the engine process. It owns how the child is made, its stderr and its end; what is said to
 * the child is engineConnection.ts.
 */
import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { StringDecoder } from "node:string_decoder";
import type { FromEngine, ToEngine } from "../shared/engineMessages.js";
import { engineMissing } from "../shared/errors.js";

/** One running child, as the connection sees it; tests put a fake here. */
export interface EngineProcess {
  /** For logs; undefined when it could not be started. */
  readonly pid: number | undefined;
  /** False once the channel is closed. */
  send(message: ToEngine): boolean;
  onMessage(listener: (message: FromEngine) => void): void;
  /** Called once; `how` is "signal SIGKILL", "exit status 1" or why it could not be started. */
  onEnd(listener: (how: string) => void): void;
  /** Closes the channel: the child stops its work and exits. */
  disconnect(): void;
  kill(): void;
}

export interface EngineHostOptions {
  /** The bundle of src/engineProcess/main.ts. */
  readonly mainPath: string;
  /** Lines the child writes to stderr. */
  readonly log: (line: string) => void;
  /** More variables for the child, for tests. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Variables the child may see; everything else (tokens, proxies, NODE_OPTIONS) stays here. */
const PASSED_ON =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|XDG_\w+|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|CUDA_\w+|BLOCKSIGHT_\w+|SystemRoot|windir|LOCALAPPDATA|APPDATA|USERPROFILE)$/i;

export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = Object.entries(env).filter(([name]) => PASSED_ON.test(name));
  return { ...Object.fromEntries(passed), ELECTRON_RUN_AS_NODE: "1" };
}

/**
 * Not inherited from this process: execArgv (an extension host's make the child exit on some
 * systems). `detached`, because Ctrl-C in a terminal would otherwise end the engine before it can
 * report what it has. stdout is closed: it belongs to the answer.
 */
export function forkEngine(options: EngineHostOptions): EngineProcess {
  if (!existsSync(options.mainPath)) throw engineMissing(`${options.mainPath} does not exist`);
  const child = fork(options.mainPath, [], {
    serialization: "advanced",
    execArgv: [],
    detached: true,
    env: { ...childEnvironment(process.env), ...options.env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const decoder = new StringDecoder("utf8");
  let rest = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) options.log(line);
  });
  child.stderr?.on("end", () => {
    if (rest !== "") options.log(rest);
  });

  let end: string | undefined;
  let tellEnd: ((how: string) => void) | undefined;
  const endBecause = (how: string): void => {
    if (end !== undefined) return;
    end = how;
    tellEnd?.(how);
  };
  child.on("exit", (code, signal) => {
    endBecause(signal === null ? `exit status ${code ?? -1}` : `signal ${signal}`);
  });
  child.on("error", (error) => endBecause(error.message));

  return {
    pid: child.pid,
    send(message) {
      // Errors of a channel that closes meanwhile arrive in the callback; "exit" tells the rest.
      return child.connected && (child.send(message, () => undefined) || child.connected);
    },
    onMessage(listener) {
      child.on("message", (message) => listener(message as FromEngine));
    },
    onEnd(listener) {
      tellEnd = listener;
      if (end !== undefined) listener(end);
    },
    disconnect() {
      if (child.connected) child.disconnect();
    },
    kill() {
      child.kill("SIGKILL");
    },
  };
}
