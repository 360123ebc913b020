/**
 * Parses source text with tree-sitter and lists its definitions and the lines at which it may be
 * cut. Trees with errors count too: what was recognised in them is used. The effort for a file is
 * bounded by a count of steps and never by a clock, so that a file always gives the same result.
 */
import { readFile } from "node:fs/promises";
import { Language, type Node, Parser, Query, type Tree } from "web-tree-sitter";
import { type FileSymbols, NO_SYMBOLS } from "../shared/fileSymbols.js";
import type { SymbolSpan } from "../shared/pack.js";
import type { Grammar } from "./grammars.js";

/** Larger files are not parsed: they are data more often than source, and cost much. */
export const MOST_PARSED_BYTES = 1_000_000;
/** The parser reports each hundred operations; source takes under 20 reports for 1,000 bytes. */
const REPORTS_PER_BYTE = 0.5;
const LEAST_REPORTS = 100_000;
const LONGEST_NAME = 200;

/** `package` and `file` of a wasm -> its path on disk. */
export type LocateWasm = (packageName: string, file: string) => string;

interface Loaded {
  readonly parser: Parser;
  readonly query: Query;
}

export class SymbolParser {
  private started: Promise<void> | undefined;
  private readonly loaded = new Map<string, Promise<Loaded>>();

  constructor(private readonly locate: LocateWasm) {}

  async parse(bytes: Uint8Array, grammar: Grammar): Promise<FileSymbols> {
    const { parser, query } = await this.load(grammar);
    // Bytes that are no UTF-8 become replacement characters: rows, the only positions used, stay.
    const text = new TextDecoder().decode(bytes);
    const limit = LEAST_REPORTS + bytes.length * REPORTS_PER_BYTE;
    const tree = parser.parse(text, null, { progressCallback: stopAfter(limit) });
    if (tree === null) {
      parser.reset();
      return NO_SYMBOLS;
    }
    try {
      return listSymbols(tree, query, text, grammar.lead, limit);
    } finally {
      tree.delete();
    }
  }

  private load(grammar: Grammar): Promise<Loaded> {
    const known = this.loaded.get(grammar.name);
    if (known !== undefined) return known;
    const loading = this.loadNew(grammar);
    this.loaded.set(grammar.name, loading);
    return loading;
  }

  private async loadNew(grammar: Grammar): Promise<Loaded> {
    this.started ??= Parser.init({
      locateFile: (file: string) => this.locate("web-tree-sitter", file),
    });
    await this.started;
    const language = await Language.load(
      await readFile(this.locate(grammar.package, grammar.wasm)),
    );
    const parser = new Parser();
    parser.setLanguage(language);
    return { parser, query: new Query(language, grammar.query) };
  }
}

/** A progress callback that ends the work at its `limit`-th call. */
function stopAfter(limit: number): () => boolean {
  let calls = 0;
  return () => ++calls > limit;
}

interface Definition extends SymbolSpan {
  readonly startIndex: number;
  readonly endIndex: number;
}

function listSymbols(
  tree: Tree,
  query: Query,
  text: string,
  lead: RegExp,
  limit: number,
): FileSymbols {
  const definitions = findDefinitions(tree.rootNode, query, limit);
  const lines = text.split("\n");
  const depths = new Map<number, number>();
  const cutBefore = (startLine: number, depth: number): void => {
    const line = leadLine(lines, startLine, lead);
    depths.set(line, Math.min(depth, depths.get(line) ?? Infinity));
  };
  for (const line of topLevelLines(tree)) cutBefore(line, 0);
  const open: Definition[] = [];
  for (const definition of definitions) {
    while (open.length > 0 && (open.at(-1) as Definition).endIndex <= definition.startIndex) {
      open.pop();
    }
    cutBefore(definition.startLine, open.length);
    open.push(definition);
  }
  const cuts = [...depths].sort(([a], [b]) => a - b);
  return {
    symbols: definitions.map(({ name, kind, startLine, endLine }) => ({
      ...{ name, kind, startLine, endLine },
    })),
    cutLines: Uint32Array.from(cuts, ([line]) => line),
    cutDepths: Uint8Array.from(cuts, ([, depth]) => Math.min(255, depth)),
  };
}

/** In order of their start, outer before inner; one per node. */
function findDefinitions(root: Node, query: Query, limit: number): readonly Definition[] {
  const byNode = new Map<number, Definition & { readonly pattern: number }>();
  for (const match of query.matches(root, { progressCallback: stopAfter(limit) })) {
    const { captures, patternIndex: pattern } = match;
    const name = captures.find((capture) => capture.name === "name")?.node;
    const whole = captures.find((capture) => capture.name !== "name");
    if (name === undefined || whole === undefined) continue;
    if ((byNode.get(whole.node.id)?.pattern ?? Infinity) <= pattern) continue;
    const { row, column } = whole.node.endPosition;
    byNode.set(whole.node.id, {
      pattern,
      name: name.text.replace(/\s+/g, " ").slice(0, LONGEST_NAME),
      kind: whole.name,
      startLine: whole.node.startPosition.row + 1,
      // An end at a line's start is the end of the line before.
      endLine: Math.max(whole.node.startPosition.row + 1, column === 0 ? row : row + 1),
      startIndex: whole.node.startIndex,
      endIndex: whole.node.endIndex,
    });
  }
  return [...byNode.values()].sort(
    (a, b) => a.startIndex - b.startIndex || b.endIndex - a.endIndex,
  );
}

/** Where statements of the file's top level start; comments go with what follows them. */
function topLevelLines(tree: Tree): readonly number[] {
  const lines: number[] = [];
  const cursor = tree.walk();
  for (let more = cursor.gotoFirstChild(); more; more = cursor.gotoNextSibling()) {
    const isLead = cursor.nodeType.includes("comment") || cursor.nodeType === "attribute_item";
    if (cursor.nodeIsNamed && !isLead) lines.push(cursor.startPosition.row + 1);
  }
  cursor.delete();
  return lines;
}

/** The first of the lines right above `line` that belong to what stands there. */
function leadLine(lines: readonly string[], line: number, lead: RegExp): number {
  let first = line;
  while (first > 1 && lead.test((lines[first - 2] ?? "").trimStart())) first -= 1;
  return first;
}
