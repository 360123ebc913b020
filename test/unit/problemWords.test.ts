import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/shared/errors.js";
import { inEnglish, phrase } from "../../src/shared/phrase.js";
import { problemWords } from "../../src/shared/problemWords.js";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const errors = readFileSync(path.join(root, "src/shared/errors.ts"), "utf8");
const union = /type ErrorCode =([^;]*);/.exec(errors)?.[1] ?? "";
const codes = [...union.matchAll(/"(\w+)"/g)].map(([, code]) => code as ErrorCode);

describe("the words of a failure", () => {
  it("name a next step for every code, and no option of the command line", () => {
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes) {
      const { title, next } = problemWords(code);
      expect(inEnglish(title)).toMatch(/^[A-Z].*[^.]$/);
      expect(inEnglish(next)).toMatch(/^[A-Z].*\.$/);
      expect(`${title.text} ${next.text}`).not.toMatch(/--|`/);
    }
  });

  it("put values into their places in English", () => {
    expect(inEnglish(phrase("{1} of {0} {2}", 3, "two"))).toBe("two of 3 {2}");
  });
});
