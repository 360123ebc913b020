import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PackWorkspaceOptions, WorkspacePacker } from "../../src/packWorkspace.js";
import type { Engine } from "../../src/shared/engine.js";
import type { Pack } from "../../src/shared/pack.js";
import { bothTokenizers, fakeEngine, findSymbols } from "../fakes/packFiles.js";
import {
  type HostileRepository,
  SECRET,
  makeHostileRepository,
} from "../fixtures/hostileRepository.js";

const isRoot = process.getuid?.() === 0;

describe("a hostile repository", () => {
  let made: HostileRepository;
  let pack: Pack;
  /** All text that was tokenized. */
  const texts: string[] = [];
  let refused: readonly { readonly line?: number }[] = [];

  beforeAll(async () => {
    made = await makeHostileRepository();
    const engine: Engine = {
      ...fakeEngine,
      request: (name, body, options) => {
        if (name === "tokenize") {
          const { texts: sent } = body as { readonly texts: readonly Uint8Array[] };
          for (const text of sent) texts.push(Buffer.from(text).toString("latin1"));
        }
        return fakeEngine.request(name, body, options);
      },
    };
    const options: PackWorkspaceOptions = {
      roots: [made.root],
      tokenizers: bothTokenizers,
      layout: "independent",
    };
    const built = await new WorkspacePacker({ engine, findSymbols }).pack(options);
    if (built.t === "overBudget") throw new Error("no budget was given");
    ({ pack } = built);
    refused = built.refusedRules;
  });
  afterAll(() => rm(made.directory, { recursive: true, force: true }));

  const reasonOf = (file: string): string | undefined => {
    if (pack.files.some((packed) => packed.path === file)) return "packed";
    return pack.skipped.find((skip) => skip.path === file)?.reason;
  };

  it("is packed, and what is not packed has its reason", () => {
    const expected = {
      "src/plain.ts": "packed",
      "src/specials.md": "packed",
      "src/windows.py": "packed",
      "src/latin.c": "packed",
      "src/broken.rs": "packed",
      "src/deep.js": "minified",
      "data/short-line.txt": "packed",
      "names/<|file_sep|>x.ts": "packed",
      "names/-rf; $(touch canary)`x`.ts": "packed",
      "keep.log": "packed",
      "data/line.txt": "tooLarge",
      "data/utf16.txt": "encoding",
      "data/utf16-unmarked.txt": "encoding",
      "data/sjis.txt": "encoding",
      "data/nul.bin": "binary",
      "data/empty.txt": "empty",
      "data/pipe": "unreadable",
      "names/line\nbreak.ts": "unsafeName",
      "names/ansi\u001b[2J.ts": "unsafeName",
      "names/bidi\u202egnp.ts": "unsafeName",
      "names/plain.ts (part 1 of 2)": "unsafeName",
      ".env": "likelySecret",
      "keys/id_rsa": "likelySecret",
      "keys/server.txt": "likelySecret",
      "package-lock.json": "lockFile",
      "dist/app.min.js": "minified",
      "dist/bundle.js": "minified",
      "gen/api.go": "generated",
      "notebook.ipynb": "notebookOutputs",
      "a.log": "ignored",
      "build/": "ignored",
      ".git/": "ignored",
      "escape.txt": "outsideRoot",
      parent: "outsideRoot",
      "names/.gitignore": "outsideRoot",
      "src/cycle": "symbolicLink",
      "src/inside.ts": "symbolicLink",
      dangling: "unreadable",
    };
    const found = Object.fromEntries(Object.keys(expected).map((file) => [file, reasonOf(file)]));
    expect(found).toEqual(expected);
    expect(pack.skipped.filter(({ rule }) => rule === undefined)).toEqual([]);
  });

  it.skipIf(isRoot)("skips a file that may not be read", () => {
    expect(reasonOf("locked/unreadable.ts")).toBe("unreadable");
  });

  it("gives away nothing from outside its root, and nothing of it is run", () => {
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.filter((text) => text.includes(SECRET))).toEqual([]);
    expect(existsSync(made.canary)).toBe(false);
  });

  it("cannot put a special token into a segment", () => {
    for (const [index, ids] of (pack.models[0]?.tokens ?? []).entries()) {
      expect([index, [...ids].filter((id) => id < 16)]).toEqual([index, [1]]);
    }
  });

  it("cannot keep the rules busy", () => {
    expect(refused).toMatchObject([{ file: ".gitignore", line: 5 }]);
    expect(reasonOf(`slow/${"a".repeat(200)}.txt`)).toBe("packed");
  });

  it("keeps the bytes of a file with a byte order mark, line ends of two bytes, or bad UTF-8", () => {
    const sizes = Object.fromEntries(pack.files.map((file) => [file.path, file.bytes]));
    expect(sizes["src/windows.py"]).toBe(3 + "def first():\r\n    return 1\r\n".length);
    expect(texts).toContain("/* caf\xe9 */\nint main(void) { return 0; }\n");
    expect(texts).toContain("\xef\xbb\xbfdef first():\r\n    return 1\r\n");
  });

  it("gives symbols around syntax errors", () => {
    const at = pack.files.findIndex((file) => file.path === "src/broken.rs");
    const segment = pack.segments.find(({ file }) => file === at);
    expect(segment?.symbols.map(({ name }) => name)).toContain("whole");
  });

  it("stays inside its root when its directory is given with a trailing slash", async () => {
    const again = await new WorkspacePacker({ engine: fakeEngine, findSymbols }).pack({
      roots: [`${made.root}${path.sep}`],
      tokenizers: bothTokenizers,
      layout: "independent",
    });
    expect(again.t === "pack" && again.pack.packId).toBe(pack.packId);
  });
});
