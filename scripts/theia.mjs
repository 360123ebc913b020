// The VSIX in Eclipse Theia, a second host with an implementation of the API of its own:
//   node scripts/theia.mjs [FOLDER]     needs dist/ with the engine, and the scout's model file
// Theia is installed once from npm into a cache outside the checkout. Then: the views are opened, a
// question is asked of the real engine, the evidence is drawn, and pictures are taken. Prints what
// was seen as JSON; exits with 1 where something was missing.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { cacheFolder } from "./cacheFolder.mjs";
import { makeVsix } from "./package.mjs";
import { ensureHarness } from "./vscodeHarness.mjs";

const VERSION = "1.74.1";
const PACKAGES = [
  ...["core", "editor", "filesystem", "keymaps", "markers", "messages", "monaco", "navigator"],
  ...["output", "outline-view", "plugin-ext", "plugin-ext-vscode", "preferences", "process"],
  ...["search-in-workspace", "terminal", "userstorage", "variable-resolver", "workspace"],
];
/** Modules of Theia that are compiled here; the others carry their binaries. */
const COMPILED = ["drivelist", "keytar"];
const PORT = 8301;
const QUESTION = "Where is `blocksOf` defined?";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const home = path.join(cacheFolder, `theia-${VERSION}`);
const run = promisify(execFile);
const say = (line) => process.stderr.write(`${line}\n`);

async function install(node) {
  const done = path.join(home, "complete");
  if (existsSync(done)) return;
  say(`installing Theia ${VERSION} into ${home} (about 2 minutes, once)`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const scoped = (names) => Object.fromEntries(names.map((name) => [`@theia/${name}`, VERSION]));
  const manifest = {
    private: true,
    name: "theia-host",
    version: "1.0.0",
    theia: { target: "browser" },
    dependencies: scoped(PACKAGES),
    devDependencies: scoped(["cli"]),
  };
  writeFileSync(path.join(home, "package.json"), JSON.stringify(manifest));
  const nodeRoot = path.dirname(path.dirname(node));
  const env = {
    ...process.env,
    PATH: `${path.dirname(node)}:${process.env.PATH ?? ""}`,
    // Headers lie beside this Node: nothing is fetched to compile.
    npm_config_nodedir: nodeRoot,
  };
  const options = { cwd: home, env, maxBuffer: 1 << 26 };
  await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], options);
  await run("npm", ["rebuild", "--foreground-scripts", ...COMPILED], options);
  await run(node, ["node_modules/.bin/theia", "build", "--mode", "development"], options);
  writeFileSync(done, VERSION);
}

async function start(node, workspace, scratch) {
  const plugins = path.join(scratch, "plugins");
  const unpacked = path.join(plugins, "blocksight.blocksight");
  mkdirSync(unpacked, { recursive: true });
  const vsix = makeVsix({ out: path.join(scratch, "blocksight.vsix") }).out;
  await run("unzip", ["-qo", vsix, "-d", unpacked]);
  const config = path.join(scratch, "config");
  mkdirSync(config, { recursive: true });
  const settings = {
    "blocksight.models.answer": "scout",
    "blocksight.answer.maxTokens": 60,
    "security.workspace.trust.enabled": false,
  };
  writeFileSync(path.join(config, "settings.json"), JSON.stringify(settings));
  const env = {
    ...process.env,
    // Theia's default is a host name per view, which a numeric address cannot have.
    THEIA_WEBVIEW_EXTERNAL_ENDPOINT: "{{hostname}}",
    THEIA_CONFIG_DIR: config,
  };
  const args = ["lib/backend/main.js", workspace, "--hostname=127.0.0.1", `--port=${PORT}`];
  const server = spawn(node, [...args, `--plugins=local-dir:${plugins}`], {
    cwd: home,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => (log += text));
  for (let i = 0; i < 300; i++) {
    if (server.exitCode !== null) break;
    const isUp = await fetch(`http://127.0.0.1:${PORT}/`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return { server, log: () => log };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  server.kill();
  throw new Error(`Theia did not start:\n${log.slice(-3000)}`);
}

async function waitFor(isDone, what, timeoutMs = 60_000) {
  const end = Date.now() + timeoutMs;
  while (!isDone()) {
    if (Date.now() > end) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function command(page, title) {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").first().waitFor();
  await page.keyboard.type(title);
  await page.waitForTimeout(1500);
  await page.keyboard.press("Enter");
}

/** A view's page is two frames deep, and of several frames only one has the element. */
async function frameWith(page, selector, timeoutMs = 60_000) {
  // A frame that is looked into while Theia still writes its page stays empty.
  await page.waitForTimeout(8000);
  const end = Date.now() + timeoutMs;
  while (Date.now() < end) {
    for (const frame of page.frames().filter((f) => f.url().includes("fake.html"))) {
      if ((await frame.$(selector).catch(() => null)) !== null) return frame;
    }
    await page.waitForTimeout(200);
  }
  throw new Error(`No view has ${selector}`);
}

function smallWorkspace(scratch) {
  const workspace = path.join(scratch, "workspace");
  for (const file of ["shared/blocks.ts", "shared/assertNever.ts", "trace/crc32.ts"]) {
    const target = path.join(workspace, "src", file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, readFileSync(path.join(root, "src", file)));
  }
  return workspace;
}

const { harness, skip } = await ensureHarness(say);
if (harness === undefined) throw new Error(skip);
await install(harness.node);
const scratch = mkdtempSync(path.join(tmpdir(), "blocksight-theia-"));
const workspace = process.argv[2] ?? smallWorkspace(scratch);
const pictures = path.join(root, "build/screenshots");
mkdirSync(pictures, { recursive: true });
const { server, log } = await start(harness.node, workspace, scratch);
const seen = { theia: VERSION };
const browser = await chromium.launch({
  executablePath: harness.chromium,
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const complaints = [];
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(message.text());
});
try {
  await page.goto(`http://127.0.0.1:${PORT}/#${workspace}`);
  const tab = page.locator('#theia-left-content-panel li[id*="blocksight"]:not([id$="-hidden"])');
  await tab.first().waitFor({ timeout: 120_000 });
  await waitFor(() => /Start of 1 plugin/.test(log()), "the start of the extension");
  await page.waitForTimeout(4000);
  await tab.first().click();
  await page.waitForTimeout(3000);
  // A view that is shown early does not always start its extension; a command does.
  await command(page, "Blocksight: Ask a Question");
  const view = await frameWith(page, ".composer");
  await view.waitForSelector(".pack-title", { timeout: 60_000 });
  await view.waitForFunction(
    () => /\d/.test(document.querySelector(".pack-title")?.textContent ?? ""),
    undefined,
    { timeout: 60_000 },
  );
  seen.pack = await view.locator(".pack-title").innerText();
  await view.fill(".question-box", QUESTION);
  await view.press(".question-box", "Enter");
  await view.waitForSelector(".sight, .problem", { timeout: 240_000 });
  seen.problem = (await view.locator(".problem").allInnerTexts()).join(" ");
  seen.files = await view.locator(".file-read .file-name").allInnerTexts();
  seen.answer = (await view.locator(".answer").innerText()).trim();
  await page.screenshot({ path: path.join(pictures, "theia-ask.png") });
  await command(page, "Blocksight: Show Evidence");
  await page.waitForTimeout(4000);
  seen.tabs = await page.locator("#theia-main-content-panel .lm-TabBar-tabLabel").allInnerTexts();
  const evidence = await frameWith(page, ".virtual-row");
  await evidence.waitForSelector(".heat-label");
  seen.tokens = await evidence.locator(".strip .token").count();
  await page.waitForTimeout(800);
  await page.screenshot({ path: path.join(pictures, "theia-evidence.png") });
  // Theia takes the first click into a view that is not active for itself.
  const lines = page.locator(".monaco-editor .view-line");
  for (seen.clicksToOpen = 0; seen.clicksToOpen < 4 && (await lines.count()) === 0;) {
    seen.clicksToOpen++;
    await view.locator(".file-read .file-name").first().click();
    await page.waitForTimeout(3000);
  }
  seen.linesShown = await lines.count();
  if (seen.linesShown === 0) throw new Error("A click on a file opened nothing");
} catch (error) {
  await page.screenshot({ path: path.join(pictures, "theia-failed.png") });
  seen.failure = String(error);
  seen.frames = page.frames().map((frame) => frame.url().slice(0, 120));
  say(`${log().slice(-4000)}\n${complaints.join("\n").slice(-4000)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.kill();
  rmSync(scratch, { recursive: true, force: true });
}
if (seen.problem) process.exitCode = 1;
process.stdout.write(`${JSON.stringify(seen, null, 2)}\n`);
