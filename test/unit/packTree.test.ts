import { describe, expect, it } from "vitest";
import { isLeftOut, packState, PackTree } from "../../src/views/packTree.js";
import { TINY_PROJECT, tinyPack } from "../fakes/tinyPack.js";

const none: readonly string[] = [];
const withoutCart = Object.fromEntries(
  Object.entries(TINY_PROJECT).filter(([path]) => path !== "shop/cart.py"),
);

describe("the pack as a tree", () => {
  const pack = tinyPack(TINY_PROJECT);

  it("sums files into folders, the heaviest first", () => {
    const tree = new PackTree();
    tree.update(pack);
    const [shop, docs] = tree.list("", none);
    expect([shop?.path, shop?.files, docs?.path, docs?.files]).toEqual(["shop/", 4, "docs/", 1]);
    const files = tree.list("shop/", none);
    expect(files.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(shop?.tokens);
    expect(files.map(({ name }) => name)).toContain("cart.py");
  });

  it("still lists what was left out, unchecked, with its last known weight", () => {
    const tree = new PackTree();
    tree.update(pack);
    const before = tree.list("shop/", none).find(({ name }) => name === "cart.py");
    tree.update(tinyPack(withoutCart));
    const after = tree.list("shop/", ["shop/cart.py"]);
    expect(after.find(({ name }) => name === "cart.py")).toEqual({ ...before, included: false });
  });

  it("keeps a folder's place when what is in it is switched off", () => {
    const tree = new PackTree();
    const files = {
      "large/one.py": "a = 1\n".repeat(90),
      "large/two.py": "b = 2\n",
      "z.py": "c\n",
    };
    tree.update(tinyPack(files));
    const places = (leftOut: readonly string[]) => tree.list("", leftOut).map(({ path }) => path);
    expect(places([])).toEqual(["large/", "z.py"]);
    expect(places(["large/one.py"])).toEqual(["large/", "z.py"]);
    tree.update(tinyPack({ "large/two.py": "b = 2\n", "z.py": "c = 3\n".repeat(20) }));
    expect(places(["large/one.py"])).toEqual(["large/", "z.py"]);
  });

  it("forgets files that are gone without having been left out", () => {
    const tree = new PackTree();
    tree.update(pack);
    tree.update(tinyPack(withoutCart));
    expect(tree.list("shop/", none).map(({ name }) => name)).not.toContain("cart.py");
  });

  it("takes what is left out inside a folder off its sum, before and after the next pack", () => {
    const tree = new PackTree();
    tree.update(pack);
    const cart = tree.list("shop/", none).find(({ name }) => name === "cart.py");
    const whole = tree.list("", none).find(({ name }) => name === "shop/");
    const leftOut = ["shop/cart.py"];
    const less = { ...whole, tokens: (whole?.tokens ?? 0) - (cart?.tokens ?? 0) };
    less.blocks = (whole?.blocks ?? 0) - (cart?.blocks ?? 0);
    expect(tree.list("", leftOut).find(({ name }) => name === "shop/")).toEqual(less);
    tree.update(tinyPack(withoutCart));
    expect(tree.list("", leftOut).find(({ name }) => name === "shop/")).toEqual(less);
    const out = ["shop/", "shop/cart.py"];
    expect(tree.list("", out).find(({ name }) => name === "shop/")).toEqual({
      ...whole,
      included: false,
    });
    expect(tree.list("shop/", out).every(({ included }) => !included)).toBe(true);
  });

  it("says of any files and switches what a walk over every file says", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    const names = ["a", "b", "ab", "a.b"];
    for (let round = 0; round < 60; round++) {
      const files: Record<string, string> = {};
      for (let i = 0; i < 14; i++) {
        const folders = Array.from({ length: random(3) }, () => `${names[random(4)] ?? ""}/`);
        files[`${folders.join("")}f${i}.py`] = "x = 1\n".repeat(1 + random(200));
      }
      const paths = Object.keys(files);
      const folders = paths.flatMap((path) => {
        const parts = path.split("/").slice(0, -1);
        return parts.map((_, at) => `${parts.slice(0, at + 1).join("/")}/`);
      });
      const all = [...new Set([...paths, ...folders])];
      const leftOut = Array.from({ length: random(4) }, () => all[random(all.length)] ?? "");
      const tree = new PackTree();
      tree.update(tinyPack(files));
      const tokens = new Map(
        paths.map((path) => {
          const parent = path.slice(0, path.lastIndexOf("/") + 1);
          return [path, tree.list(parent, none).find((e) => e.path === path)?.tokens ?? 0];
        }),
      );
      if (round % 2 === 1) {
        const kept = Object.entries(files).filter(([path]) => !isLeftOut(path, leftOut));
        tree.update(tinyPack(Object.fromEntries(kept)));
      }
      for (const folder of ["", ...folders]) {
        for (const { path, tokens: shown, files: count, included } of tree.list(folder, leftOut)) {
          const below = paths.filter(
            (p) => p === path || (path.endsWith("/") && p.startsWith(path)),
          );
          expect(included).toBe(!isLeftOut(path, leftOut));
          expect(count).toBe(below.length);
          const counted = included ? below.filter((p) => !isLeftOut(p, leftOut)) : below;
          expect(shown).toBe(counted.reduce((sum, p) => sum + (tokens.get(p) ?? 0), 0));
        }
      }
    }
  });

  it("counts what was skipped by reason", () => {
    const skipped = [
      { path: "a.bin", reason: "binary" },
      { path: "b.bin", reason: "binary" },
      { path: "x.lock", reason: "lockFile", rule: { text: "*.lock" } },
    ] as const;
    const tree = new PackTree();
    const withSkipped = tinyPack(TINY_PROJECT, { skipped });
    tree.update(withSkipped);
    expect(packState(withSkipped, [], 0).skipped).toEqual([
      { reason: "binary", count: 2 },
      { reason: "lockFile", count: 1 },
    ]);
    expect(tree.listSkipped("lockFile")).toEqual([
      { path: "x.lock", reason: "lockFile", rule: { text: "*.lock" } },
    ]);
  });
});
