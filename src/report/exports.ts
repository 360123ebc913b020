/** What a trace can be saved as, besides itself: the same for the editor and for a report. */
import type { EvidenceService } from "../evidence/evidenceService.js";
import type { ExportFormat, Filter } from "../shared/evidence.js";
import { askResultOf } from "../trace/askResult.js";
import type { AskTrace } from "../trace/askTrace.js";
import { answerMarkdown } from "./answerMarkdown.js";

export interface ExportedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** `report` and `trace` need more than a trace's numbers and are the editor's own. */
export function exportFile(
  trace: AskTrace,
  service: EvidenceService,
  format: Exclude<ExportFormat, "report" | "trace">,
  filter: Filter,
  picture: Uint8Array | undefined,
): ExportedFile | undefined {
  const text = (name: string, content: string): ExportedFile => ({
    name,
    bytes: new TextEncoder().encode(content),
  });
  switch (format) {
    case "png":
      return picture === undefined ? undefined : { name: "evidence.png", bytes: picture };
    case "csv":
      return text("evidence.csv", filesCsv(trace, service, filter));
    case "json":
      return text("evidence.json", `${JSON.stringify(askResultOf(trace), undefined, 2)}\n`);
    case "markdown":
      return text("answer.md", answerMarkdown(askResultOf(trace)));
  }
}

/** The files read under a filter; cells that a spreadsheet would run as formulas are quoted text. */
function filesCsv(trace: AskTrace, service: EvidenceService, filter: Filter): string {
  const { files, selections, share, lift, mass, steps } = service.files(filter);
  const rows = [...files].map((file, at) =>
    [
      csvText(trace.pack.files[file]?.path ?? ""),
      ...[selections[at], share[at], lift[at], mass[at], steps[at]].map((value) =>
        String(value ?? 0),
      ),
    ].join(","),
  );
  return ["path,selections,share,lift,mass,tokens", ...rows, ""].join("\r\n");
}

function csvText(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
