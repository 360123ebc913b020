/** Three first questions made from the workspace's own names, so that each has an answer there. */
import type { Pack, SymbolSpan } from "../shared/pack.js";

const KINDS = /function|method|class|struct|interface|trait/i;

export function suggestedQuestions(pack: Pack): string[] {
  const named = pack.segments.flatMap(({ symbols }) => symbols.filter(isTelling));
  const longest = named.toSorted((a, b) => length(b) - length(a));
  const [first, second] = [
    longest[0],
    longest.find((s) => s.kind !== longest[0]?.kind) ?? longest[1],
  ];
  const questions: string[] = [];
  if (first !== undefined) questions.push(`What does \`${first.name}\` do?`);
  if (second !== undefined) questions.push(`Where is \`${second.name}\` defined?`);
  if (pack.files.length > 1) questions.push("Where does this program start?");
  return questions;
}

function isTelling(symbol: SymbolSpan): boolean {
  return (
    KINDS.test(symbol.kind) &&
    symbol.name.length > 4 &&
    !/^(test|main|init|index)/i.test(symbol.name)
  );
}

const length = (symbol: SymbolSpan): number => symbol.endLine - symbol.startLine;
