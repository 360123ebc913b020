/** Whether a hand-written question can be true: its files, lines and facts against the tree. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { factsGiven } from "./answerMeasures.js";
import type { HandQuestion } from "./handQuestions.js";

/** What is wrong with questions that can be seen without their repository. */
export function formFaults({ question, answer, facts, files }: HandQuestion): readonly string[] {
  const fault = (text: string): string => `${question}: ${text}`;
  return [
    ...(files.length === 0 ? [fault("no file")] : []),
    ...files
      .filter(({ lines: [first, last] }) => first < 1 || last < first)
      .map((file) => fault(`lines of ${file.path}`)),
    ...(facts.length === 0 || facts.length > 4 ? [fault("one to four facts")] : []),
    ...facts
      .filter((fact) => factsGiven(answer, [fact]) === 0)
      .map((fact) => fault(`its own answer lacks ${fact.join(" or ")}`)),
    ...facts
      .flat()
      .filter((word) => /^[\p{L}\p{N}]?$/u.test(word))
      .map((word) => fault(`any answer holds ${word}`)),
    ...facts
      .flat()
      .filter((word) => factsGiven(question, [[word]]) > 0)
      .map((word) => fault(`it says ${word} itself`)),
  ];
}

/** Files that are missing, lines behind their end, facts of which no spelling stands in the gold lines. */
export function checkFacts(questions: readonly HandQuestion[], folder: string): readonly string[] {
  return questions.flatMap((asked) => {
    const fault = (text: string): string => `${asked.question}: ${text}`;
    const faults: string[] = [];
    let text = "";
    for (const file of asked.files) {
      const full = path.join(folder, file.path);
      if (!existsSync(full)) {
        faults.push(fault(`${file.path} is not there`));
        continue;
      }
      const lines = readFileSync(full, "utf8").split("\n");
      const [first, last] = file.lines;
      text += `${lines.slice(first - 1, last).join("\n")}\n`;
      if (lines.length < last) faults.push(fault(`${file.path} is shorter`));
    }
    for (const fact of asked.facts) {
      if (factsGiven(text, [fact]) === 0)
        faults.push(fault(`${fact.join(" or ")} is in none of its lines`));
    }
    return faults;
  });
}
