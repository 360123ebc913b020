/** Switches of the ask view and settings -> roots and globs for the packer. Pure. */
import type { GlobRule } from "../files/globRules.js";
import type { Root } from "./resolvePath.js";

export interface PackChoice {
  readonly roots: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly GlobRule[];
}

export function packChoice(
  roots: readonly Root[],
  selection: { readonly scope: readonly string[]; readonly leftOut: readonly string[] },
  settings: { readonly include: readonly string[]; readonly exclude: readonly string[] },
  filesExclude: readonly string[],
): PackChoice {
  const { scope, leftOut } = selection;
  const inScope = roots.filter(
    ({ name }) => roots.length === 1 || scope.length === 0 || scope.some((s) => isBelow(s, name)),
  );
  const scopeGlobs = scope.flatMap((path) => globOf(path, roots));
  const rule = (text: string, globs: readonly string[]): GlobRule[] =>
    globs.map((glob) => ({ glob, rule: { text: `${text}: ${glob}` } }));
  return {
    roots: inScope.map(({ fsPath }) => fsPath),
    include: scope.length > 0 ? scopeGlobs : settings.include,
    exclude: [
      ...rule("files.exclude", filesExclude),
      ...rule("blocksight.pack.exclude", settings.exclude),
      ...rule(
        "switched off",
        leftOut.flatMap((path) => globOf(path, roots)),
      ),
    ],
  };
}

const isBelow = (path: string, root: string): boolean => path.startsWith(`${root}/`);

/** A path of the pack as a glob from its root; several roots put their name in front. */
function globOf(path: string, roots: readonly Root[]): string[] {
  const below = roots.length === 1 ? path : path.slice(path.indexOf("/") + 1);
  if (below === "") return ["**"];
  const literal = below.replace(/\/$/, "").replaceAll(/[\\*?[\]{}()!+@|^$]/g, "\\$&");
  return [`/${literal}`];
}
