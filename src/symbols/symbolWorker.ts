/** The entry of a parse worker; the wasm files lie beside its bundle. */
import path from "node:path";
import { parentPort } from "node:worker_threads";
import { grammarOf } from "./grammars.js";
import { SymbolParser } from "./parseSymbols.js";
import type { SymbolReply, SymbolRequest } from "./symbolMessages.js";

const parser = new SymbolParser((_package, file) => path.join(__dirname, file));

async function parse({ id, path: file, bytes }: SymbolRequest): Promise<SymbolReply> {
  const grammar = grammarOf(file);
  if (grammar === undefined) return { id };
  try {
    return { id, found: await parser.parse(bytes, grammar) };
  } catch {
    // Whatever a hostile file makes a parser do, it costs this file its symbols and nothing more.
    return { id };
  }
}

parentPort?.on("message", (request: SymbolRequest) => {
  void parse(request).then((reply) => parentPort?.postMessage(reply));
});
