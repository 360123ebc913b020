import { describe, expect, it } from "vitest";
import { isLeftOut, packState, PackTree } from "../../src/views/packTree.js";
import { TINY_PROJECT, tinyPack } from "../fakes/tinyPack.js";

const none = (): boolean => false;
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
    const after = tree.list("shop/", (path) => isLeftOut(path, ["shop/cart.py"]));
    expect(after.find(({ name }) => name === "cart.py")).toEqual({ ...before, included: false });
  });

  it("forgets files that are gone without having been left out", () => {
    const tree = new PackTree();
    tree.update(pack);
    tree.update(tinyPack(withoutCart));
    expect(tree.list("shop/", none).map(({ name }) => name)).not.toContain("cart.py");
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
