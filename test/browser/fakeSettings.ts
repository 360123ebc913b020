/** The file that tells the fake engine in the editor what to do, and the one in which it says what it did. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { EngineLine, FakeSettings } from "../vscode/fakeWorkspace.js";

const folder = mkdtempSync(path.join(tmpdir(), "blocksight-fakes-"));
const settingsFile = path.join(folder, "settings.json");
const log = path.join(folder, "engine.log");

/** For the editor's server. */
export const FAKES_ENV = { BLOCKSIGHT_FAKES: settingsFile };

/** Counts from the next start of the engine on. */
export function setFakes(settings: Omit<FakeSettings, "log">): void {
  writeFileSync(settingsFile, JSON.stringify({ ...settings, log }));
}

/** Everything asked of the engine so far. */
export function engineLines(): readonly EngineLine[] {
  if (!existsSync(log)) return [];
  return readFileSync(log, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as EngineLine);
}
