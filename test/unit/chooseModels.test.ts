import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inEnglish } from "../../src/shared/phrase.js";
import { type ModelChoice, chooseModels } from "../../src/ask/chooseModels.js";
import type { AskModels } from "../../src/ask/askParts.js";
import { fileRates } from "../../src/ask/ratesFile.js";

const choose = (choice: Partial<ModelChoice>, freeMemoryBytes = 16e9): Promise<AskModels> =>
  chooseModels(
    { model: undefined, read: { t: "auto" }, index: undefined, layout: undefined, ...choice },
    { freeMemoryBytes },
    (role) => Promise.resolve({ role, modelPath: `/models/${role}.gguf` }),
  );

describe("the models of a question", () => {
  it("are the coder, and the scout that reads ahead", async () => {
    expect(await choose({})).toEqual({
      answering: { role: "coder", modelPath: "/models/coder.gguf" },
      scout: { role: "scout", modelPath: "/models/scout.gguf" },
    });
  });

  it("are the scout alone, with a notice, where less than 6 GB are free", async () => {
    const { answering, scout, notice } = await choose({}, 5.9e9);
    expect(answering.role).toBe("scout");
    expect(scout).toBeUndefined();
    expect(notice && inEnglish(notice)).toContain(
      "Only 5.9 GB of memory are free, so the scout answers alone",
    );
  });

  it("are those that were named, whatever memory there is", async () => {
    expect((await choose({ model: "coder" }, 1e9)).answering.role).toBe("coder");
    expect(await choose({ model: "scout" })).toEqual({
      answering: { role: "scout", modelPath: "/models/scout.gguf" },
    });
    expect(await choose({ model: "/some/model.gguf" })).toEqual({
      answering: { role: "coder", modelPath: "/some/model.gguf" },
    });
    const { answering } = await choose({ model: "/some/model.gguf", adapter: "/own.safetensors" });
    expect(answering.adapterPath).toBe("/own.safetensors");
  });

  it("need no scout where everything is read: when asked to, and in the causal layout", async () => {
    expect((await choose({ read: { t: "all" } })).scout).toBeUndefined();
    expect((await choose({ layout: "causal" })).scout).toBeUndefined();
  });

  it("take index source and layout for the model that answers", async () => {
    const { answering, scout } = await choose({ index: "keys", layout: "independent" });
    expect(answering).toMatchObject({ indexSource: "keys", layout: "independent" });
    expect(scout).toEqual({ role: "scout", modelPath: "/models/scout.gguf" });
  });
});

describe("measured rates", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "blocksight-rates-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are there again in the next run", () => {
    fileRates(folder).set("coder", 123.5);
    expect(fileRates(folder).get("coder")).toBe(123.5);
  });

  it.each(["", "[", "null", '{"coder": "fast"}', '{"coder": -1}'])(
    "are unknown where the file holds %j",
    async (text) => {
      await writeFile(join(folder, "rates.json"), text);
      expect(fileRates(folder).get("coder")).toBeUndefined();
    },
  );
});
