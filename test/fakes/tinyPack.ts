/** A pack from texts by the simplest rule: a segment is `segmentLines` lines. For tests above the pack. */
import { createHash } from "node:crypto";
import { blocksOf, BLOCK_TOKENS, NO_BLOCK } from "../../src/shared/blocks.js";
import type { ModelPack, Pack, PackedFile, Segment, SymbolSpan } from "../../src/shared/pack.js";
import { FakeTokenizer } from "./fakeTokenizer.js";

export interface TinyPackOptions {
  readonly segmentLines?: number;
  readonly skipped?: Pack["skipped"];
}

const encoder = new TextEncoder();

/** Tables for the fake coder and the fake scout, in this order. */
export function tinyPack(
  texts: Readonly<Record<string, string>>,
  { segmentLines = 40, skipped = [] }: TinyPackOptions = {},
): Pack {
  const files: PackedFile[] = [];
  const segments: Segment[] = [];
  const bytes: Uint8Array[] = [];
  const bodies: { readonly header: string; readonly lines: readonly string[] }[] = [];
  for (const [path, text] of Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const lines = text.split(/(?<=\n)/);
    const parts = Math.max(1, Math.ceil(lines.length / segmentLines));
    files.push({
      path,
      root: 0,
      contentHash: createHash("sha256").update(text).digest("hex"),
      bytes: encoder.encode(text).length,
      lines: lines.length,
      firstSegment: segments.length,
      segmentCount: parts,
    });
    for (let part = 0; part < parts; part++) {
      const startLine = part * segmentLines + 1;
      const own = lines.slice(part * segmentLines, (part + 1) * segmentLines);
      segments.push({
        file: files.length - 1,
        part: part + 1,
        parts,
        startByte: 0,
        endByte: 0,
        startLine,
        endLine: startLine + own.length - 1,
        symbols: symbolsIn(own, startLine),
      });
      const suffix = parts > 1 ? ` (part ${part + 1} of ${parts})` : "";
      bytes.push(encoder.encode(own.join("")));
      bodies.push({ header: `${path}${suffix}\n`, lines: own });
    }
  }
  const hash = createHash("sha256");
  for (const { path, contentHash } of files) hash.update(`${path}\0${contentHash}\n`);
  const starts = segments.map(({ startLine }) => startLine);
  return {
    packId: hash.digest("hex"),
    roots: ["/home/someone/tiny"],
    files,
    segments,
    texts: bytes,
    skipped,
    models: [
      modelPack(new FakeTokenizer("coder", 6, {}), bodies, starts),
      modelPack(new FakeTokenizer("scout", 4, {}), bodies, starts),
    ],
  };
}

function symbolsIn(lines: readonly string[], startLine: number): readonly SymbolSpan[] {
  return lines.flatMap((line, at) => {
    const name = /^def (\w+)/.exec(line)?.[1];
    const here = startLine + at;
    return name === undefined
      ? []
      : [{ name, kind: "function", startLine: here, endLine: here + 1 }];
  });
}

function modelPack(
  tokenizer: FakeTokenizer,
  bodies: readonly { readonly header: string; readonly lines: readonly string[] }[],
  starts: readonly number[],
): ModelPack {
  const tokens: Uint32Array[] = [];
  const firstBlock: number[] = [];
  const segmentOfBlock = [NO_BLOCK];
  const startLine = [0];
  const endLine = [0];
  for (const [segment, { header, lines }] of bodies.entries()) {
    const ids: number[] = [];
    const lineOfToken: number[] = [];
    for (const [at, text] of [header, ...lines].entries()) {
      for (const id of tokenizer.encode(encoder.encode(text)).ids) {
        ids.push(id);
        lineOfToken.push(at === 0 ? 0 : (starts[segment] ?? 1) + at - 1);
      }
    }
    tokens.push(Uint32Array.from(ids));
    firstBlock.push(segmentOfBlock.length);
    for (let block = 0; block < blocksOf(ids.length); block++) {
      const own = lineOfToken.slice(block * BLOCK_TOKENS, (block + 1) * BLOCK_TOKENS);
      const shown = own.filter((line) => line > 0);
      segmentOfBlock.push(segment);
      startLine.push(shown[0] ?? 0);
      endLine.push(shown.at(-1) ?? 0);
    }
  }
  const tokenCount = tokens.reduce((sum, ids) => sum + ids.length, 0);
  return {
    tokenizer: tokenizer.info.name,
    tokens,
    firstBlock: Uint32Array.from(firstBlock),
    blockCount: segmentOfBlock.length,
    segmentOfBlock: Uint32Array.from(segmentOfBlock),
    startLine: Uint32Array.from(startLine),
    endLine: Uint32Array.from(endLine),
    tokenCount,
    paddingTokens: (segmentOfBlock.length - 1) * BLOCK_TOKENS - tokenCount,
  };
}

/** A small project: enough files to rank, one of two segments. */
export const TINY_PROJECT: Readonly<Record<string, string>> = {
  "shop/cart.py": pythonFile("Cart", ["add_item", "remove_item", "total_price"]),
  "shop/discount.py": pythonFile("Discount", ["apply_coupon", "is_expired"]),
  "shop/stock.py": pythonFile("Stock", ["reserve", "release", "count_left", "restock"]),
  "shop/checkout.py": pythonFile("Checkout", [
    "open_session",
    "charge_card",
    "send_receipt",
    "refund_order",
    "cancel_order",
    "list_orders",
  ]),
  "docs/readme.md": "# Shop\n\nA small shop that sells things.\n",
};

function pythonFile(about: string, names: readonly string[]): string {
  const body = names.map(
    (name) =>
      `def ${name}(value):\n` +
      `    """Part of ${about}: what ${name} does with its value."""\n` +
      `    checked = validate_${name}(value)\n` +
      "    if checked is None:\n" +
      `        raise ValueError("${name}")\n` +
      `    return store_${name}(checked)\n\n\n`,
  );
  return `"""${about} of the shop."""\n\n${body.join("")}`;
}
