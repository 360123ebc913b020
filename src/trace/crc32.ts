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

/** `before` is the sum over what came earlier, 0 at the start. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (T7[low & 0xff] as number) ^
      (T6[(low >>> 8) & 0xff] as number) ^
      (T5[(low >>> 16) & 0xff] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[bytes[at + 4] as number] as number) ^
      (T2[bytes[at + 5] as number] as number) ^
      (T1[bytes[at + 6] as number] as number) ^
      (T0[bytes[at + 7] as number] as number);
  }
  for (; at < bytes.length; at++) {
    crc = (T0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
