/**
 * Built-in rules about what a file holds. Bytes are never changed: a byte order mark, "\r\n" and a
 * few bytes that are no UTF-8 are packed as they stand.
 */
import { isUtf8 } from "node:buffer";
import type { Skip } from "./skipNames.js";

/** Larger files are data more often than text. */
export const MOST_BYTES = 1_000_000;
/** More invalid bytes than this part: another encoding, such as Latin-1 or Shift JIS. */
const MOST_INVALID = 0.02;
const MOST_CONTROLS = 0.02;
const SAMPLE_BYTES = 16_384;
/** In scripts and style sheets of at least this size, lines as long as this are nobody's writing. */
const MINIFIED_BYTES = 4_096;
const MINIFIED_LINE = 400;
/** A generator says so at the top. */
const MARK_BYTES = 2_048;
const MARK_LINES = 12;

export function skipByContent(path: string, bytes: Buffer): Skip | undefined {
  if (bytes.length === 0) return skip("empty", "empty file");
  if (bytes.length > MOST_BYTES) return tooLarge();
  return (
    skipByEncoding(bytes) ??
    (isPrivateKey(bytes) ? skip("likelySecret", "holds a private key") : undefined) ??
    (isMinified(path, bytes)
      ? skip("minified", `lines of over ${MINIFIED_LINE} bytes`)
      : undefined) ??
    (hasOutputs(path, bytes) ? skip("notebookOutputs", "notebook with outputs") : undefined) ??
    skipByMark(path, bytes)
  );
}

export function tooLarge(): Skip {
  return skip("tooLarge", `over ${MOST_BYTES / 1_000_000} MB`);
}

function skip(reason: Skip["reason"], text: string): Skip {
  return { reason, rule: { text } };
}

function skipByEncoding(bytes: Buffer): Skip | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return skip("encoding", "UTF-32");
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return skip("encoding", "UTF-16");
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    return isUtf16(bytes) ? skip("encoding", "UTF-16") : skip("binary", `NUL at byte ${zero}`);
  }
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  if (controls(sample) > sample.length * MOST_CONTROLS) return skip("binary", "control characters");
  if (!isUtf8(bytes) && invalidBytes(bytes) > Math.max(8, bytes.length * MOST_INVALID)) {
    return skip("encoding", "not UTF-8");
  }
  return undefined;
}

/** Without a mark: text of which every other byte is mostly zero, and the ones between never. */
function isUtf16(bytes: Buffer): boolean {
  const zeros = [0, 0];
  const length = Math.min(bytes.length, 4096);
  for (let at = 0; at < length; at++) if (bytes[at] === 0) zeros[at & 1] = (zeros[at & 1] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  return Math.max(even, odd) > length * 0.3 && Math.min(even, odd) < length * 0.02;
}

/** Other than tab, line ends, form feed, backspace and escape, which occur in text. */
function controls(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) {
    if (byte < 0x20 && (byte < 0x08 || byte > 0x0d) && byte !== 0x1b) count += 1;
  }
  return count;
}

/** Bytes that are part of no UTF-8 character, as a decoder's replacement characters count them. */
function invalidBytes(bytes: Buffer): number {
  const replacement = "\ufffd";
  const decoded = bytes.toString("utf8");
  let count = 0;
  for (let at = decoded.indexOf(replacement); at >= 0; at = decoded.indexOf(replacement, at + 1)) {
    count += 1;
  }
  return count;
}

function isPrivateKey(bytes: Buffer): boolean {
  const at = bytes.indexOf("-----BEGIN ");
  if (at < 0) return false;
  return /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\r?$/m.test(
    bytes.toString("latin1"),
  );
}

function isMinified(path: string, bytes: Buffer): boolean {
  if (bytes.length < MINIFIED_BYTES || !/\.(?:[cm]?js|css)$/i.test(path)) return false;
  let lines = 1;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
  return bytes.length / lines > MINIFIED_LINE;
}

function hasOutputs(path: string, bytes: Buffer): boolean {
  return /\.ipynb$/i.test(path) && /"outputs"\s*:\s*\[\s*\{/.test(bytes.toString("latin1"));
}

const mark =
  /@generated\b|\bauto-?generated\b.*\b(?:do not|don't) (?:edit|modify|change)\b|\bgenerated\b.*\b(?:do not|don't) (?:edit|modify|change)\b|\b(?:do not|don't) (?:edit|modify)\b.*\bgenerated\b/i;
const comment = /^\s*(?:\/\/|\/\*|\*|#|--|;|%|<!--|"""|''')/;

/** A generator's own comment. It stands in the file itself, so that is where the rule is. */
function skipByMark(path: string, bytes: Buffer): Skip | undefined {
  const lines = bytes.toString("utf8", 0, MARK_BYTES).split("\n", MARK_LINES);
  const at = lines.findIndex((line) => comment.test(line) && mark.test(line));
  if (at < 0) return undefined;
  const text = (lines[at] ?? "").trim().slice(0, 120);
  return { reason: "generated", rule: { text, file: path, line: at + 1 } };
}
