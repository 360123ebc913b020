import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { overBudget } from "../../src/ask/budget.js";
import { KNOWN_MODELS } from "../../src/engine/modelCatalog.js";
import { findOpenModel } from "../../src/engine/modelFiles.js";
import {
  BlocksightError,
  downloadFailed,
  engineKilled,
  type ErrorCode,
  modelWrongHash,
} from "../../src/shared/errors.js";
import { inEnglish, phrase } from "../../src/shared/phrase.js";
import { problemOf } from "../../src/shared/problems.js";
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

describe("the card of a failure", () => {
  /** As the view gets it: thrown in the engine process or below, sent as JSON, made into a card. */
  const cardOf = (error: BlocksightError) => {
    const sent = JSON.parse(JSON.stringify(error.toWire())) as ReturnType<typeof error.toWire>;
    return problemOf(BlocksightError.fromWire(sent)) ?? expect.fail("no card");
  };

  it("says where a missing model is looked for and where it comes from", async () => {
    const missing = findOpenModel("coder", "/nowhere", "/media").catch((error: unknown) => error);
    const { message, next, actions } = cardOf((await missing) as BlocksightError);
    expect(message).toEqual({
      text: "The model {0} is not at {1}.",
      values: ["coder", `/nowhere/${KNOWN_MODELS.coder.file}`],
    });
    expect(next.values).toEqual([KNOWN_MODELS.coder.url]);
    expect(actions[0]).toBe("getModels");
  });

  it("names in the next step what the code alone does not know", () => {
    const fetched = cardOf(downloadFailed("scout", ["hub: no route"], "https://x/y", "/m/y.gguf"));
    expect(fetched.message.values).toEqual(["scout", "hub: no route"]);
    expect(fetched.next.values).toEqual(["https://x/y", "/m/y.gguf"]);
    expect(cardOf(modelWrongHash("/m/a", "12", "34")).next.values).toEqual(["/m/a"]);
    expect(cardOf(engineKilled("signal SIGBUS")).next.text).toContain("model file");
    expect(cardOf(engineKilled("signal SIGKILL")).next.text).toContain("memory");
  });

  it("never shows an option or a command of the command line", () => {
    const errors = [
      engineKilled("exit status 1"),
      downloadFailed("scout", [], "u", "p"),
      modelWrongHash("p", "a", "b"),
      overBudget(30, 10, [{ path: "src/", tokens: 20 }]),
    ];
    for (const error of errors) {
      const { message, next } = cardOf(error);
      expect(`${inEnglish(message)} ${inEnglish(next)}`).not.toMatch(/--|`|blocksight /);
    }
  });

  it("shows a sentence that has no translation as it is", () => {
    const card = cardOf(new BlocksightError("internal", "x {0} y", "z"));
    expect(inEnglish(card.message)).toBe("x {0} y");
  });
});
