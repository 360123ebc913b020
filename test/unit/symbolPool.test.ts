import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NO_SYMBOLS } from "../../src/shared/fileSymbols.js";
import { SymbolPool } from "../../src/symbols/symbolPool.js";
import { findSymbols } from "../fakes/packFiles.js";

const require = createRequire(import.meta.url);
const encoder = new TextEncoder();
let directory = "";
let workerPath = "";

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "blocksight-worker-"));
  workerPath = path.join(directory, "symbolWorker.cjs");
  const runtime = path.dirname(require.resolve("web-tree-sitter"));
  await build({
    entryPoints: ["src/symbols/symbolWorker.ts"],
    outfile: workerPath,
    bundle: true,
    platform: "node",
    format: "cjs",
    alias: { "web-tree-sitter": path.join(runtime, "web-tree-sitter.cjs") },
  });
  for (const name of ["web-tree-sitter", "tree-sitter-typescript", "tree-sitter-python"]) {
    const folder = name === "web-tree-sitter" ? runtime : path.join("node_modules", name);
    for (const file of await readdir(folder)) {
      if (file.endsWith(".wasm")) {
        await copyFile(path.join(folder, file), path.join(directory, file));
      }
    }
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function sources(): Promise<readonly { path: string; bytes: Uint8Array }[]> {
  const files = await readdir("src/pack");
  return Promise.all(
    files.map(async (name) => ({ path: name, bytes: await readFile(path.join("src/pack", name)) })),
  );
}

describe("the parse workers", () => {
  it("find what parsing in this process finds, whatever the order", async () => {
    const pool = new SymbolPool({ workerPath, threads: 2 });
    const files = await sources();
    const expected = await Promise.all(files.map(findSymbols));
    expect(await Promise.all(files.map(pool.findSymbols))).toEqual(expected);
    expect(expected.flatMap(({ symbols }) => symbols).length).toBeGreaterThan(50);
    await pool.dispose();
  });

  it("leave out files without a grammar and files over 1 MB", async () => {
    const pool = new SymbolPool({ workerPath: "nowhere", threads: 1 });
    const bytes = encoder.encode("def f(): pass\n");
    const large = encoder.encode("def f(): pass\n".repeat(80_000));
    expect(await pool.findSymbols({ path: "a.unknown", bytes })).toBe(NO_SYMBOLS);
    expect(await pool.findSymbols({ path: "a.py", bytes: large })).toBe(NO_SYMBOLS);
    await pool.dispose();
  });

  it("give a file no symbols when its grammar is missing", async () => {
    const pool = new SymbolPool({ workerPath, threads: 1 });
    const bytes = encoder.encode("fn f() {}\n");
    expect(await pool.findSymbols({ path: "a.rs", bytes })).toEqual(NO_SYMBOLS);
    await pool.dispose();
  });

  it("settle every file when workers die, and only the one that kills them has no symbols", async () => {
    const dying = path.join(directory, "dying.cjs");
    await writeFile(
      dying,
      `const { parentPort } = require("node:worker_threads");
       parentPort.on("message", ({ id, bytes }) => {
         if (Buffer.from(bytes).includes("die")) process.exit(1);
         setTimeout(() => parentPort.postMessage({ id, found: { symbols: [id], cutLines: [], cutDepths: [] } }), 5);
       });`,
    );
    const pool = new SymbolPool({ workerPath: dying, threads: 2 });
    const texts = ["a", "b", "die", "c", "d", "die too", "e", "f"];
    const found = await Promise.all(
      texts.map((text) => pool.findSymbols({ path: "a.ts", bytes: encoder.encode(text) })),
    );
    expect(found.map(({ symbols }) => symbols.length)).toEqual([1, 1, 0, 1, 1, 0, 1, 1]);
    await pool.dispose();
  });

  it("settle every file when no worker can be started, and when they are disposed", async () => {
    const bytes = encoder.encode("let a;\n");
    const missing = new SymbolPool({ workerPath: path.join(directory, "missing.cjs"), threads: 2 });
    const all = [1, 2, 3].map(() => missing.findSymbols({ path: "a.ts", bytes }));
    expect(await Promise.all(all)).toEqual([NO_SYMBOLS, NO_SYMBOLS, NO_SYMBOLS]);
    await missing.dispose();
    const pool = new SymbolPool({ workerPath, threads: 1 });
    const pending = [1, 2, 3, 4].map(() => pool.findSymbols({ path: "a.ts", bytes }));
    await pool.dispose();
    expect(await Promise.all(pending)).toEqual(pending.map(() => NO_SYMBOLS));
  });
});
