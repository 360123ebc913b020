/** An adapter whose index is replaced by one with random weights of another width. */
import { readFileSync, writeFileSync } from "node:fs";

interface TensorHeader {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

interface AdapterMetadata {
  readonly index: { readonly dim: number; readonly heads: number };
}

/** The same bytes for the same seed: a linear congruential generator is random enough for weights. */
function randomBytes(count: number, seed: number): Int8Array {
  const bytes = new Int8Array(count);
  let state = seed >>> 0;
  for (let at = 0; at < count; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = (state >>> 24) - 128;
  }
  return bytes;
}

const ones = (count: number): Uint8Array => new Uint8Array(new Float32Array(count).fill(1).buffer);

/** Reads `from`, writes `to`. */
export function writeRandomIndex(from: string, to: string, dim: number): void {
  const bytes = readFileSync(from);
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(
    bytes.toString("utf8", 8, headerEnd),
  ) as { __metadata__: Record<string, string> } & Record<string, TensorHeader>;
  const meta = JSON.parse(metadata["blocksight"] ?? "{}") as AdapterMetadata;
  const { heads } = meta.index;

  const parts: Uint8Array[] = [];
  const header: Record<string, unknown> = {
    __metadata__: {
      ...metadata,
      blocksight: JSON.stringify({ ...meta, index: { ...meta.index, dim } }),
    },
  };
  let at = 0;
  for (const [name, tensor] of Object.entries(tensors as Record<string, TensorHeader>)) {
    const old = bytes.subarray(
      headerEnd + tensor.data_offsets[0],
      headerEnd + tensor.data_offsets[1],
    );
    const { shape, data } = replaced(name, tensor, old, { dim, heads });
    header[name] = { dtype: tensor.dtype, shape, data_offsets: [at, at + data.length] };
    at += data.length;
    parts.push(data);
  }
  const text = Buffer.from(JSON.stringify(header));
  // Data starts on a multiple of eight, as the format asks.
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(to, Buffer.concat([length, padded, ...parts]));
}

function replaced(
  name: string,
  { shape }: TensorHeader,
  old: Uint8Array,
  { dim, heads }: { readonly dim: number; readonly heads: number },
): { readonly shape: readonly number[]; readonly data: Uint8Array } {
  const match = /^layers\.(\d+)\.index_([qk])(_norm)?\.weight(\.scale)?$/.exec(name);
  if (match === null) return { shape, data: old };
  const [, layer, which, norm, scale] = match;
  const rows = which === "q" && norm === undefined ? heads * dim : dim;
  // Norms and scales of 1: rows are normalised after the product, so a scale changes nothing.
  if (norm !== undefined || scale !== undefined) return { shape: [rows], data: ones(rows) };
  const columns = shape[1] ?? 0;
  const data = randomBytes(rows * columns, Number(layer) * 2 + (which === "q" ? 1 : 0));
  return { shape: [rows, columns], data: new Uint8Array(data.buffer) };
}
