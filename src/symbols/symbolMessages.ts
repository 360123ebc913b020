/** Between the pool and its workers. */
import type { FileSymbols } from "../shared/fileSymbols.js";

export interface SymbolRequest {
  readonly id: number;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Without `found` the file could not be parsed. */
export interface SymbolReply {
  readonly id: number;
  readonly found?: FileSymbols;
}
