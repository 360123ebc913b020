/** A pack's files and blocks as texts, for searches and for the names that stand in a repository. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { NO_BLOCK } from "../../src/shared/blocks.js";
import type { Pack } from "../../src/shared/pack.js";
import type { Passage } from "./lexicalRanking.js";

/** Text by path, of one root. */
export function readPackedFiles(pack: Pack, folder: string): ReadonlyMap<string, string> {
  return new Map(
    pack.files.map((file) => [file.path, readFileSync(path.join(folder, file.path), "utf8")]),
  );
}

export function filePassages(texts: ReadonlyMap<string, string>): readonly Passage[] {
  return [...texts].map(([file, text]) => ({ path: file, text: `${file}\n${text}` }));
}

/** The answering model's blocks, as the lines that they touch; a segment's first one has its path. */
export function blockPassages(pack: Pack, texts: ReadonlyMap<string, string>): readonly Passage[] {
  const table = pack.models[0];
  if (!table) throw new Error("The pack has no model.");
  const lines = new Map([...texts].map(([file, text]) => [file, text.split("\n")]));
  const passages: Passage[] = [];
  table.segmentOfBlock.forEach((segment, block) => {
    if (segment === NO_BLOCK) return;
    const file = pack.files[pack.segments[segment]?.file ?? -1]?.path ?? "";
    const start = table.startLine[block] ?? 0;
    const own = start === 0 ? [] : (lines.get(file) ?? []).slice(start - 1, table.endLine[block]);
    const head = table.firstBlock[segment] === block ? [file] : [];
    passages.push({ path: file, text: [...head, ...own].join("\n") });
  });
  return passages;
}
