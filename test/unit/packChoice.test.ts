import { describe, expect, it } from "vitest";
import { GlobRules } from "../../src/files/globRules.js";
import { packChoice } from "../../src/workspace/packChoice.js";

const one = [{ name: "shop", fsPath: "/w/shop" }];
const two = [...one, { name: "lib", fsPath: "/w/lib" }];
const nothing = { include: [], exclude: [] };

function decide(scope: string[], leftOut: string[], roots = one) {
  const choice = packChoice(roots, { scope, leftOut }, nothing, []);
  const rules = new GlobRules(choice.include, choice.exclude);
  return { ...choice, isPacked: (path: string) => rules.ruleForFile(path) === undefined };
}

describe("what the switches of the ask view pack", () => {
  it("is everything without any", () => {
    expect(decide([], []).isPacked("src/a.ts")).toBe(true);
  });

  it("keeps to a folder at the root and not to one of its name elsewhere", () => {
    const { isPacked } = decide(["src/"], []);
    expect([isPacked("src/deep/a.ts"), isPacked("lib/src/a.ts"), isPacked("srcs/a.ts")]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("leaves out one file at the root and not those of its name elsewhere", () => {
    const { isPacked } = decide([], ["setup.py"]);
    expect([isPacked("setup.py"), isPacked("pkg/setup.py")]).toEqual([false, true]);
  });

  it("takes glob characters in names literally", () => {
    const { isPacked } = decide([], ["app/[id]/page.tsx", "a*b/"]);
    expect(isPacked("app/[id]/page.tsx")).toBe(false);
    expect([isPacked("app/i/page.tsx"), isPacked("axb/c.ts"), isPacked("a*b/c.ts")]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("packs only the roots that a scope names", () => {
    const { roots, isPacked } = decide(["lib/core/"], [], two);
    expect(roots).toEqual(["/w/lib"]);
    expect([isPacked("core/a.ts"), isPacked("other/a.ts")]).toEqual([true, false]);
  });

  it("packs a whole root that is a scope", () => {
    const { roots, isPacked } = decide(["lib/"], [], two);
    expect(roots).toEqual(["/w/lib"]);
    expect(isPacked("any/a.ts")).toBe(true);
  });

  it("names the editor's own exclusions as the rule", () => {
    const { exclude } = packChoice(one, { scope: [], leftOut: [] }, nothing, ["**/.DS_Store"]);
    expect(exclude[0]?.rule.text).toBe("files.exclude: **/.DS_Store");
  });
});
