/** What parsing a file gives: its definitions, and the lines at which it may well be cut. */
import type { SymbolSpan } from "./pack.js";

export interface FileSymbols {
  /** In order of their first line, outer before inner. */
  readonly symbols: readonly SymbolSpan[];
  /** Lines before which a cut separates two definitions, ascending; comments stay with what follows. */
  readonly cutLines: Uint32Array;
  /** Per cut line how deep it stands: 0 at the top level, 1 inside one definition, and so on. */
  readonly cutDepths: Uint8Array;
}

export const NO_SYMBOLS: FileSymbols = {
  symbols: [],
  cutLines: new Uint32Array(),
  cutDepths: new Uint8Array(),
};

/** Parses; a file without a grammar, or one that cannot be parsed, gives `NO_SYMBOLS`. */
export type FindSymbols = (file: {
  readonly path: string;
  readonly bytes: Uint8Array;
}) => Promise<FileSymbols>;
