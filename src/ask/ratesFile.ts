/** Measured reading rates, kept in the cache folder between runs: `{ "MODEL …": tokens a second }`. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Rates } from "./rates.js";

/** A cache that anyone may have written: more entries or bytes than this are not ours. */
const MOST_BYTES = 100_000;
const MOST_RATES = 500;

/** Failing to read or keep rates costs an estimate and nothing else, so it is never an error. */
export function fileRates(folder: string): Rates {
  const path = join(folder, "rates.json");
  const rates = new Map(readRates(path));
  return {
    get: (key) => rates.get(key),
    set: (key, tokensPerSecond) => {
      rates.delete(key);
      rates.set(key, tokensPerSecond);
      writeRates(path, folder, [...rates].slice(-MOST_RATES));
    },
  };
}

function readRates(path: string): readonly (readonly [string, number])[] {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > MOST_BYTES) return [];
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null) return [];
    return Object.entries(json).filter(
      (entry): entry is [string, number] =>
        typeof entry[1] === "number" && Number.isFinite(entry[1]) && entry[1] > 0,
    );
  } catch {
    return [];
  }
}

function writeRates(
  path: string,
  folder: string,
  rates: readonly (readonly [string, number])[],
): void {
  const temporary = `${path}.${process.pid}.part`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, JSON.stringify(Object.fromEntries(rates), undefined, 1));
    renameSync(temporary, path);
  } catch {
    // Told nobody: see above.
  }
}
