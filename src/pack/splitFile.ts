/** Cuts one file into segments that fit every tokenizer, exactly, header included. */
import { BLOCK_TOKENS } from "../shared/blocks.js";
import type { Layout } from "../shared/model.js";
import { blockLinesOf } from "./blockLines.js";
import { type TokenRuler, segmentEnd } from "./cutFile.js";
import { findCutPoints } from "./cutPoints.js";
import type { CutFile, CutModel, CutSegment } from "./cutResult.js";
import type { FileSymbols } from "../shared/fileSymbols.js";
import { LineIndex } from "./lineIndex.js";
import type { PackTokenizer } from "./packTokenizer.js";
import type { TokenizeBatch, TokenizedText } from "./tokenizeBatch.js";

export interface FileText {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface Splitter {
  readonly tokenizers: readonly PackTokenizer[];
  readonly layout: Layout;
  readonly batch: TokenizeBatch;
  /** Per tokenizer its newline token: the filler of the causal layout. */
  readonly newlines: readonly number[];
}

/** A body and its tokens, one entry per tokenizer. */
interface Piece {
  readonly startByte: number;
  readonly endByte: number;
  readonly tokens: readonly TokenizedText[];
}

const encoder = new TextEncoder();

/** The header may take this part of a segment at most; a path that needs more is refused. */
const MOST_HEADER = 0.25;

/**
 * The file as segments, or undefined where its path is too long for a header. `whole` is the file's
 * text in every tokenizer, `symbols` is asked only where it is needed.
 */
export async function splitFile(
  file: FileText,
  whole: readonly TokenizedText[],
  found: FileSymbols,
  splitter: Splitter,
): Promise<CutFile | undefined> {
  const { tokenizers, layout } = splitter;
  const lines = new LineIndex(file.bytes);
  const limits = tokenizers.map(({ segmentTokens }) =>
    layout === "causal" ? Infinity : segmentTokens,
  );
  const oneHeader = await headerIds(file.path, 1, 1, splitter);
  if (oneHeader.some((ids, t) => ids.length > (limits[t] as number) * MOST_HEADER))
    return undefined;

  const fitsOne = whole.every(
    ({ ids }, t) => (oneHeader[t] as Uint32Array).length + ids.length <= (limits[t] as number),
  );
  let pieces: readonly Piece[];
  let headers: readonly (readonly Uint32Array[])[];
  if (fitsOne) {
    pieces = [{ startByte: 0, endByte: file.bytes.length, tokens: whole }];
    headers = [oneHeader];
  } else {
    const points = findCutPoints(file.bytes, lines, found);
    // Room for the longest header that this file can get; should one of the real ones be longer
    // still (a tokenizer may merge some digits), the room grows and the file is cut again.
    const mostParts = 2 * Math.ceil(mostSegments(whole, limits)) + 1;
    let room = (await headerIds(file.path, mostParts, mostParts, splitter)).map((h) => h.length);
    if (room.some((tokens, t) => tokens > (limits[t] as number) * MOST_HEADER)) return undefined;
    for (;;) {
      const rulers = whole.map(({ ends }, t) => ({
        ends,
        bodyTokens: (limits[t] as number) - (room[t] as number),
      }));
      pieces = await cutPieces(file.bytes, rulers, points, splitter.batch);
      const parts = pieces.length;
      headers = await Promise.all(
        pieces.map((_, index) => headerIds(file.path, index + 1, parts, splitter)),
      );
      const needed = room.map((tokens, t) =>
        Math.max(tokens, ...headers.map((ids) => (ids[t] as Uint32Array).length)),
      );
      if (needed.every((tokens, t) => tokens === room[t])) break;
      room = needed;
    }
  }
  return {
    lines: lines.count,
    segments: pieces.map((piece) => segmentOf(piece, lines, found)),
    models: tokenizers.map((_, t) => modelOf(t, pieces, headers, lines, splitter)),
  };
}

function mostSegments(whole: readonly TokenizedText[], limits: readonly number[]): number {
  return Math.max(
    ...whole.map(({ ids }, t) => ids.length / ((limits[t] as number) * (1 - MOST_HEADER))),
  );
}

/** Per tokenizer the header's ids. */
function headerIds(
  path: string,
  part: number,
  parts: number,
  { tokenizers, batch }: Splitter,
): Promise<readonly Uint32Array[]> {
  // Templates mostly differ in the opening token alone, and equal text is sent once.
  const sent = new Map<string, Promise<readonly TokenizedText[]>>();
  return Promise.all(
    tokenizers.map(async ({ header }, t) => {
      const text = header.text(path, part, parts);
      const tokens = sent.get(text) ?? batch.tokens(encoder.encode(text));
      sent.set(text, tokens);
      return header.ids(((await tokens)[t] as TokenizedText).ids);
    }),
  );
}

/**
 * Cuts, tokenizes the pieces and, where one alone takes more tokens than its bytes do in the file,
 * cuts again from there with as much room left free as was missing. Every round settles at least
 * one more piece or leaves more room, so it ends.
 */
async function cutPieces(
  bytes: Uint8Array,
  rulers: readonly TokenRuler[],
  points: ReturnType<typeof findCutPoints>,
  batch: TokenizeBatch,
): Promise<readonly Piece[]> {
  const settled: Piece[] = [];
  let spared = 0;
  for (;;) {
    const from = settled.at(-1)?.endByte ?? 0;
    const cuts = [from];
    while ((cuts.at(-1) as number) < bytes.length) {
      const isFirst = cuts.length === 1;
      cuts.push(segmentEnd(bytes, cuts.at(-1) as number, rulers, points, isFirst ? spared : 0));
    }
    const pieces = await Promise.all(
      cuts.slice(1).map(async (endByte, index) => {
        const startByte = cuts[index] as number;
        return {
          startByte,
          endByte,
          tokens: await batch.tokens(bytes.subarray(startByte, endByte)),
        };
      }),
    );
    const tooLarge = pieces.findIndex((piece) => missingTokens(piece, rulers) > 0);
    if (tooLarge < 0) return [...settled, ...pieces];
    settled.push(...pieces.slice(0, tooLarge));
    const missing = missingTokens(pieces[tooLarge] as Piece, rulers);
    spared = (tooLarge === 0 ? spared : 0) + missing;
  }
}

function missingTokens(
  { tokens, startByte, endByte }: Piece,
  rulers: readonly TokenRuler[],
): number {
  // One character is never cut, however many tokens it takes.
  if (endByte - startByte <= 4) return 0;
  return Math.max(...tokens.map(({ ids }, t) => ids.length - (rulers[t] as TokenRuler).bodyTokens));
}

function segmentOf(
  { startByte, endByte }: Piece,
  lines: LineIndex,
  { symbols }: FileSymbols,
): CutSegment {
  const startLine = lines.lineAt(startByte);
  const endLine = lines.lineAt(endByte - 1);
  return {
    startByte,
    endByte,
    startLine,
    endLine,
    symbols: symbols.filter((s) => s.startLine <= endLine && s.endLine >= startLine),
  };
}

function modelOf(
  t: number,
  pieces: readonly Piece[],
  headers: readonly (readonly Uint32Array[])[],
  lines: LineIndex,
  { layout, newlines }: Splitter,
): CutModel {
  let fillerTokens = 0;
  const tokens = pieces.map(({ tokens: body }, index) => {
    const header = headers[index]?.[t] as Uint32Array;
    const { ids } = body[t] as TokenizedText;
    const length = header.length + ids.length;
    const filler = layout === "causal" ? -length & (BLOCK_TOKENS - 1) : 0;
    fillerTokens += filler;
    const all = new Uint32Array(length + filler);
    all.set(header);
    all.set(ids, header.length);
    all.fill(newlines[t] as number, length);
    return all;
  });
  const blockLines = pieces.map(({ tokens: body, startByte }, index) =>
    blockLinesOf(
      (headers[index]?.[t] as Uint32Array).length,
      (body[t] as TokenizedText).ends,
      startByte,
      lines,
    ),
  );
  return { tokens, blockLines, fillerTokens };
}
