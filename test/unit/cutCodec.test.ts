import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type CutBounds, decodeCuts, encodeCuts } from "../../src/pack/cutCodec.js";
import { CutMemory } from "../../src/pack/cutMemory.js";
import { bothTokenizers, packFiles, sourceFile } from "../fakes/packFiles.js";

const bounds: CutBounds = {
  identity: "these tokenizers",
  vocabSizes: bothTokenizers.map(({ info }) => info.vocabSize),
  segmentTokens: bothTokenizers.map(({ segmentTokens }) => segmentTokens),
};

async function cutsOfSomeFiles(): Promise<CutMemory> {
  const cache = new CutMemory();
  const text = Array.from({ length: 400 }, (_, i) => `def f${i}():\n    return ${i}\n`).join("\n");
  await packFiles([sourceFile("a.py", text), sourceFile("ü/b.txt", "one line")], { cache });
  cache.endPack();
  return cache;
}

/** Changes a word and makes the checksum right again, as someone who knows the format would. */
function forge(bytes: Uint8Array, change: (bytes: Buffer) => void): Buffer {
  const forged = Buffer.from(bytes);
  change(forged);
  forged.writeUInt32LE(crc32(forged.subarray(48)), 44);
  return forged;
}

describe("cuts on disk", () => {
  it("come back as they were", async () => {
    const { cuts } = await cutsOfSomeFiles();
    expect(cuts.size).toBe(2);
    const bytes = encodeCuts(cuts, bounds.identity);
    expect(decodeCuts(bytes, bounds)).toEqual(cuts);
    // Also where the bytes do not start at a word.
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(decodeCuts(shifted.subarray(1), bounds)).toEqual(cuts);
  });

  it("are refused for other tokenizers, cut short, longer, or with any byte changed", async () => {
    const { cuts } = await cutsOfSomeFiles();
    const bytes = encodeCuts(cuts, bounds.identity);
    expect(decodeCuts(bytes, { ...bounds, identity: "others" })).toBeUndefined();
    expect(decodeCuts(Buffer.concat([bytes, Buffer.alloc(4)]), bounds)).toBeUndefined();
    for (let length = 0; length < bytes.length; length += 997) {
      expect(decodeCuts(bytes.subarray(0, length), bounds)).toBeUndefined();
    }
    for (let at = 0; at < bytes.length; at += at < 200 ? 1 : 101) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect([at, decodeCuts(changed, bounds)]).toEqual([at, undefined]);
    }
  });

  it("are refused when forged out of bounds with a right checksum", async () => {
    const { cuts } = await cutsOfSomeFiles();
    const bytes = encodeCuts(cuts, bounds.identity);
    const json = (change: (text: string) => string): Buffer =>
      forge(bytes, (forged) => {
        const length = forged.readUInt32LE(48);
        const text = forged.toString("utf8", 56, 56 + length);
        const changed = Buffer.from(change(text));
        expect([changed.length, change(text) === text]).toEqual([length, false]);
        changed.copy(forged, 56);
      });
    const forgeries = {
      "a token id outside the vocabulary": forge(bytes, (forged) => {
        forged.writeUInt32LE(bounds.vocabSizes[0] ?? 0, forged.length - 4 * 40);
        forged.fill(0xff, forged.length - 8);
      }),
      "more words than there are": forge(bytes, (forged) => {
        forged.writeUInt32LE(0x3fffffff, 52);
      }),
      "JSON longer than the file": forge(bytes, (forged) => {
        forged.writeUInt32LE(0xfffffff0, 48);
      }),
      "a segment that leaves bytes out": json((text) => text.replace("[[0,", "[[1,")),
      "a file of no lines": json((text) =>
        text.replace(/,\d{3,4},\[\[/, (m) => `,${"0".padStart(m.length - 4, " ")},[[`),
      ),
      "a number that is none": json((text) => text.replace("[[0,", "[[[,")),
      "a hash that is none": json((text) => text.replace(/"[0-9a-f]{64}"/, `"${"z".repeat(64)}"`)),
      "another token count": json((text) =>
        text
          .replace(/\[\[(\d)/, "[[9")
          .replace(/(\d)\]\]\]/, (_, d: string) => `${(Number(d) + 1) % 10}]]]`),
      ),
      "no list": json((text) => text.replace(/^\[\[/, "{[").replace(/\]\]$/, "]}")),
    };
    for (const [what, forged] of Object.entries(forgeries)) {
      expect([what, decodeCuts(forged, bounds)]).toEqual([what, undefined]);
    }
  });

  it("that claim another length than the file has are cut anew", async () => {
    const file = sourceFile("a.txt", "one\ntwo\nthree\n");
    const cache = new CutMemory();
    const pack = await packFiles([file], { cache });
    cache.endPack();
    const known = cache.cuts.get("a.txt");
    if (known === undefined) throw new Error("not kept");
    const [segment] = known.cut.segments;
    const wrong = {
      ...known.cut,
      segments: [{ ...segment, endByte: 4 }] as typeof known.cut.segments,
    };
    const lying = new CutMemory(new Map([["a.txt", { ...known, cut: wrong }]]));
    expect(await packFiles([file], { cache: lying })).toEqual(pack);
  });
});
