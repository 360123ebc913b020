// The evidence view on a trace of 1,000 tokens, 8,192 blocks and 228 lanes, in plain Chromium without
// a GPU: how long until that saved trace is on screen, and what a frame costs while a span is brushed
// by a pointer that moves 60 times a second. Numbers that arrive meanwhile are part of the frames.
//   node bench/evidence.mjs [RUNS]     needs dist/ (npm run compile) and Chromium
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { ensureChromium } from "../scripts/vscodeHarness.mjs";
import { frameCosts, quantiles } from "./frameCosts.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const runs = Number(process.argv[2] ?? 5);
const SECONDS = 3;
const MOVES_PER_SECOND = 60;
const TRACED = ["toplevel", "devtools.timeline"];

const found = await ensureChromium((line) => process.stderr.write(`${line}\n`));
if (!found.path) throw new Error(found.skip);

const scratch = mkdtempSync(path.join(tmpdir(), "blocksight-bench-"));
const file = path.join(scratch, "made.trace");
const { size, inNode } = await makeTrace(file);
const asset = (name) => readFileSync(path.join(root, "dist", name), "utf8");
const boot = JSON.stringify({ view: "report", locale: "en", strings: {} });

/** Runs in the page. The worker is given the trace as it lies in a file, not packed as in a report. */
const pageScript = () => {
  let bytes;
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    if (message?.t !== "trace") return post.call(this, message, ...rest);
    return post.call(this, { t: "trace", bytes }, [bytes.buffer]);
  };
  const isDrawn = () =>
    document.querySelector(".heat-label") &&
    document.querySelector(".virtual-row") &&
    document.querySelectorAll(".token").length === 1000;
  /** From the click that opens the file to the frame with tokens, files and heat map. */
  window.openTrace = async () => {
    const start = performance.now();
    bytes = new Uint8Array(await document.getElementById("file").files[0].arrayBuffer());
    document.getElementById("file").remove();
    const script = document.createElement("script");
    script.src = "/webview.js";
    document.body.append(script);
    while (!isDrawn()) await new Promise((resolve) => setTimeout(resolve, 4));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - start;
  };
  /** Where the brush can go, in the order of the tokens, and the heat map's place. */
  window.places = () => {
    const strip = document.querySelector(".strip").getBoundingClientRect();
    const middles = [...document.querySelectorAll(".token")].map((token) => {
      const { x, y, width, height } = token.getClientRects()[0];
      return { x: x + width / 2, y: y + height / 2 };
    });
    const seen = middles.filter(({ y }) => y > strip.top && y < strip.bottom - 4);
    const { x, y, width, height } = document
      .querySelector(".heat-canvas canvas")
      .getBoundingClientRect();
    return { tokens: seen, map: { x, y, width, height } };
  };
  window.countFrames = () => {
    const times = [];
    let id = requestAnimationFrame(function tick(now) {
      times.push(now);
      id = requestAnimationFrame(tick);
    });
    window.stopFrames = () => {
      cancelAnimationFrame(id);
      return times;
    };
  };
};

const html = `<!DOCTYPE html><meta charset="utf-8"><style>${asset("report.css")}</style>
<body data-boot='${boot}'><input type="file" id="file">
<script type="text/plain" id="report-worker">${asset("reportWorker.js").replaceAll("</script", "<\\/script")}</script>
<script>(${pageScript.toString()})()</script>`;
const server = createServer((request, response) => {
  const isScript = request.url === "/webview.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? asset("webview.js") : html);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: found.path,
  headless: true,
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});
const loadBefore = loadavg()[0];
const opens = [];
const brushes = { tokens: [], "heat map": [], "heat map beside the treemap": [] };
for (let run = 0; run < runs; run++) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.setInputFiles("#file", file);
  opens.push(await page.evaluate(() => window.openTrace()));
  await page.waitForTimeout(500); // what was put off until after the first picture is not a brush's
  const { tokens, map } = await page.evaluate(() => window.places());
  const across = (part) => ({ x: map.x + part * (map.width - 2) + 1, y: map.y + map.height / 3 });
  const onTokens = (part) => tokens[Math.round(part * (tokens.length - 1))];
  brushes.tokens.push(await brush(page, onTokens));
  brushes["heat map"].push(await brush(page, across));
  await page.getByRole("combobox", { name: "As", exact: true }).selectOption("treemap");
  brushes["heat map beside the treemap"].push(await brush(page, across));
  await context.close();
}
const version = browser.version();
await browser.close();
server.close();
rmSync(scratch, { recursive: true });

/** Presses at the middle, moves to and fro by the clock, lets go; what the page's frames were. */
async function brush(page, placeAt) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const move = (type, place) =>
    session.send("Input.dispatchMouseEvent", {
      ...{ type, button: "left", buttons: 1, clickCount: type === "mouseMoved" ? 0 : 1 },
      ...place,
    });
  await move("mousePressed", placeAt(0.5));
  await session.send("Tracing.start", {
    categories: TRACED.join(),
    transferMode: "ReportEvents",
  });
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const before = await counters(session);
  await page.evaluate(() => window.countFrames());
  const start = performance.now();
  const moves = SECONDS * MOVES_PER_SECOND;
  const sent = [];
  for (let at = 0; at < moves; at++) {
    const due = start + (at * 1000) / MOVES_PER_SECOND;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    // Once from the middle to both ends and back: every frame has another span.
    sent.push(move("mouseMoved", placeAt(0.5 + 0.5 * Math.sin((2 * Math.PI * at) / moves))));
  }
  await Promise.all(sent);
  const times = await page.evaluate(() => window.stopFrames());
  const after = await counters(session);
  const done = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await done;
  await move("mouseReleased", placeAt(0.5));
  await session.detach();
  const intervals = times.slice(1).map((time, at) => time - times[at]);
  return { intervals, ...frameCosts(events), counters: difference(before, after) };
}

async function counters(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  const wanted = /^(Task|Script|Layout|RecalcStyle)Duration$/;
  return Object.fromEntries(
    metrics.filter(({ name }) => wanted.test(name)).map(({ name, value }) => [name, value * 1000]),
  );
}

function difference(before, after) {
  return Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
}

/** The trace as a file, and what the extension's process takes to read it and to answer first. */
async function makeTrace(to) {
  const made = path.join(scratch, "made.mjs");
  await build({
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: made,
    stdin: {
      resolveDir: root,
      loader: "ts",
      contents: `
        import { EvidenceService } from "./src/evidence/evidenceService.ts";
        import { decodeTrace, encodeTrace } from "./src/trace/traceFile.ts";
        import { syntheticTrace } from "./test/fakes/syntheticTrace.ts";
        const size = { steps: 1000, files: 600, blocks: 8191, layers: 60, sparseLayers: 57, groups: 4 };
        export const make = () => Buffer.concat([...encodeTrace(syntheticTrace(size))]);
        export const open = (bytes) => {
          const service = new EvidenceService(decodeTrace(bytes).trace, { hasFiles: false });
          const { models } = service.meta();
          const span = { from: 0, to: models[0].steps.length };
          service.files({ model: models[0].role, span, lanes: undefined });
        };`,
    },
  });
  const { make, open } = await import(made);
  const bytes = make();
  writeFileSync(to, bytes);
  const start = performance.now();
  open(readFileSync(to));
  return { size: bytes.length, inNode: performance.now() - start };
}

const rounded = (value) => Number(value.toFixed(1));
const FRAME_MS = 1000 / MOVES_PER_SECOND;
const summary = (of) => {
  const all = (name) => of.flatMap((one) => one[name]);
  const frames = all("intervals").length;
  const late = all("intervals").filter((ms) => ms > 1.5 * FRAME_MS).length;
  const perFrame = (name) => rounded(of.reduce((sum, one) => sum + one.counters[name], 0) / frames);
  return {
    frames,
    lateFrames: late,
    betweenFramesMs: quantiles(all("intervals")),
    workMs: quantiles(all("work")),
    workP95MsByRun: of.map(({ work }) => quantiles(work).p95),
    cpuMs: quantiles(all("cpu")),
    perFrameMs: {
      task: perFrame("TaskDuration"),
      script: perFrame("ScriptDuration"),
      style: perFrame("RecalcStyleDuration"),
      layout: perFrame("LayoutDuration"),
    },
  };
};
const result = {
  trace: `1000 tokens x 8192 blocks x 228 lanes, ${(size / 1e6).toFixed(0)} MB`,
  machine: `${cpus()[0].model}, ${cpus().length} cores`,
  load: { before: rounded(loadBefore), after: rounded(loadavg()[0]) },
  chromium: version,
  runs,
  openMs: { median: Math.round(quantiles(opens).p50), all: opens.map(Math.round) },
  openInNodeMs: Math.round(inNode),
  brush: Object.fromEntries(Object.entries(brushes).map(([name, of]) => [name, summary(of)])),
};
process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
