/**
 * A trace as one HTML file that needs nothing else: the evidence view's own bundle, the trace
 * (gzip, base64) and the worker that answers for it. It fetches nothing and its policy lets nothing
 * in: the two inline scripts are named by their hashes.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Boot } from "../shared/messages.js";
import { EMPTY_STYLE, pageHtml } from "../shared/pageHtml.js";
import type { AskTrace } from "../trace/askTrace.js";
import { encodeTrace } from "../trace/traceFile.js";

/** Texts of dist/webview.js, dist/report.css and dist/reportWorker.js. */
export interface ReportAssets {
  readonly script: string;
  readonly style: string;
  readonly worker: string;
}

export const REPORT_ASSETS = {
  script: "webview.js",
  style: "report.css",
  worker: "reportWorker.js",
} as const;

export function reportHtml(
  trace: AskTrace,
  assets: ReportAssets,
  language: Omit<Boot, "view"> = { locale: "en", strings: {} },
): string {
  const script = inlineScript(assets.script);
  const packed = gzipSync(Buffer.concat([...encodeTrace(trace)]), { level: 6 }).toString("base64");
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${sha256(assets.style)}' ${EMPTY_STYLE}`,
    `script-src 'sha256-${sha256(script)}' blob:`,
    "worker-src blob:",
  ].join("; ");
  return pageHtml({
    title: trace.question,
    policy,
    head: `<style>${assets.style}</style>`,
    boot: { ...language, view: "report" },
    tail: [
      `<script type="application/octet-stream" id="report-trace">${packed}</script>`,
      `<script type="text/plain" id="report-worker">${inlineScript(assets.worker)}</script>`,
      `<script>${script}</script>`,
    ].join("\n"),
  });
}

/** Text that ends a script element or opens a comment in one cannot stand in it. */
function inlineScript(text: string): string {
  return text.replaceAll(/<\/(script)/gi, "<\\/$1").replaceAll("<!--", "<\\!--");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
