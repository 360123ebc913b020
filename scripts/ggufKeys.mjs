// The keys of a GGUF file, for scripts: where each stands, and its value when asked for. The
// product's own reader is native/io/gguf.cpp; this one trusts its input.
import { closeSync, openSync, readSync } from "node:fs";

const HEAD_BYTES = 32 << 20; // keys stand before the tensors; both models' take under 8 MB
const STRING = 8;
const ARRAY = 9;
const FIXED_BYTES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };

/** The beginning of a file, as much of it as may hold keys. */
export function readHead(path) {
  const fd = openSync(path, "r");
  const head = Buffer.alloc(HEAD_BYTES);
  const length = readSync(fd, head, 0, HEAD_BYTES, 0);
  closeSync(fd);
  return head.subarray(0, length);
}

/** Where the value of `type` that begins at `at` ends. */
function endOfValue(head, type, at) {
  if (type === STRING) return at + 8 + Number(head.readBigUInt64LE(at));
  if (type !== ARRAY) {
    if (FIXED_BYTES[type] === undefined) throw new Error(`unknown value type ${type}`);
    return at + FIXED_BYTES[type];
  }
  const element = head.readUInt32LE(at);
  const length = Number(head.readBigUInt64LE(at + 4));
  at += 12;
  if (FIXED_BYTES[element] !== undefined) return at + length * FIXED_BYTES[element];
  for (let i = 0; i < length; i++) at = endOfValue(head, element, at);
  return at;
}

/** Strings, 32-bit integers and arrays of them; what a tokenizer is made of. */
function valueAt(head, type, at) {
  if (type === STRING) return head.toString("utf8", at + 8, endOfValue(head, type, at));
  if (type === 4) return head.readUInt32LE(at);
  if (type === 5) return head.readInt32LE(at);
  if (type !== ARRAY) return undefined;
  const element = head.readUInt32LE(at);
  const length = Number(head.readBigUInt64LE(at + 4));
  at += 12;
  const values = [];
  for (let i = 0; i < length; i++) {
    values.push(valueAt(head, element, at));
    at = endOfValue(head, element, at);
  }
  return values;
}

/** Every key with the range of bytes it takes, in the file's order. */
export function ggufKeys(head) {
  if (head.toString("latin1", 0, 4) !== "GGUF")
    throw new Error("the file does not begin with GGUF");
  const keys = [];
  let at = 24;
  for (let i = Number(head.readBigUInt64LE(16)); i > 0; i--) {
    const start = at;
    const keyEnd = at + 8 + Number(head.readBigUInt64LE(at));
    const type = head.readUInt32LE(keyEnd);
    at = endOfValue(head, type, keyEnd + 4);
    if (at > head.length) throw new Error(`the keys need more than ${HEAD_BYTES} bytes`);
    const name = head.toString("utf8", start + 8, keyEnd);
    keys.push({ name, start, end: at, value: () => valueAt(head, type, keyEnd + 4) });
  }
  return keys;
}
