/** Packs files given as text with the fake tokenizers and the real parser. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { type BuildPackOptions, type SourceFile, buildPack } from "../../src/pack/buildPack.js";
import { type Tokenize, packTokenizer } from "../../src/pack/packTokenizer.js";
import type { Engine } from "../../src/shared/engine.js";
import type { EngineRequestName, EngineRequests } from "../../src/shared/engineMessages.js";
import type { Pack } from "../../src/shared/pack.js";
import { NO_SYMBOLS, type FindSymbols } from "../../src/shared/fileSymbols.js";
import { grammarOf } from "../../src/symbols/grammars.js";
import { SymbolParser } from "../../src/symbols/parseSymbols.js";
import { FakeTokenizer } from "./fakeTokenizer.js";

const require = createRequire(import.meta.url);
const parser = new SymbolParser((name, file) => require.resolve(`${name}/${file}`));

export const findSymbols: FindSymbols = ({ path, bytes }) => {
  const grammar = grammarOf(path);
  return grammar === undefined ? Promise.resolve(NO_SYMBOLS) : parser.parse(bytes, grammar);
};

const coarse = new FakeTokenizer("coarse", 6, { "<|file_sep|>": 1, "<|im_end|>": 2 });
const fine = new FakeTokenizer("fine", 3, { "<file_sep>": 3 });

export const fakeInfos = { coarse: coarse.info, fine: fine.info };
export const bothTokenizers = [packTokenizer(coarse.info), packTokenizer(fine.info)];

export const fakeTokenize: Tokenize = (hash, texts) => {
  const tokenizer = [coarse, fine].find(({ info }) => info.hash === hash);
  if (tokenizer === undefined) return Promise.reject(new Error(`No tokenizer ${hash}.`));
  const tokenized = texts.map((text) => tokenizer.encode(text));
  return Promise.resolve({
    ids: tokenized.map(({ ids }) => ids),
    ends: tokenized.map(({ ends }) => ends),
  });
};

export function sourceFile(path: string, text: string | Uint8Array, root = 0): SourceFile {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const contentHash = createHash("sha256").update(bytes).digest("hex");
  return { path, root, bytes, contentHash };
}

export async function packFiles(
  files: readonly SourceFile[],
  options: Partial<BuildPackOptions> = {},
): Promise<Pack> {
  const built = await buildPack({
    roots: ["/workspace"],
    files,
    tokenizers: bothTokenizers,
    layout: "independent",
    tokenize: fakeTokenize,
    findSymbols,
    ...options,
  });
  if (built.t === "overBudget") throw new Error("The pack is over budget.");
  return built.pack;
}

/** An engine that can do nothing but tokenize. */
export const fakeEngine: Engine = {
  request: async <N extends EngineRequestName>(
    name: N,
    body: EngineRequests[N][0],
  ): Promise<EngineRequests[N][1]> => {
    if (name !== "tokenize") throw new Error(`Not faked: ${name}`);
    const { tokenizer, texts } = body as EngineRequests["tokenize"][0];
    return await fakeTokenize(tokenizer, texts);
  },
  dispose: () => Promise.resolve(),
};
