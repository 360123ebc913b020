/** A connection for a real editor without models: the workspace's own files over the fake engine. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { PackSelection } from "../../src/views/askController.js";
import { fakeParts, SLOW_CODER } from "./fakeParts.js";
import { tinyPack } from "./tinyPack.js";

/** `roots` are folders on disk; only small text files are taken. */
export function fakeConnectTo(roots: readonly string[], selection: () => PackSelection) {
  const texts = (): Record<string, string> => {
    const { scope, leftOut } = selection();
    const isChosen = (file: string): boolean =>
      (scope.length === 0 || scope.some((s) => file.startsWith(s))) &&
      !leftOut.some((s) => file === s || (s.endsWith("/") && file.startsWith(s)));
    return Object.fromEntries(roots.flatMap(filesOf).filter(([file]) => isChosen(file)));
  };
  return fakeParts({
    rates: SLOW_CODER,
    stepDelayMs: 15,
    segmentDelayMs: 40,
    pack: () => tinyPack(texts()),
  });
}

function filesOf(root: string): [string, string][] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|py|md|js)$/.test(entry.name))
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(root, file), readFileSync(file, "utf8")];
    });
}
