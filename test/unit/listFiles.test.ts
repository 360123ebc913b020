import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ListOptions, listFiles, rootNames } from "../../src/files/listFiles.js";

const directories: string[] = [];

async function workspace(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), "blocksight-list-"));
  directories.push(root);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return root;
}

afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

async function listed(root: string, options?: ListOptions): Promise<readonly string[]> {
  const { files } = await listFiles([root], options);
  return files.map((file) => file.path).sort();
}

async function ruleOf(root: string, skipped: string): Promise<string | undefined> {
  const found = (await listFiles([root])).skipped.find((skip) => skip.path === skipped);
  const { text = "", file, line } = found?.rule ?? {};
  return found && `${found.reason}: ${text}${file === undefined ? "" : ` (${file}:${line ?? 0})`}`;
}

describe("ignore files", () => {
  let root = "";
  beforeAll(async () => {
    root = await workspace({
      ".gitignore": "\ufeff# made files\r\nout/\r\n*.log\r\n/top.txt\r\nlib/**/*.gen.ts\r\n",
      "out/a.ts": "x",
      "a.log": "x",
      "top.txt": "x",
      "sub/top.txt": "x",
      "lib/x/y/z.gen.ts": "x",
      "lib/keep.ts": "x",
      "sub/.gitignore": "!b.log\nonly-here\n",
      "sub/b.log": "x",
      "sub/c.log": "x",
      "sub/only-here": "x",
      "only-here": "x",
      "sub/deep/only-here": "x",
      "vendor/.gitignore": "!out/\n",
      "vendor/out/kept.ts": "x",
      "vendor/out/d.log": "x",
      "order/.gitignore": "*.a\n*.b\n",
      "order/.ignore": "!x.a\n*.c\n",
      "order/.blocksightignore": "x.a\n!x.b\n",
      "order/x.a": "x",
      "order/x.b": "x",
      "order/x.c": "x",
      "node_modules/dep/index.js": "x",
    });
  });

  it("hold for what is below them, and the innermost that says anything decides", async () => {
    expect(await listed(root)).toEqual([
      ".gitignore",
      "lib/keep.ts",
      "only-here",
      "order/.blocksightignore",
      "order/.gitignore",
      "order/.ignore",
      "order/x.b",
      "sub/.gitignore",
      "sub/b.log",
      "sub/top.txt",
      "vendor/.gitignore",
      "vendor/out/kept.ts",
    ]);
  });

  it("name the rule, its file and its line for each file they leave out", async () => {
    expect(await ruleOf(root, "a.log")).toBe("ignored: *.log (.gitignore:3)");
    expect(await ruleOf(root, "top.txt")).toBe("ignored: /top.txt (.gitignore:4)");
    expect(await ruleOf(root, "sub/deep/only-here")).toBe("ignored: only-here (sub/.gitignore:2)");
    expect(await ruleOf(root, "order/x.a")).toBe("ignored: x.a (order/.blocksightignore:1)");
    expect(await ruleOf(root, "order/x.c")).toBe("ignored: *.c (order/.ignore:2)");
  });

  it("leave out a folder as one entry", async () => {
    const { skipped } = await listFiles([root]);
    const out = skipped.filter((skip) => skip.path.startsWith("out"));
    expect(out).toEqual([
      {
        path: "out/",
        reason: "ignored",
        rule: { text: "out/", file: ".gitignore", line: 2 },
        isFolder: true,
      },
    ]);
    expect(await ruleOf(root, "node_modules/")).toBe("ignored: node_modules/");
  });

  it("still apply below a folder that an inner file kept", async () => {
    expect(await ruleOf(root, "vendor/out/d.log")).toBe("ignored: *.log (.gitignore:3)");
  });

  it("can bring back a folder that is left out by default", async () => {
    const kept = await workspace({ ".gitignore": "!node_modules/\n", "node_modules/a.js": "x" });
    expect(await listed(kept)).toEqual([".gitignore", "node_modules/a.js"]);
  });

  it("lose a rule that could take hours to match, and say so", async () => {
    const slow = await workspace({
      ".gitignore": `${"*a".repeat(30)}b\nx\n`,
      ["a".repeat(200)]: "x",
    });
    const { files, refusedRules } = await listFiles([slow]);
    expect(files).toHaveLength(2);
    expect(refusedRules).toMatchObject([{ file: ".gitignore", line: 1 }]);
  });
});

describe("globs", () => {
  let root = "";
  beforeAll(async () => {
    root = await workspace({
      "src/a.ts": "x",
      "src/b.py": "x",
      "src/test/a.ts": "x",
      "docs/a.md": "x",
      "readme.md": "x",
    });
  });

  it("match a name in any folder, or a path from the root, or all of a folder", async () => {
    expect(await listed(root, { include: ["*.ts"] })).toEqual(["src/a.ts", "src/test/a.ts"]);
    expect(await listed(root, { include: ["src/*.ts"] })).toEqual(["src/a.ts"]);
    expect(await listed(root, { include: ["./src/"] })).toEqual([
      "src/a.ts",
      "src/b.py",
      "src/test/a.ts",
    ]);
    expect(await listed(root, { include: ["*.md", "src/**/*.py"] })).toEqual([
      "docs/a.md",
      "readme.md",
      "src/b.py",
    ]);
  });

  it("leave out what --exclude matches, with that as the rule", async () => {
    const exclude = [{ glob: "test", rule: { text: "--exclude test" } }];
    const { files, skipped } = await listFiles([root], { exclude });
    expect(files).toHaveLength(4);
    expect(skipped).toEqual([
      { path: "src/test/", reason: "ignored", rule: { text: "--exclude test" }, isFolder: true },
    ]);
  });

  it("do not enter a folder that holds nothing to include", async () => {
    const { skipped } = await listFiles([root], { include: ["docs/**"] });
    expect(skipped.map((skip) => skip.path).sort()).toEqual(["readme.md", "src/"]);
  });
});

describe("several roots", () => {
  it("prefix paths with the root's name, numbered where two are equal", async () => {
    const [a, b] = [await workspace({ "lib/x.ts": "x" }), await workspace({ "lib/y.ts": "x" })];
    const { files } = await listFiles([path.join(a, "lib"), path.join(b, "lib")]);
    expect(files.map((file) => [file.path, file.root])).toEqual([
      ["lib/x.ts", 0],
      ["lib-2/y.ts", 1],
    ]);
    expect(rootNames(["/a/lib-2", "/b/lib", "/c/lib"])).toEqual(["lib-2", "lib", "lib-3"]);
  });

  it("pack a root inside another one once, and one given twice once", async () => {
    const root = await workspace({ "a.ts": "x", "inner/b.ts": "x" });
    const { files, roots, skipped } = await listFiles([root, path.join(root, "inner"), root]);
    expect(roots).toHaveLength(2);
    expect(files.map((file) => file.path.split("/").slice(1).join("/"))).toEqual(["a.ts", "b.ts"]);
    expect(skipped.map(({ rule }) => rule?.text)).toEqual(["a root of its own"]);
  });
});

describe("a root that is no directory", () => {
  it("is an error with a next step", async () => {
    const root = await workspace({ file: "x" });
    for (const wrong of [path.join(root, "file"), path.join(root, "missing")]) {
      await expect(listFiles([wrong])).rejects.toMatchObject({ code: "noSuchDirectory" });
    }
  });
});
