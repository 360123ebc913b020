// The evidence view on a trace of 1,000 tokens, 8,192 blocks and 228 lanes, in plain Chromium:
// how long until that saved trace is on screen, and what a frame costs while a span is brushed.
//   node bench/evidence.mjs            needs dist/ (npm run compile) and Chromium
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { ensureChromium } from "../scripts/vscodeHarness.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const FRAMES = 240;
const RUNS = 3;

const found = await ensureChromium((line) => process.stderr.write(`${line}\n`));
if (!found.path) throw new Error(found.skip);

// The made trace, as the bytes of a trace file.
const scratch = mkdtempSync(path.join(tmpdir(), "blocksight-bench-"));
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
      import { encodeTrace } from "./src/trace/traceFile.ts";
      import { syntheticTrace } from "./test/fakes/syntheticTrace.ts";
      const size = { steps: 1000, files: 600, blocks: 8191, layers: 60, sparseLayers: 57, groups: 4 };
      export const bytes = Buffer.concat([...encodeTrace(syntheticTrace(size))]);`,
  },
});
const { bytes } = await import(made);
const asset = (name) => readFileSync(path.join(root, "dist", name), "utf8");
const boot = JSON.stringify({ view: "report", locale: "en", strings: {} });

/** Runs in the page. The trace is given to the worker as it lies in a file, not packed as in a report. */
const pageScript = () => {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    const isTrace = message?.t === "trace";
    return post.call(this, isTrace ? { t: "trace", bytes: window.traceBytes } : message, ...rest);
  };
  const isDrawn = () =>
    document.querySelector(".heat-label") &&
    document.querySelector(".virtual-row") &&
    document.querySelectorAll(".token").length === 1000;
  window.openTrace = async () => {
    window.traceBytes = new Uint8Array(await (await fetch("/trace")).arrayBuffer());
    const start = performance.now();
    const script = document.createElement("script");
    script.src = "/webview.js";
    document.body.append(script);
    while (!isDrawn()) await new Promise((resolve) => setTimeout(resolve, 4));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - start;
  };
  /** Moves the brush by three tokens a frame. */
  window.brush = async (frames) => {
    const fire = (step, type) =>
      document
        .getElementById(`step-${step}`)
        .dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0 }));
    fire(100, "pointerdown");
    for (let frame = 0; frame < frames; frame++) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      fire(101 + frame * 3, "pointerover");
    }
    window.dispatchEvent(new PointerEvent("pointerup"));
  };
};

const html = `<!DOCTYPE html><meta charset="utf-8"><style>${asset("report.css")}</style>
<body data-boot='${boot}'>
<script type="text/plain" id="report-worker">${asset("reportWorker.js").replaceAll("</script", "<\\/script")}</script>
<script>(${pageScript.toString()})()</script>`;
const server = createServer((request, response) => {
  const types = { "/webview.js": "text/javascript", "/trace": "application/octet-stream" };
  response.setHeader("content-type", types[request.url] ?? "text/html");
  response.end({ "/webview.js": asset("webview.js"), "/trace": bytes }[request.url] ?? html);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: found.path,
  headless: true,
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});
const opens = [];
const frames = [];
for (let run = 0; run < RUNS; run++) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  opens.push(await page.evaluate(() => window.openTrace()));
  const session = await context.newCDPSession(page);
  await session.send("Tracing.start", {
    categories: "toplevel,devtools.timeline",
    transferMode: "ReportEvents",
  });
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await page.evaluate((count) => window.brush(count), FRAMES);
  const done = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await done;
  frames.push(...frameCosts(events));
  await page.close();
}
await browser.close();
server.close();
rmSync(scratch, { recursive: true });

/**
 * Work of the page's main thread per frame, in ms: the time of its tasks, added up from one begin of
 * a frame to the next.
 */
function frameCosts(events) {
  const main = events.find(
    ({ name, args }) => name === "thread_name" && args.name === "CrRendererMain",
  );
  const own = (event) => !main || (event.pid === main.pid && event.tid === main.tid);
  const starts = events
    .filter((event) => event.name === "FireAnimationFrame" && own(event))
    .map(({ ts }) => ts)
    .sort((a, b) => a - b);
  const tasks = events.filter(
    (event) => event.ph === "X" && /RunTask/.test(event.name) && own(event),
  );
  return starts.slice(0, -1).map((from, at) => {
    const to = starts[at + 1];
    const inside = tasks.filter(({ ts, dur }) => ts + dur > from && ts < to);
    const us = inside.reduce(
      (sum, { ts, dur }) => sum + Math.min(ts + dur, to) - Math.max(ts, from),
      0,
    );
    return us / 1000;
  });
}

const quantile = (values, part) =>
  values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))];
const rounded = (value) => Number(value.toFixed(1));
const result = {
  trace: `1000 tokens x 8192 blocks x 228 lanes, ${(bytes.length / 1e6).toFixed(0)} MB`,
  cpu: `${cpus()[0].model}, ${cpus().length} cores`,
  openMs: Math.round(quantile(opens, 0.5)),
  brushFrameMs: {
    p50: rounded(quantile(frames, 0.5)),
    p95: rounded(quantile(frames, 0.95)),
    p99: rounded(quantile(frames, 0.99)),
  },
  frames: frames.length,
};
process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
