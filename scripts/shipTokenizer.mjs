#!/usr/bin/env node
// Copies a model's tokenizer into a GGUF of its own: the keys general.architecture, general.name
// and tokenizer.*, byte for byte, and no tensor. So a pack can be cut before a model is fetched.
//
//   node scripts/shipTokenizer.mjs MODEL.gguf media/models/coder.tokenizer.gguf
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";

const HEAD_BYTES = 32 << 20; // keys stand before the tensors; both models' take under 8 MB
const STRING = 8;
const ARRAY = 9;
const FIXED_BYTES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };

function readHead(path) {
  const fd = openSync(path, "r");
  const head = Buffer.alloc(HEAD_BYTES);
  const length = readSync(fd, head, 0, HEAD_BYTES, 0);
  closeSync(fd);
  return head.subarray(0, length);
}

/** Where the value of `type` that begins at `at` ends. */
function skipValue(head, type, at) {
  const count = () => Number(head.readBigUInt64LE(at));
  if (type === STRING) return at + 8 + count();
  if (type !== ARRAY) {
    if (FIXED_BYTES[type] === undefined) throw new Error(`unknown value type ${type}`);
    return at + FIXED_BYTES[type];
  }
  const element = head.readUInt32LE(at);
  at += 4;
  const length = count();
  at += 8;
  if (FIXED_BYTES[element] !== undefined) return at + length * FIXED_BYTES[element];
  for (let i = 0; i < length; i++) at = skipValue(head, element, at);
  return at;
}

function tokenizerOnly(head) {
  if (head.toString("latin1", 0, 4) !== "GGUF")
    throw new Error("the file does not begin with GGUF");
  const kept = [];
  const keyCount = Number(head.readBigUInt64LE(16));
  let at = 24;
  for (let i = 0; i < keyCount; i++) {
    const start = at;
    const keyEnd = at + 8 + Number(head.readBigUInt64LE(at));
    const key = head.toString("utf8", at + 8, keyEnd);
    at = skipValue(head, head.readUInt32LE(keyEnd), keyEnd + 4);
    if (at > head.length) throw new Error(`the keys need more than ${HEAD_BYTES} bytes`);
    const wanted = ["general.architecture", "general.name"].includes(key);
    if (wanted || key.startsWith("tokenizer.")) kept.push(head.subarray(start, at));
  }
  const start = Buffer.alloc(24);
  start.write("GGUF");
  start.writeUInt32LE(3, 4);
  start.writeBigUInt64LE(BigInt(kept.length), 16);
  return Buffer.concat([start, ...kept]);
}

const [model, out] = process.argv.slice(2);
if (out === undefined) {
  console.error("usage: node scripts/shipTokenizer.mjs MODEL.gguf OUT.gguf");
  process.exitCode = 2;
} else {
  writeFileSync(out, tokenizerOnly(readHead(model)));
}
