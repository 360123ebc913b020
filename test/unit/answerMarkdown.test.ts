import { describe, expect, it } from "vitest";
import { GREEDY } from "../../src/ask/askParts.js";
import { AskSession } from "../../src/askSession.js";
import { answerMarkdown } from "../../src/report/answerMarkdown.js";
import type { ScoutMode } from "../../src/ask/readingPlan.js";
import { fakeParts } from "../fakes/fakeParts.js";
import { TINY_PROJECT, tinyPack } from "../fakes/tinyPack.js";

/** 26 files of a line beside the tiny project, and models so slow that none reads everything. */
async function markdown(scout: ScoutMode): Promise<string> {
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz", (letter) => [`${letter}.py`, "x = 1\n"]);
  const texts = { ...TINY_PROJECT, ...(Object.fromEntries(letters) as Record<string, string>) };
  const rates = { get: () => 1, set: () => undefined };
  const parts = fakeParts({ rates, pack: () => tinyPack(texts) });
  const text = "Where is `open_session` defined?";
  const asking = { text, read: { t: "auto" }, scout, maxTokens: 100, sampling: GREEDY } as const;
  const options = { signal: new AbortController().signal, onEvent: (): void => undefined };
  return answerMarkdown((await new AskSession(parts).ask(asking, options)).result);
}

describe("an answer as Markdown", () => {
  it("says how much the scout ranked where that is not everything", async () => {
    expect(await markdown("near")).toMatch(
      /^In sight: 12 of 32 segments\. Ranked by the scout: 20\. Model: /m,
    );
    expect(await markdown("all")).toMatch(/^In sight: 12 of 32 segments\. Model: /m);
  });
});
