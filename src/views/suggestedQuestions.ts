/** Three first questions made from the workspace's own names, so that each has an answer there. */
import { phrase, type Phrase } from "../shared/phrase.js";
import type { Pack, SymbolSpan } from "../shared/pack.js";

const KINDS = /function|method|class|struct|interface|trait/i;

export function suggestedQuestions(pack: Pack): Phrase[] {
  const named = pack.segments.flatMap(({ symbols }) => symbols.filter(isTelling));
  const longest = named.toSorted((a, b) => length(b) - length(a));
  const [first, second] = [
    longest[0],
    longest.find((s) => s.kind !== longest[0]?.kind) ?? longest[1],
  ];
  const questions: Phrase[] = [];
  if (first !== undefined) questions.push(phrase("What does `{0}` do?", first.name));
  if (second !== undefined) questions.push(phrase("Where is `{0}` defined?", second.name));
  if (pack.files.length > 1) questions.push(phrase("Where does this program start?"));
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
