/** Repositories at a pinned commit, in a cache outside the checkout. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { readLines } from "./lineFile.js";

/** `commit` of owner/name as train/manifest.jsonl pins it; undefined for one that it does not reserve. */
export function pinnedCommit(manifest: string, repo: string): string | undefined {
  const entries = readLines(manifest) as readonly { repo: string; commit: string; use: string }[];
  return entries.find((entry) => entry.repo === repo && entry.use === "test")?.commit;
}

/** Where owner/name at `commit` lies in `cache`, fetched or not. */
export function treeFolder(cache: string, repo: string, commit: string): string {
  return path.join(cache, `${repo.replace("/", "+")}@${commit.slice(0, 12)}`);
}

export interface TreeSource {
  readonly cache: string;
  /** A folder of bare repositories, MIRROR/owner+name/repo, as `blocksight_train clone` makes it. */
  readonly mirror?: string;
}

/** The tree's folder; it appears whole or not at all. Only files are taken, nothing in them is run. */
export function fetchTree(repo: string, commit: string, { cache, mirror }: TreeSource): string {
  const folder = treeFolder(cache, repo, commit);
  if (existsSync(folder)) return folder;
  const work = `${folder}.part`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(path.join(work, "tree"), { recursive: true });
  const git = (...args: string[]): void => void execFileSync("git", args, { stdio: "pipe" });
  let bare = mirror === undefined ? "" : path.join(mirror, repo.replace("/", "+"), "repo");
  if (!existsSync(bare)) {
    bare = path.join(work, "bare");
    git("init", "--quiet", "--bare", bare);
    git("-C", bare, "fetch", "--quiet", "--depth=1", `https://github.com/${repo}.git`, commit);
  }
  const archive = path.join(work, "tree.tar");
  git("-C", bare, "archive", `--output=${archive}`, commit);
  execFileSync("tar", ["-xf", archive, "-C", path.join(work, "tree")]);
  renameSync(path.join(work, "tree"), folder);
  rmSync(work, { recursive: true, force: true });
  return folder;
}
