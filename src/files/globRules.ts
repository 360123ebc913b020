/**
 * `--include` and `--exclude`, and the editor's own exclusions. A glob without "/" matches a name in
 * any folder, another one (also with "/" only at its start) the path from the root; a glob that
 * matches a folder holds for all in it.
 */
import picomatch from "picomatch";
import type { SkipRule } from "../shared/pack.js";

/** A glob and what is said of it where it skips a file. */
export interface GlobRule {
  readonly glob: string;
  readonly rule: SkipRule;
}

type Matcher = (path: string) => boolean;

export class GlobRules {
  private readonly excludes: readonly { readonly matches: Matcher; readonly rule: SkipRule }[];
  private readonly includes: readonly Matcher[];
  /** Per include the folders at its start that hold no wildcard, "" for none. */
  private readonly includeBases: readonly string[];
  private readonly includeRule: SkipRule;

  constructor(include: readonly string[], exclude: readonly GlobRule[]) {
    this.excludes = exclude.map(({ glob, rule }) => ({ matches: matcherOf(glob), rule }));
    this.includes = include.map(matcherOf);
    this.includeBases = include.map((glob) =>
      glob.includes("/") ? picomatch.scan(normal(glob)).base : "",
    );
    this.includeRule = { text: include.map((glob) => `--include ${glob}`).join(" ") };
  }

  /** The rule that leaves out the file at `path`. */
  ruleForFile(path: string): SkipRule | undefined {
    const excluded = this.excludes.find(({ matches }) => matches(path))?.rule;
    if (excluded !== undefined) return excluded;
    const isIncluded = this.includes.length === 0 || this.includes.some((matches) => matches(path));
    return isIncluded ? undefined : this.includeRule;
  }

  /** The rule that leaves out everything in the folder at `path`, without "/" at its end. */
  ruleForFolder(path: string): SkipRule | undefined {
    const excluded = this.excludes.find(({ matches }) => matches(path))?.rule;
    if (excluded !== undefined) return excluded;
    const mayHold =
      this.includes.length === 0 ||
      this.includeBases.some((base) => base === "" || isWithin(path, base) || isWithin(base, path));
    return mayHold ? undefined : this.includeRule;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function normal(glob: string): string {
  return glob.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
}

function matcherOf(glob: string): Matcher {
  const text = normal(glob);
  const isFromRoot = text.includes("/") || glob.startsWith("/");
  const options = { dot: true, basename: !isFromRoot, nonegate: true };
  const matches = picomatch(text, options);
  const below = isFromRoot
    ? picomatch(`${text}/**`, options)
    : picomatch(`**/${text}/**`, { ...options, basename: false });
  return (path) => matches(path) || below(path);
}
