/**
 * Reads fields of JSON that came from outside. Each reader names the field it refuses, copies what
 * it accepts, and never passes on an object that it did not look into.
 */

export class JsonMismatch extends Error {
  constructor(where: string, expected: string) {
    super(`${where} is not ${expected}`);
  }
}

export type JsonReader<T> = (value: unknown, where: string) => T;

export const readText: JsonReader<string> = (value, where) => {
  if (typeof value !== "string") throw new JsonMismatch(where, "a string");
  return value;
};

export const readNumber: JsonReader<number> = (value, where) => {
  if (typeof value !== "number" || !Number.isFinite(value))
    throw new JsonMismatch(where, "a number");
  return value;
};

/** A whole number from 0 to `most`. */
export function readCount(most: number): JsonReader<number> {
  return (value, where) => {
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > most) {
      throw new JsonMismatch(where, `a whole number from 0 to ${most}`);
    }
    return value as number;
  };
}

export function readOneOf<const T extends string>(choices: readonly T[]): JsonReader<T> {
  return (value, where) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw new JsonMismatch(where, `one of ${choices.join(", ")}`);
    return choice;
  };
}

export function readList<T>(item: JsonReader<T>, most: number): JsonReader<T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) throw new JsonMismatch(where, "a list");
    if (value.length > most) throw new JsonMismatch(where, `a list of at most ${most}`);
    return value.map((entry, at) => item(entry, `${where}[${at}]`));
  };
}

/** Undefined where the field is missing. */
export function readOptional<T>(reader: JsonReader<T>): JsonReader<T | undefined> {
  return (value, where) => (value === undefined ? undefined : reader(value, where));
}

/** An object of text to text, for names that are shown and never looked up in code. */
export const readTextMap: JsonReader<Readonly<Record<string, string>>> = (value, where) =>
  Object.fromEntries(
    Object.entries(readObject(value, where)).map(([key, entry]) => [
      key,
      readText(entry, `${where}.${key}`),
    ]),
  );

function readObject(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new JsonMismatch(where, "an object");
  }
  return value as Readonly<Record<string, unknown>>;
}

/** An object with these fields; others are ignored, so that a later version can add some. */
export function readFields<T>(readers: {
  readonly [K in keyof T]-?: JsonReader<T[K]>;
}): JsonReader<T> {
  return (value, where) => {
    const object = readObject(value, where);
    const result: Partial<T> = {};
    for (const key of Object.keys(readers) as (keyof T & string)[]) {
      const field = readers[key](
        Object.hasOwn(object, key) ? object[key] : undefined,
        `${where}.${key}`,
      );
      if (field !== undefined) result[key] = field;
    }
    return result as T;
  };
}
