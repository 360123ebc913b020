/** CRC-32 (IEEE 802.3, reflected, as in zlib) over parts of a record. */

/**
 * Eight tables, so that eight bytes take one round ("slicing by eight", Kounavis and Berry 2005): a
 * trace of a large model is 44 MB, and it must be on screen within a second.
 */
const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  (TABLES[0] as Uint32Array)[byte] = value >>> 0;
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];
for (let at = 1; at < TABLES.length; at++) {
  const before = TABLES[at - 1] as Uint32Array;
  const table = TABLES[at] as Uint32Array;
  for (let byte = 0; byte < 256; byte++) {
    const value = before[byte] as number;
    table[byte] = ((value >>> 8) ^ (T0[value & 0xff] as number)) >>> 0;
  }
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** `before` is the sum over what came earlier, 0 at the start. */
export function crc32(bytes: Uint8Array, before = 0): number {
  // Words are read where they are aligned; what is before, after, and on a big-endian machine all of
  // it, goes byte by byte.
  const { buffer, byteOffset, length } = bytes;
  const head = IS_LITTLE_ENDIAN ? Math.min(length, -byteOffset & 3) : length;
  const pairs = (length - head) >> 3;
  let crc = bytewise(bytes, 0, head, ~before);
  const words = new Uint32Array(buffer, head < length ? byteOffset + head : 0, pairs * 2);
  for (let at = 0; at < words.length; at += 2) {
    const low = crc ^ (words[at] as number);
    const high = words[at + 1] as number;
    crc =
      (T7[low & 0xff] as number) ^
      (T6[(low >>> 8) & 0xff] as number) ^
      (T5[(low >>> 16) & 0xff] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[high & 0xff] as number) ^
      (T2[(high >>> 8) & 0xff] as number) ^
      (T1[(high >>> 16) & 0xff] as number) ^
      (T0[high >>> 24] as number);
  }
  return ~bytewise(bytes, head + pairs * 8, length, crc) >>> 0;
}

function bytewise(bytes: Uint8Array, from: number, to: number, before: number): number {
  let crc = before;
  for (let at = from; at < to; at++) {
    crc = (T0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return crc;
}
