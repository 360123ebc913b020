/**
 * Which files of the roots are read, and for every other one why not. Nothing is run, no ignore file
 * above a root is read, `.git` is never opened, and no symbolic link is followed.
 */
import type { Dirent, Stats } from "node:fs";
import { lstat, readdir, readlink, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { BlocksightError } from "../shared/errors.js";
import { phrase } from "../shared/phrase.js";
import type { SkipRule, SkippedFile } from "../shared/pack.js";
import { type GlobRule, GlobRules } from "./globRules.js";
import { IGNORE_FILES, IgnoreRules, parseRules } from "./ignoreRules.js";
import { readRegularFile, reasonOf } from "./openSafely.js";
import { MOST_BYTES, tooLarge } from "./skipContent.js";
import { BUILT_IN_RULES, isVersionControl, skipByName } from "./skipNames.js";

export interface ListedFile {
  /** Relative to its root with "/"; prefixed with the root's name when there are several roots. */
  readonly path: string;
  /** Index into `Listing.roots`. */
  readonly root: number;
  /** Where to open it. */
  readonly absolutePath: string;
  readonly modifiedMs: number;
}

export interface ListOptions {
  /** Only files that match one of these globs; all without any. */
  readonly include?: readonly string[];
  readonly exclude?: readonly GlobRule[];
  readonly signal?: AbortSignal;
}

export interface Listing {
  /** Absolute; a root given twice is one root. */
  readonly roots: readonly string[];
  /** In no particular order. */
  readonly files: readonly ListedFile[];
  /** A folder that was not entered is one entry. */
  readonly skipped: readonly SkippedFile[];
  /** Rules of ignore files that are not applied, because matching them could take too long. */
  readonly refusedRules: readonly SkipRule[];
}

/** Throws `noSuchDirectory` for a root that is none; everything below a root is skipped instead. */
export async function listFiles(
  directories: readonly string[],
  options: ListOptions = {},
): Promise<Listing> {
  const roots: Root[] = [];
  for (const directory of directories) {
    const absolute = path.resolve(directory);
    const real = await realDirectory(absolute);
    if (!roots.some((root) => root.real === real)) roots.push({ absolute, real });
  }
  const names = rootNames(roots.map(({ absolute }) => absolute));
  const globs = new GlobRules(options.include ?? [], options.exclude ?? []);
  const walks = roots.map(
    (root, index) =>
      new Walk(root, index, roots.length > 1 ? `${names[index] ?? ""}/` : "", {
        globs,
        otherRoots: roots.filter((other) => other !== root).map(({ real }) => real),
        signal: options.signal,
      }),
  );
  for (const walk of walks) await walk.run();
  return {
    roots: roots.map(({ absolute }) => absolute),
    files: walks.flatMap((walk) => walk.files),
    skipped: walks.flatMap((walk) => walk.skipped),
    refusedRules: walks.flatMap((walk) => walk.refusedRules),
  };
}

interface Root {
  readonly absolute: string;
  readonly real: string;
}

async function realDirectory(directory: string): Promise<string> {
  try {
    const real = await realpath(directory);
    if ((await stat(real)).isDirectory()) return real;
  } catch {
    // Told below, like a file in its place.
  }
  throw new BlocksightError(
    "noSuchDirectory",
    phrase("There is no directory {0}.", directory),
    "Give the path of a directory that exists.",
  );
}

/** Each root's own name; a second root of the same name gets a number. */
export function rootNames(roots: readonly string[]): readonly string[] {
  const names: string[] = [];
  for (const root of roots) {
    const name = path.basename(root) || "root";
    let unique = name;
    for (let number = 2; names.includes(unique); number++) unique = `${name}-${number}`;
    names.push(unique);
  }
  return names;
}

interface WalkOptions {
  readonly globs: GlobRules;
  readonly otherRoots: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** One root. `relative` paths are relative to it, "" or ending in "/" for folders. */
class Walk {
  readonly files: ListedFile[] = [];
  readonly skipped: SkippedFile[] = [];
  readonly refusedRules: SkipRule[] = [];

  constructor(
    private readonly root: Root,
    private readonly index: number,
    private readonly prefix: string,
    private readonly options: WalkOptions,
  ) {}

  run(): Promise<void> {
    return this.folder("", IgnoreRules.withBuiltIn(BUILT_IN_RULES));
  }

  private async folder(relative: string, outer: IgnoreRules): Promise<void> {
    this.options.signal?.throwIfAborted();
    let entries: readonly Dirent[];
    try {
      entries = await readdir(this.absolute(relative), { withFileTypes: true });
    } catch (error) {
      this.skip(relative, { reason: "unreadable", rule: { text: reasonOf(error) } }, true);
      return;
    }
    const rules = outer.with(relative, await this.readRules(relative, entries));
    await Promise.all(entries.map((entry) => this.entry(relative, entry, rules)));
  }

  private async readRules(
    relative: string,
    entries: readonly Dirent[],
  ): Promise<readonly SkipRule[]> {
    const rules: SkipRule[] = [];
    for (const name of IGNORE_FILES) {
      if (!entries.some((entry) => entry.name === name && entry.isFile())) continue;
      const file = `${relative}${name}`;
      try {
        const { size } = await lstat(this.absolute(file));
        if (size > MOST_BYTES) continue; // Listed as too large like any other file.
        const bytes = await readRegularFile(this.absolute(file));
        const parsed = parseRules(bytes.toString("utf8"), `${this.prefix}${file}`);
        rules.push(...parsed.rules);
        this.refusedRules.push(...parsed.refused);
      } catch {
        // It is listed as unreadable when it is read as a file.
      }
    }
    return rules;
  }

  private async entry(relative: string, entry: Dirent, rules: IgnoreRules): Promise<void> {
    const own = `${relative}${entry.name}`;
    if (isVersionControl(entry.name)) {
      const rule = { text: `${entry.name} is never read` };
      this.skip(entry.isDirectory() ? `${own}/` : own, { reason: "ignored", rule });
      return;
    }
    if (entry.isDirectory()) {
      await this.enter(`${own}/`, rules);
      return;
    }
    const rule = rules.ruleFor(own) ?? this.options.globs.ruleForFile(own);
    if (rule !== undefined) {
      this.skip(own, { reason: "ignored", rule });
      return;
    }
    try {
      const stats = await lstat(this.absolute(own));
      if (stats.isDirectory()) await this.enter(`${own}/`, rules);
      else if (stats.isSymbolicLink()) await this.link(own);
      else this.file(own, entry.name, stats);
    } catch (error) {
      if (this.options.signal?.aborted === true) throw error;
      this.skip(own, { reason: "unreadable", rule: { text: reasonOf(error) } });
    }
  }

  private async enter(folder: string, rules: IgnoreRules): Promise<void> {
    const rule = rules.ruleFor(folder) ?? this.options.globs.ruleForFolder(folder.slice(0, -1));
    if (rule !== undefined) {
      this.skip(folder, { reason: "ignored", rule });
    } else if (this.options.otherRoots.includes(path.join(this.root.real, folder, "."))) {
      this.skip(folder, { reason: "ignored", rule: { text: "a root of its own" } });
    } else {
      await this.folder(folder, rules.below(folder));
    }
  }

  private file(relative: string, name: string, stats: Stats): void {
    const skip = !stats.isFile()
      ? ({ reason: "unreadable", rule: { text: "not a regular file" } } as const)
      : (skipByName(name) ??
        (stats.size > MOST_BYTES ? tooLarge() : undefined) ??
        (stats.size === 0
          ? ({ reason: "empty", rule: { text: "empty file" } } as const)
          : undefined));
    if (skip !== undefined) {
      this.skip(relative, { ...skip, bytes: stats.size });
      return;
    }
    this.files.push({
      path: `${this.prefix}${relative}`,
      root: this.index,
      absolutePath: this.absolute(relative),
      modifiedMs: stats.mtimeMs,
    });
  }

  /** Links are not followed: what is inside the root is packed once, under its own path. */
  private async link(relative: string): Promise<void> {
    const absolute = this.absolute(relative);
    const text = `symbolic link to ${await readlink(absolute)}`;
    let target: string;
    try {
      target = await realpath(absolute);
    } catch {
      this.skip(relative, { reason: "unreadable", rule: { text: `${text}, which leads nowhere` } });
      return;
    }
    const { real } = this.root;
    const isInside =
      target === real || target.startsWith(real.endsWith(path.sep) ? real : real + path.sep);
    this.skip(relative, { reason: isInside ? "symbolicLink" : "outsideRoot", rule: { text } });
  }

  private absolute(relative: string): string {
    return path.join(this.root.absolute, relative);
  }

  private skip(
    relative: string,
    skipped: Pick<SkippedFile, "reason" | "rule" | "bytes">,
    isRoot = false,
  ): void {
    const isFolder = relative.endsWith("/") || isRoot;
    this.skipped.push({
      path: `${this.prefix}${relative}`,
      ...skipped,
      ...(isFolder ? { isFolder } : {}),
    });
  }
}
