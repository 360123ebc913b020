/** The process around the command line: streams, signals, exit status. */
import { setMaxListeners } from "node:events";
import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { askCommand } from "./askCommand.js";
import { type TextSink } from "./commandContext.js";
import { type Commands, runCommandLine } from "./commandLine.js";
import { connectPackTo, connectTo, startEngine } from "./connect.js";
import { doctorCommand } from "./doctorCommand.js";
import { makeReportFrom } from "./makeReport.js";
import { modelCommand } from "./modelCommand.js";
import { packCommand } from "./packCommand.js";
import { traceCommand } from "./traceCommand.js";
import { version } from "../../package.json";

/** The folder of this bundle; a link in a `bin` folder is followed. */
const bundles = dirname(realpathSync(process.argv[1] ?? "."));

const COMMANDS: Commands = {
  ask: askCommand(connectTo(bundles), makeReportFrom(bundles)),
  pack: packCommand(connectPackTo(bundles)),
  trace: traceCommand(makeReportFrom(bundles)),
  model: modelCommand({ startEngine: (context) => startEngine(bundles, context) }),
  doctor: doctorCommand({
    startEngine: (context) => startEngine(bundles, context),
    version,
    platform: `node ${process.versions.node}, ${process.platform} ${process.arch}`,
  }),
};

/** Without a terminal there is no width; tables are then as wide as a page. */
const PAGE_COLUMNS = 100;

function sinkOf(stream: NodeJS.WriteStream): TextSink {
  const { NO_COLOR, TERM } = process.env;
  const isTerminal = stream.isTTY;
  const isDumb = TERM === "dumb";
  return {
    write: (text) => void stream.write(text),
    isTerminal: isTerminal && !isDumb,
    get columns() {
      return isTerminal ? stream.columns : PAGE_COLUMNS;
    },
    hasColor: isTerminal && !isDumb && (NO_COLOR === undefined || NO_COLOR === ""),
  };
}

/** The first Ctrl-C stops and prints what was read so far; the second ends at once. */
function stopOnSignals(): AbortSignal {
  const controller = new AbortController();
  // One signal for the whole command: every file that is tokenized listens for a while.
  setMaxListeners(0, controller.signal);
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  // Whoever read the output has gone (`| head`): nothing is left to be said.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") controller.abort();
      else throw error;
    });
  }
  return controller.signal;
}

/** Where the user stood: npm runs scripts in the package's folder and keeps the other in INIT_CWD. */
function workingDirectory(): string {
  const { INIT_CWD } = process.env;
  return INIT_CWD === undefined || INIT_CWD === "" ? process.cwd() : INIT_CWD;
}

async function main(): Promise<void> {
  process.exitCode = await runCommandLine(COMMANDS, version, process.argv.slice(2), {
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    env: process.env,
    workingDirectory: workingDirectory(),
    signal: stopOnSignals(),
  });
}

void main();
