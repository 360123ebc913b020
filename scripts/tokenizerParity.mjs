#!/usr/bin/env node
// Compares the engine's token ids with those of @huggingface/tokenizers, for both shipped
// tokenizers, on source text in as many languages as are found: installed packages, this
// repository, test/fixtures/languages, two fetched packages, headers and libraries of the system, and
// the folders named.
//
//   npm run test:tokenizers [-- DIR...]
//
// Less than 3 MB, or fewer than 8 languages with text that counts, is a failure: it proves nothing.
// What is not UTF-8 cannot be given to the reference; there the round trip is checked instead.
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";
import { Tokenizer } from "@huggingface/tokenizers";
import { ggufKeys, readHead } from "./ggufKeys.mjs";
import { root } from "./setup.mjs";
import { sourceFolders } from "./sourceTexts.mjs";

const LANGUAGES = {
  ".c": "C",
  ".h": "C",
  ".cc": "C++",
  ".cpp": "C++",
  ".hpp": "C++",
  ".go": "Go",
  ".java": "Java",
  ".js": "JavaScript",
  ".mjs": "JavaScript",
  ".cjs": "JavaScript",
  ".py": "Python",
  ".rs": "Rust",
  ".ts": "TypeScript",
  ".tsx": "TypeScript",
  ".md": "Markdown",
  ".json": "JSON",
  ".css": "CSS",
  ".txt": "text",
};
const BYTES_PER_LANGUAGE = 700_000;
const MAX_FILE_BYTES = 200_000;
/** Eight languages of this much or more, and so much in all. */
const LEAST_PER_LANGUAGE = 200_000;
const LEAST_LANGUAGES = 8;
const LEAST_BYTES = 3_000_000;
const NORMAL = 1;
const SPECIAL = [3, 4];

// `Digits` of the JavaScript package knows ASCII digits only; that of the original splits \p{N}.
const GPT2_PIECES = [
  { type: "Split", pattern: { Regex: "\\p{N}" }, behavior: "Isolated", invert: false },
  { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
];
const QWEN2_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" +
  "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const PIECES = {
  smollm: GPT2_PIECES,
  qwen2: [
    { type: "Split", pattern: { Regex: QWEN2_SPLIT }, behavior: "Isolated", invert: false },
    { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
  ],
};

/** The reference's tokenizer from a GGUF's own tokens and merges; special tokens are not parsed. */
function referenceFor(file) {
  const keys = new Map(ggufKeys(readHead(file)).map((key) => [key.name, key]));
  const value = (name) => keys.get(`tokenizer.ggml.${name}`).value();
  const types = value("token_type");
  const isUsed = (id) => types[id] === NORMAL || SPECIAL.includes(types[id]);
  const vocab = Object.fromEntries(
    value("tokens")
      .map((token, id) => [token, id])
      .filter(([, id]) => isUsed(id)),
  );
  const config = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: PIECES[value("pre")] },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", unk_token: null, vocab, merges: value("merges") },
  };
  const tokenizer = new Tokenizer(config, {});
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}

function* filesUnder(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const child = path.join(folder, entry.name);
    const skipped = entry.name === ".git" || (entry.name === "node_modules" && folder === root);
    if (entry.isDirectory() && !skipped) yield* filesUnder(child);
    else if (entry.isFile()) yield child;
  }
}

/** Up to BYTES_PER_LANGUAGE of each language, from the first folders on. */
function corpus(folders) {
  const bytes = {};
  const texts = [];
  for (const folder of folders) {
    for (const file of filesUnder(folder)) {
      const language = LANGUAGES[path.extname(file)];
      const size = language ? lstatSync(file).size : 0;
      if (size === 0 || size > MAX_FILE_BYTES) continue;
      if ((bytes[language] ?? 0) + size > BYTES_PER_LANGUAGE) continue;
      bytes[language] = (bytes[language] ?? 0) + size;
      texts.push({ name: path.relative(root, file), text: readFileSync(file) });
    }
  }
  return { texts, bytes };
}

/** Bytes that are no UTF-8, in every position: cut characters, overlong forms, surrogates. */
function invalidTexts() {
  const bad = [
    [0xff],
    [0x80],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe3, 0x81],
  ];
  const around = ["", "a", " ", "\n", "é", "日本", "'s", "12"];
  const texts = [];
  for (const middle of bad) {
    for (const before of around) {
      for (const after of around) {
        const text = Buffer.concat([Buffer.from(before), Buffer.from(middle), Buffer.from(after)]);
        texts.push({ name: `invalid ${text.toString("hex")}`, text });
      }
    }
  }
  return texts;
}

const isUtf8 = (text) => Buffer.from(text.toString("utf8"), "utf8").equals(text);

/** Why the spans or the tokens' bytes do not give the text back; undefined where they do. */
function roundTripFault(text, ids, ends, tokenBytes) {
  let begin = 0;
  for (let i = 0; i < ids.length; i++) {
    const token = tokenBytes(ids[i]);
    const span = text.subarray(begin, ends[i]);
    if (ends[i] <= begin) return `token ${i} has no bytes`;
    // A span may be longer by bytes that the vocabulary lacks.
    if (!span.equals(token) && !span.some((byte) => !tokenBytes.hasByte[byte])) {
      return `token ${i} is not its span`;
    }
    begin = ends[i];
  }
  const isCovered = begin === text.length;
  const isUncoverable = ids.length === 0 && text.every((byte) => !tokenBytes.hasByte[byte]);
  return isCovered || isUncoverable ? undefined : "the spans do not cover the text";
}

/** GPT-2's alphabet: the byte that a character of a token's text stands for. */
function byteOfCharacter() {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b !== 173);
  const bytes = new Map();
  let next = 256;
  for (let b = 0; b < 256; b++) bytes.set(String.fromCodePoint(printable(b) ? b : next++), b);
  return bytes;
}

function tokenBytesFor(file) {
  const keys = new Map(ggufKeys(readHead(file)).map((key) => [key.name, key]));
  const tokens = keys.get("tokenizer.ggml.tokens").value();
  const byteOf = byteOfCharacter();
  const bytes = tokens.map((token) => Buffer.from([...token].map((c) => byteOf.get(c) ?? 0)));
  const tokenBytes = (id) => bytes[id];
  tokenBytes.hasByte = Array.from({ length: 256 }, () => false);
  for (const token of bytes) if (token.length === 1) tokenBytes.hasByte[token[0]] = true;
  return tokenBytes;
}

function printFirst(differences) {
  for (const line of differences.slice(0, 5)) console.log(`  ${line}`);
  if (differences.length > 5) console.log(`  and ${differences.length - 5} more`);
}

async function compare(addon, model, texts) {
  const file = path.join(root, `media/models/${model}.tokenizer.gguf`);
  const reference = referenceFor(file);
  const tokenBytes = tokenBytesFor(file);
  const tokenizer = await addon.openTokenizer(file);
  const { ids, ends } = await addon.encodeAll(
    tokenizer,
    texts.map(({ text }) => text),
  );
  const differences = [];
  const count = { bytes: 0, tokens: 0, texts: 0, invalid: 0 };
  texts.forEach(({ name, text }, i) => {
    const fault = roundTripFault(text, ids[i], ends[i], tokenBytes);
    if (fault) differences.push(`${name}: ${fault}`);
    if (!isUtf8(text)) {
      count.invalid++;
      return;
    }
    const expected = reference(text.toString("utf8"));
    const at = expected.findIndex((id, k) => id !== ids[i][k]);
    if (at >= 0 || expected.length !== ids[i].length) {
      differences.push(`${name}: token ${at < 0 ? expected.length : at} differs`);
    }
    count.texts++;
    count.bytes += text.length;
    count.tokens += expected.length;
  });
  console.log(
    `${model}: ${(count.bytes / 1e6).toFixed(2)} MB in ${count.texts} files, ${count.tokens} tokens; ` +
      `${count.invalid} texts that are not UTF-8 by round trip; ${differences.length} differences`,
  );
  printFirst(differences);
  return differences.length === 0;
}

const more = process.argv.slice(2).map((folder) => path.resolve(folder));
const fetched = sourceFolders();
const { texts, bytes } = corpus([
  path.join(root, "test/fixtures/languages"),
  ...more,
  ...["src", "native", "scripts", "webview", "test", "train", "docs"].map((name) =>
    path.join(root, name),
  ),
  ...["tree-sitter-c", "tree-sitter-go", "tree-sitter-python", "typescript/lib", "@types/node"].map(
    (name) => path.join(root, "node_modules", name),
  ),
  path.join(root, "node_modules"),
  ...fetched.folders,
  ...["/usr/include", "/usr/lib/python3.11", "/usr/lib/python3.12", "/usr/local/go/src"],
  path.join(homedir(), ".cargo/registry/src"),
]);
const languages = Object.entries(bytes).map(([name, size]) => `${name} ${(size / 1e6).toFixed(2)}`);
console.log(`MB by language: ${languages.join(", ")}`);
const counted = Object.values(bytes).filter((size) => size >= LEAST_PER_LANGUAGE);
const sum = counted.reduce((total, size) => total + size, 0);
const isEnough = counted.length >= LEAST_LANGUAGES && sum >= LEAST_BYTES;
if (!isEnough) {
  console.log(
    `Only ${counted.length} languages with ${(sum / 1e6).toFixed(2)} MB of text; name folders with more.`,
  );
}
const platform = `${process.platform}-${process.arch}`;
const addon = createRequire(import.meta.url)(
  path.join(root, `dist/native/${platform}/blocksight.node`),
);
let failed = isEnough ? 0 : 1;
for (const model of ["coder", "scout"]) {
  if (!(await compare(addon, model, [...texts, ...invalidTexts()]))) failed++;
}
console.log(`${3 - failed} passed, ${failed} failed, ${fetched.skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
