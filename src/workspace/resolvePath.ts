/**
 * Pack paths -> files of the open folders. Paths may come from a saved trace, so they are hostile:
 * whatever is not a plain relative path below an open folder resolves to nothing.
 */
import { realpath } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { rootNames } from "../files/listFiles.js";
import { isPathInside } from "../trace/traceHeader.js";

export interface Root {
  readonly name: string;
  readonly fsPath: string;
}

export function openRoots(): readonly Root[] {
  const folders = (vscode.workspace.workspaceFolders ?? [])
    .map(({ uri }) => uri)
    .filter(({ scheme }) => scheme === "file");
  // Named as the pack names them, which may differ from the editor's names.
  const names = rootNames(folders.map(({ fsPath }) => fsPath));
  return folders.map(({ fsPath }, at) => ({ name: names[at] ?? "", fsPath }));
}

/** The file, or undefined where there is none below an open folder (also through a link). */
export async function resolvePath(
  packPath: string,
  roots: readonly Root[] = openRoots(),
): Promise<vscode.Uri | undefined> {
  if (!isPathInside(packPath)) return undefined;
  const parts = packPath.split("/");
  const [first, ...rest] = parts;
  const candidates =
    roots.length === 1
      ? roots.map((root) => ({ root, parts }))
      : roots.filter(({ name }) => name === first).map((root) => ({ root, parts: rest }));
  for (const { root, parts: below } of candidates) {
    const file = path.join(root.fsPath, ...below);
    if (await isInside(file, root.fsPath)) return vscode.Uri.file(file);
  }
  return undefined;
}

/** The path that the pack has for a file, or undefined outside the open folders. */
export function packPathOf(
  uri: vscode.Uri,
  roots: readonly Root[] = openRoots(),
): string | undefined {
  if (uri.scheme !== "file") return undefined;
  for (const root of roots) {
    const relative = path.relative(root.fsPath, uri.fsPath);
    if (relative.startsWith("..") || path.isAbsolute(relative)) continue;
    const posix = relative.split(path.sep).join("/");
    return roots.length === 1 ? posix : posix === "" ? root.name : `${root.name}/${posix}`;
  }
  return undefined;
}

async function isInside(file: string, root: string): Promise<boolean> {
  try {
    const [realFile, realRoot] = await Promise.all([realpath(file), realpath(root)]);
    return realFile === realRoot || realFile.startsWith(realRoot + path.sep);
  } catch {
    return false; // it does not exist
  }
}
