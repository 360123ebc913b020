#!/usr/bin/env node
// Copies a model's tokenizer into a GGUF of its own: the keys general.architecture, general.name
// and tokenizer.*, byte for byte, and no tensor. So a pack can be cut before a model is fetched.
//
//   node scripts/shipTokenizer.mjs MODEL.gguf media/models/coder.tokenizer.gguf
import { writeFileSync } from "node:fs";
import { ggufKeys, readHead } from "./ggufKeys.mjs";

function tokenizerOnly(head) {
  const kept = ggufKeys(head).filter(
    ({ name }) =>
      ["general.architecture", "general.name"].includes(name) || name.startsWith("tokenizer."),
  );
  const start = Buffer.alloc(24);
  start.write("GGUF");
  start.writeUInt32LE(3, 4);
  start.writeBigUInt64LE(BigInt(kept.length), 16);
  return Buffer.concat([start, ...kept.map((key) => head.subarray(key.start, key.end))]);
}

const [model, out] = process.argv.slice(2);
if (out === undefined) {
  console.error("usage: node scripts/shipTokenizer.mjs MODEL.gguf OUT.gguf");
  process.exitCode = 2;
} else {
  writeFileSync(out, tokenizerOnly(readHead(model)));
}
