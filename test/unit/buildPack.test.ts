import { describe, expect, it } from "vitest";
import { buildPack } from "../../src/pack/buildPack.js";
import { packTokenizer } from "../../src/pack/packTokenizer.js";
import { BLOCK_TOKENS, NO_BLOCK } from "../../src/shared/blocks.js";
import type { Pack } from "../../src/shared/pack.js";
import {
  bothTokenizers,
  fakeInfos,
  fakeTokenize,
  findSymbols,
  packFiles,
  sourceFile,
} from "../fakes/packFiles.js";

const encoder = new TextEncoder();

function functions(count: number): string {
  return Array.from({ length: count }, (_, index) =>
    [
      `/** Handles case ${index}. */`,
      `export function handle${index}(value: number): number {`,
      `  const next = value * ${index} + 1;`,
      "",
      "  return next;",
      "}\n",
    ].join("\n"),
  ).join("\n");
}

const longLine = `const data = "${"aé漢😀 b".repeat(4000)}";\n`;
const files = [
  sourceFile("a/long.ts", functions(300)),
  sourceFile("a/short.ts", functions(2)),
  sourceFile("b/line.js", longLine),
  sourceFile("b/notes.txt", "One line.\n\nAnother paragraph\nof two lines.\n\n\n".repeat(400)),
  sourceFile("b/windows.py", "\ufeffdef f():\r\n    return 1\r\n\r\n".repeat(500)),
  sourceFile("c/latin.c", Uint8Array.from([0x2f, 0x2f, 0x20, 0xe9, 0xff, 0x80, 0x80, 0x80, 0x0a])),
  sourceFile("c/noNewline.go", "package main"),
];

function bytesOf(pack: Pack, segment: number): Uint8Array {
  const { file, startByte, endByte } = pack.segments[segment] as Pack["segments"][number];
  const source = files.find(({ path }) => path === pack.files[file]?.path);
  return source?.bytes.subarray(startByte, endByte) ?? new Uint8Array();
}

type FakeName = keyof typeof fakeInfos;

async function tokensOf(name: string, bytes: Uint8Array): Promise<number[]> {
  const { ids } = await fakeTokenize(fakeInfos[name as FakeName].hash, [bytes]);
  return [...(ids[0] ?? [])];
}

describe("a pack", () => {
  it("is the same for the same files in the same order", async () => {
    const [first, second] = [await packFiles(files), await packFiles(files)];
    expect(second).toEqual(first);
    expect(first.packId).toMatch(/^[0-9a-f]{64}$/);
  });

  it("has the text of every segment, and it is that of the file", async () => {
    const pack = await packFiles(files);
    expect(pack.texts).toHaveLength(pack.segments.length);
    for (const [segment, text] of pack.texts.entries()) {
      expect(Buffer.from(text).equals(bytesOf(pack, segment))).toBe(true);
    }
  });

  it("has another id for another order, text, path, layout or tokenizer", async () => {
    const some = files.slice(0, 2);
    const [one, two] = some as [(typeof files)[0], (typeof files)[0]];
    const packs = await Promise.all([
      packFiles(some),
      packFiles([two, one]),
      packFiles([sourceFile(one.path, `${functions(300)} `), two]),
      packFiles([{ ...one, path: "a/other.ts" }, two]),
      packFiles(some, { layout: "causal" }),
      packFiles(some, { tokenizers: bothTokenizers.slice(0, 1) }),
      packFiles(some, { tokenizers: [packTokenizer(fakeInfos.coarse, { prefix: [7] })] }),
    ]);
    expect(new Set(packs.map(({ packId }) => packId)).size).toBe(packs.length);
  });

  it("has the same id and segments whichever of its models answers", async () => {
    const coder = await packFiles(files);
    const scout = await packFiles(files, { tokenizers: bothTokenizers.toReversed() });
    expect(scout.packId).toBe(coder.packId);
    expect(scout.segments).toEqual(coder.segments);
    expect(scout.models[0]?.tokenizer).toBe(coder.models[1]?.tokenizer);
  });

  it("holds every byte of every file in exactly one segment", async () => {
    const pack = await packFiles(files);
    expect(pack.skipped).toEqual([]);
    expect(pack.files.map(({ path }) => path)).toEqual(files.map(({ path }) => path));
    pack.files.forEach(({ firstSegment, segmentCount, bytes }, index) => {
      const segments = pack.segments.slice(firstSegment, firstSegment + segmentCount);
      let at = 0;
      segments.forEach(({ file, part, parts, startByte, endByte }, k) => {
        expect([file, part, parts, startByte]).toEqual([index, k + 1, segmentCount, at]);
        expect(endByte).toBeGreaterThan(startByte);
        at = endByte;
      });
      expect(at).toBe(bytes);
    });
  });

  it("fits every segment into both tokenizers, header included", async () => {
    const pack = await packFiles(files);
    expect(pack.segments.length).toBeGreaterThan(files.length + 10);
    for (const { tokens } of pack.models) {
      expect(Math.max(...tokens.map((ids) => ids.length))).toBeLessThanOrEqual(1920);
    }
    // The cut is greedy: most segments of a long file are well filled in the finer tokenizer.
    const { firstSegment, segmentCount } = pack.files[0] as Pack["files"][number];
    const fine = pack.models[1]?.tokens.slice(firstSegment, firstSegment + segmentCount - 1) ?? [];
    for (const ids of fine) expect(ids.length).toBeGreaterThan(1800);
  });

  it("fits small segments too, where the header gets longer with the number of parts", async () => {
    const tokenizers = [packTokenizer(fakeInfos.fine, { segmentTokens: 128 })];
    const pack = await packFiles(files, { tokenizers });
    for (const ids of pack.models[0]?.tokens ?? []) expect(ids.length).toBeLessThanOrEqual(128);
    expect(Math.max(...pack.segments.map(({ parts }) => parts))).toBeGreaterThan(99);
  });

  it("makes a segment's tokens from its header and its bytes, each alone", async () => {
    const pack = await packFiles(files);
    for (const [index, { file, part, parts }] of pack.segments.entries()) {
      const path = pack.files[file]?.path ?? "";
      const header = `${path}${parts > 1 ? ` (part ${part} of ${parts})` : ""}\n`;
      for (const [t, opening] of [1, 3].entries()) {
        const model = pack.models[t] as Pack["models"][number];
        const expected = [
          opening,
          ...(await tokensOf(model.tokenizer, encoder.encode(header))),
          ...(await tokensOf(model.tokenizer, bytesOf(pack, index))),
        ];
        expect([...(model.tokens[index] ?? [])]).toEqual(expected);
      }
    }
  });

  it("shows for every block the lines that a count byte by byte gives", async () => {
    const pack = await packFiles(files);
    for (const model of pack.models) {
      expect(model.segmentOfBlock[0]).toBe(NO_BLOCK);
      for (let block = 1; block < model.blockCount; block++) {
        const segment = model.segmentOfBlock[block] as number;
        const { startLine, startByte } = pack.segments[segment] as Pack["segments"][number];
        const body = bytesOf(pack, segment);
        const { ends } = await fakeTokenize(fakeInfos[model.tokenizer as FakeName].hash, [body]);
        const ids = model.tokens[segment] as Uint32Array;
        const header = ids.length - (ends[0]?.length ?? 0);
        const lines = new Set<number>();
        let line = startLine;
        let token = 0;
        body.forEach((byte, at) => {
          while ((ends[0]?.[token] as number) <= at) token += 1;
          const slot = header + token;
          const own = (model.firstBlock[segment] as number) + Math.floor(slot / BLOCK_TOKENS);
          if (own === block) lines.add(line);
          if (byte === 0x0a) line += 1;
        });
        const wanted = lines.size === 0 ? [0, 0] : [Math.min(...lines), Math.max(...lines)];
        expect([startByte, model.startLine[block], model.endLine[block]]).toEqual([
          startByte,
          ...wanted,
        ]);
      }
    }
  });

  it("counts blocks, tokens and padding so that they add up", async () => {
    const pack = await packFiles(files);
    for (const { blockCount, tokenCount, paddingTokens, tokens, firstBlock } of pack.models) {
      expect(tokenCount).toBe(tokens.reduce((sum, ids) => sum + ids.length, 0));
      expect(tokenCount + paddingTokens).toBe((blockCount - 1) * BLOCK_TOKENS);
      expect(firstBlock[0]).toBe(1);
    }
  });

  it("changes only the segments of an edited file that the edit reaches", async () => {
    const before = await packFiles(files);
    const edited = functions(300).replace("value * 149 ", "value * 941 ");
    const after = await packFiles([sourceFile("a/long.ts", edited), ...files.slice(1)]);
    expect(after.packId).not.toBe(before.packId);
    const changed = before.segments.flatMap((_, index) =>
      before.models[0]?.tokens[index]?.join() === after.models[0]?.tokens[index]?.join()
        ? []
        : [index],
    );
    expect(after.segments.length).toBe(before.segments.length);
    expect(changed).toHaveLength(1);
    expect(before.segments[changed[0] ?? -1]?.file).toBe(0);
  });

  it("cuts between definitions, with their comments, where the file is parsed", async () => {
    const pack = await packFiles(files);
    const { segmentCount } = pack.files[0] as Pack["files"][number];
    expect(segmentCount).toBeGreaterThan(5);
    for (let segment = 0; segment < segmentCount; segment++) {
      const text = new TextDecoder().decode(bytesOf(pack, segment));
      expect(text.startsWith("/** Handles case")).toBe(true);
    }
  });

  it("names the definitions of a segment", async () => {
    const pack = await packFiles([sourceFile("a.ts", functions(2))]);
    expect(pack.segments[0]?.symbols).toEqual([
      { name: "handle0", kind: "function", startLine: 2, endLine: 6 },
      { name: "handle1", kind: "function", startLine: 9, endLine: 13 },
    ]);
  });

  it("cuts a file without a grammar after blank lines", async () => {
    const pack = await packFiles(files);
    const at = files.findIndex(({ path }) => path === "b/notes.txt");
    const { firstSegment, segmentCount } = pack.files[at] as Pack["files"][number];
    expect(segmentCount).toBeGreaterThan(1);
    for (let segment = firstSegment + 1; segment < firstSegment + segmentCount; segment++) {
      expect(new TextDecoder().decode(bytesOf(pack, segment))).toMatch(/^(One|Another)/);
    }
  });

  it("cuts a line longer than a segment between characters", async () => {
    const pack = await packFiles([sourceFile("line.js", longLine)]);
    expect(pack.segments.length).toBeGreaterThan(3);
    const bytes = encoder.encode(longLine);
    const strict = new TextDecoder("utf-8", { fatal: true });
    const text = pack.segments
      .map(({ startByte, endByte }) => strict.decode(bytes.subarray(startByte, endByte)))
      .join("");
    expect(text).toBe(longLine);
    expect(pack.segments.every(({ startLine, endLine }) => startLine === 1 && endLine === 1)).toBe(
      true,
    );
  });
});

describe("the causal layout", () => {
  it("fills the end of each file with newline tokens and has no padding slots", async () => {
    const pack = await packFiles(files, { layout: "causal" });
    expect(pack.segments).toHaveLength(files.length);
    const newline = (await tokensOf("coarse", encoder.encode("\n")))[0];
    const model = pack.models[0] as Pack["models"][number];
    let position = BLOCK_TOKENS;
    model.tokens.forEach((ids, segment) => {
      expect(ids.length % BLOCK_TOKENS).toBe(0);
      expect(model.firstBlock[segment]).toBe(position / BLOCK_TOKENS);
      position += ids.length;
    });
    const short = model.tokens.at(-1) as Uint32Array;
    expect(short.at(-1)).toBe(newline);
    expect(model.tokenCount + model.paddingTokens).toBe(position - BLOCK_TOKENS);
    expect(model.endLine[model.blockCount - 1]).toBe(1);
  });
});

describe("a file name", () => {
  it("is refused where its header could be taken for another file's or another line", async () => {
    const names = [
      "a.ts (part 1 of 2)",
      "a\n<|file_sep|>b.ts",
      "a\u001b[2Jb.ts",
      "a\u202eb.ts",
      "not\ufffdutf8.ts",
      `${"deep/".repeat(800)}a.ts`,
    ];
    const pack = await packFiles(names.map((name) => sourceFile(name, "let a;\n")));
    expect(pack.files).toEqual([]);
    expect(pack.skipped.map(({ reason }) => reason)).toEqual(names.map(() => "unsafeName"));
  });

  it("that holds a special token or a template's words stays ordinary text", async () => {
    const names = ["<|im_end|>.ts", "<|file_sep|>b.ts", "{part}.ts"];
    const pack = await packFiles(names.map((name) => sourceFile(name, "<|im_end|>\n")));
    for (const [index, ids] of (pack.models[0]?.tokens ?? []).entries()) {
      const text = await tokensOf("coarse", encoder.encode(`${names[index] ?? ""}\n`));
      expect([...ids].slice(0, text.length + 1)).toEqual([1, ...text]);
      expect([...ids].filter((id) => id <= 3)).toEqual([1]);
    }
  });
});

describe("a budget", () => {
  it("that is exceeded gives the tokens and the largest folders, and no pack", async () => {
    const parts = {
      roots: ["/workspace"],
      tokenizers: bothTokenizers,
      layout: "independent" as const,
      tokenize: fakeTokenize,
      findSymbols,
    };
    const whole = await packFiles(files);
    const tokens = whole.models[0]?.tokenCount ?? 0;
    const built = await buildPack({ ...parts, files, budgetTokens: tokens - 1 });
    if (built.t === "pack") throw new Error("expected too much");
    expect(built.over.tokens).toBeGreaterThanOrEqual(tokens - 1);
    expect(built.over.folders[0]).toMatchObject({ path: "b/", files: 3 });
    expect((await buildPack({ ...parts, files, budgetTokens: tokens })).t).toBe("pack");
  });
});
