/**
 * The rules of `.gitignore`, `.ignore` and `.blocksightignore`, each with the place where it stands.
 * As in git, a rule holds for what is below its directory, the innermost directory that says
 * anything decides, and inside one file the last rule that matches. Of the three files in one
 * directory the later named overrides the earlier.
 */
import createIgnore from "ignore";
import type { SkipRule } from "../shared/pack.js";

/** Weakest first. */
export const IGNORE_FILES = [".gitignore", ".ignore", ".blocksightignore"] as const;

/** Longer ones, or more wildcards, could take a pattern matcher hours for a chosen file name. */
const LONGEST_RULE = 1000;
const MOST_STARS_IN_NAME = 3;
const MOST_DEEP_STARS = 3;

export interface ParsedRules {
  readonly rules: readonly SkipRule[];
  /** Not applied, because matching them could take too long. */
  readonly refused: readonly SkipRule[];
}

/** `file` is the ignore file's path as it is shown. A byte order mark and "\r\n" are allowed. */
export function parseRules(text: string, file: string): ParsedRules {
  const rules: SkipRule[] = [];
  const refused: SkipRule[] = [];
  text
    .replace(/^\ufeff/, "")
    .split("\n")
    .forEach((line, index) => {
      const rule = { text: line.replace(/\r$/, ""), file, line: index + 1 };
      if (rule.text.trim() === "" || rule.text.startsWith("#")) return;
      (isCostly(rule.text) ? refused : rules).push(rule);
    });
  return { rules, refused };
}

function isCostly(rule: string): boolean {
  const names = rule.split("/");
  const deep = names.filter((name) => name === "**").length;
  const stars = Math.max(...names.map((name) => (name.match(/\*+/g) ?? []).length));
  return rule.length > LONGEST_RULE || deep > MOST_DEEP_STARS || stars > MOST_STARS_IN_NAME;
}

/** The rules of one directory. */
class IgnoreLevel {
  private readonly matcher;

  constructor(
    /** Relative to the root, "" or ending in "/". */
    readonly directory: string,
    private readonly rules: readonly SkipRule[],
  ) {
    this.matcher = createIgnore({ ignorecase: false }).add(
      rules.map(({ text }, index) => ({ pattern: text, mark: `${index}` })),
    );
  }

  /** `path` relative to the root, a folder's with "/" at its end. */
  test(path: string): { readonly rule?: SkipRule; readonly isKept: boolean } {
    const { ignored, unignored, rule } = this.matcher.test(path.slice(this.directory.length));
    const own = ignored ? this.rules[Number(rule?.mark)] : undefined;
    return own === undefined ? { isKept: unignored } : { rule: own, isKept: false };
  }

  without(rule: SkipRule): IgnoreLevel {
    return new IgnoreLevel(
      this.directory,
      this.rules.filter((own) => own !== rule),
    );
  }
}

/** All rules that hold in one directory. Never changed: going deeper makes a new one. */
export class IgnoreRules {
  private constructor(private readonly levels: readonly IgnoreLevel[]) {}

  /** `builtIn` are the weakest rules of all. */
  static withBuiltIn(builtIn: readonly SkipRule[]): IgnoreRules {
    return new IgnoreRules([new IgnoreLevel("", builtIn)]);
  }

  /** With the rules of the directory `directory`, "" or ending in "/". */
  with(directory: string, rules: readonly SkipRule[]): IgnoreRules {
    if (rules.length === 0) return this;
    return new IgnoreRules([...this.levels, new IgnoreLevel(directory, rules)]);
  }

  /** The rule that ignores `path` (a folder's path ends in "/"), if one does. */
  ruleFor(path: string): SkipRule | undefined {
    return this.decide(path).rule;
  }

  /**
   * The rules below a folder that is not ignored. Where an inner rule kept it against an outer one,
   * the outer one must not ignore everything below it after all.
   */
  below(folder: string): IgnoreRules {
    if (!this.decide(folder).isKept) return this;
    return new IgnoreRules(
      this.levels.map((level) => {
        let rest = level;
        for (let rule = rest.test(folder).rule; rule; rule = rest.test(folder).rule) {
          rest = rest.without(rule);
        }
        return rest;
      }),
    );
  }

  private decide(path: string): { readonly rule?: SkipRule; readonly isKept: boolean } {
    for (let at = this.levels.length - 1; at >= 0; at--) {
      const said = (this.levels[at] as IgnoreLevel).test(path);
      if (said.rule !== undefined || said.isKept) return said;
    }
    return { isKept: false };
  }
}
