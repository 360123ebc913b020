/** Files of JSON objects, a line each, that a run appends to and takes up again after it was ended. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import path from "node:path";

/** The objects of a file's lines. */
export function readLines(file: string): readonly unknown[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line): unknown => JSON.parse(line));
}

/**
 * What a file holds that will be appended to; nothing where there is none yet. A line that was cut off
 * when the program was ended is taken away, so that the next one does not continue it.
 */
export function openLines(file: string): readonly unknown[] {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  if (!existsSync(file)) return [];
  const text = readFileSync(file);
  const whole = text.lastIndexOf("\n") + 1;
  if (whole < text.length) truncateSync(file, whole);
  return readLines(file);
}

export function appendLine(file: string, value: object): void {
  appendFileSync(file, `${JSON.stringify(value)}\n`);
}
