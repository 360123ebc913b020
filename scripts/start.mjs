// `npm start`: set up what is missing, then the command line with the arguments given. Without a
// command it asks; without any argument it asks one question about this repository.
import { spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";
import {
  ensureBundles,
  ensureModels,
  ensureNative,
  ensurePackages,
  exitWith,
  root,
} from "./setup.mjs";

const COMMANDS = new Set(["ask", "pack", "trace", "model", "doctor"]);
/** Asked where no argument is given, in the folders that hold what it asks: the rest would be minutes more. */
const FIRST_QUESTION = "Where is planByFocus defined, and what does it return?";
const FIRST_FOLDERS = "src/{ask,engine,engineProcess,shared}/**";

const given = process.argv.slice(2);
const isCommand = COMMANDS.has(given[0]) || given.includes("--help") || given.includes("--version");

function argumentsOf(list) {
  if (list.length === 0) {
    return ["ask", "--repo", root, "--include", FIRST_FOLDERS, FIRST_QUESTION];
  }
  return isCommand ? list : ["ask", ...list];
}

/** The models that these arguments need: none to pack or to look at a trace. */
function modelsFor(list) {
  if (list[0] !== "ask" || list.includes("--help")) return [];
  const at = list.findIndex((arg) => arg === "--model" || arg.startsWith("--model="));
  const inline = at < 0 ? undefined : list[at].split("=")[1];
  const model = at < 0 ? "coder" : (inline ?? list[at + 1]);
  if (model === "coder") return ["scout", "coder"];
  return model === "scout" ? ["scout"] : [];
}

const args = argumentsOf(given);
try {
  ensurePackages();
  ensureNative();
  ensureBundles();
  ensureModels(modelsFor(args));
} catch (error) {
  exitWith(error);
}

if (given.length === 0) {
  const repo = JSON.stringify(path.relative(process.env.INIT_CWD ?? process.cwd(), root) || ".");
  process.stderr.write(
    `\nAsking about this repository. The same again, or with a question of your own:\n` +
      `  npm start -- --repo ${repo} --include "${FIRST_FOLDERS}" "${FIRST_QUESTION}"\n\n`,
  );
}
const child = spawn(process.execPath, [path.join(root, "dist/cli.cjs"), ...args], {
  stdio: "inherit",
  env: { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() },
});
// Ctrl-C reaches the child through the terminal's process group; the child decides what to print.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
