/** Folders on disk for the editor to open. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { TINY_PROJECT } from "../fakes/tinyPack.js";

export function writeWorkspace(files: Readonly<Record<string, string>>, name = "shop"): string {
  const folder = mkdtempSync(path.join(tmpdir(), `blocksight-${name}-`));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

export function tinyWorkspace(): string {
  // With a name that is markup wherever it is not text.
  return writeWorkspace({
    ...TINY_PROJECT,
    "<img src=x onerror=alert(1)>.md": "open_session <script>alert(1)</script>\n",
  });
}
