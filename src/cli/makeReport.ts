/** The stand-alone report, made from the bundles that lie beside this program. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { REPORT_ASSETS, reportHtml } from "../report/reportHtml.js";
import type { AskTrace } from "../trace/askTrace.js";

export type MakeReport = (trace: AskTrace) => Promise<string>;

export function makeReportFrom(bundles: string): MakeReport {
  return async (trace) => {
    const text = (name: string): Promise<string> => readFile(join(bundles, name), "utf8");
    const [script, style, worker] = await Promise.all([
      text(REPORT_ASSETS.script),
      text(REPORT_ASSETS.style),
      text(REPORT_ASSETS.worker),
    ]);
    return reportHtml(trace, { script, style, worker });
  };
}
