/** What is measured of an answer's text. train/blocksight_train/report.py measures facts the same way. */

/** Share of the facts that the text holds, each in one of its spellings. */
export function factsGiven(text: string, facts: readonly (readonly string[])[]): number {
  const held = text.toLowerCase();
  const given = facts.filter((fact) => fact.some((word) => held.includes(word.toLowerCase())));
  return facts.length === 0 ? 1 : given.length / facts.length;
}

const ABSENT =
  /not defined in this repository|is not in this repository|no .{1,60} in this repository/i;

export function saysAbsent(text: string): boolean {
  return ABSENT.test(text);
}

/** Shorter ones are loop variables and words of prose. */
const SHORTEST_NAME = 3;

export function namesIn(text: string): readonly string[] {
  return (text.match(/[\p{L}_$][\p{L}\p{N}_$]*/gu) ?? []).filter(
    (name) => name.length >= SHORTEST_NAME,
  );
}

/** Names that an answer quotes: those in code spans and code blocks, each once. */
export function quotedNames(answer: string): readonly string[] {
  const spans = [...answer.matchAll(/```[^\n]*\n([\s\S]*?)(?:```|$)|`([^`\n]+)`/g)];
  return [...new Set(spans.flatMap(([, block, span]) => namesIn(block ?? span ?? "")))];
}

/**
 * Quoted names that stand nowhere in the repository. Those of the question are not the answer's
 * invention, and an absent name must be quoted to be called absent.
 */
export function inventions(
  answer: string,
  repositoryNames: ReadonlySet<string>,
  question: string,
): readonly string[] {
  const asked = new Set(namesIn(question));
  return quotedNames(answer).filter((name) => !repositoryNames.has(name) && !asked.has(name));
}
