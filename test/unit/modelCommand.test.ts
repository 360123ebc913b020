import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/cli/commandLine.js";
import { doctorCommand } from "../../src/cli/doctorCommand.js";
import { modelCommand, type ModelCommandParts } from "../../src/cli/modelCommand.js";
import { KNOWN_MODELS } from "../../src/engine/modelCatalog.js";
import { engineMissing } from "../../src/shared/errors.js";
import { fakeContext, KeptText, type FakeContext } from "../fakes/fakeContext.js";
import { FakeEngine, type FakeEngineOptions } from "../fakes/fakeEngine.js";

let folder: string;
beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "blocksight-cli-"))));
afterEach(() => rm(folder, { recursive: true }));

interface Ran {
  readonly status: number;
  readonly context: FakeContext;
}

async function run(
  args: readonly string[],
  parts: Partial<ModelCommandParts> & { readonly engine?: FakeEngineOptions } = {},
  options: Parameters<typeof fakeContext>[0] = {},
): Promise<Ran> {
  const startEngine = (): FakeEngine => new FakeEngine(parts.engine);
  const commands = {
    model: modelCommand({ startEngine, ...parts }),
    doctor: doctorCommand({ startEngine, version: "9.9.9", platform: "node 20, linux x64" }),
  };
  const context = { ...fakeContext(options), env: { BLOCKSIGHT_MODELS: folder } };
  return { status: await runCommandLine(commands, "9.9.9", args, context), context };
}

/** A file of the right size without its bytes. */
async function placeScout(): Promise<void> {
  const { file, bytes } = KNOWN_MODELS.scout;
  await writeFile(path.join(folder, file), "");
  await truncate(path.join(folder, file), bytes);
}

describe("model list", () => {
  it("says of each model whether it is there, and where", async () => {
    await placeScout();
    const { status, context } = await run(["model", "list"]);
    expect(status).toBe(0);
    expect(context.stdout.text).toContain("coder  missing    1,117 MB  Qwen2.5-Coder-1.5B");
    expect(context.stdout.text).toContain("scout  present       98 MB  SmolLM2-135M");
    expect(context.stdout.text).toContain(path.join(folder, KNOWN_MODELS.coder.file));
  });
});

describe("model get", () => {
  it("prints the path of a file that is there, without fetching", async () => {
    await placeScout();
    const { status, context } = await run(["model", "get", "scout"], { sources: [] });
    expect(status).toBe(0);
    expect(context.stdout.text).toBe(`${path.join(folder, KNOWN_MODELS.scout.file)}\n`);
  });

  it("draws progress on a terminal and names the source", async () => {
    const sources = [
      {
        name: "a made source",
        fetch: (_: unknown, { onBytes }: { readonly onBytes: (bytes: number) => void }) => {
          onBytes(49_181_216);
          return Promise.reject(new Error("it broke"));
        },
      },
    ];
    const stderr = new KeptText(true);
    const { status } = await run(["model", "get", "scout"], { sources }, { stderr });
    expect(status).toBe(1);
    expect(stderr.text).toContain("Fetching the scout (98 MB) from a made source …\n");
    expect(stderr.text).toContain("50 %, 49 MB of 98 MB");
    expect(stderr.text).toContain("could not be fetched (a made source: it broke)");
    expect(stderr.text).toContain(`put it at ${path.join(folder, KNOWN_MODELS.scout.file)}`);
  });

  it("is stopped by Ctrl-C with the exit status for it", async () => {
    const sources = [{ name: "slow", fetch: () => Promise.reject(new Error("aborted")) }];
    const { status, context } = await run(
      ["model", "get", "scout"],
      { sources },
      { signal: AbortSignal.abort() },
    );
    expect(status).toBe(130);
    expect(context.stderr.text).toContain("what was fetched is kept");
  });

  it.each([[["model", "get"]], [["model", "get", "gpt"]], [["model"]], [["model", "list", "x"]]])(
    "refuses %j as wrong usage",
    async (args) => {
      const { status, context } = await run(args);
      expect(status).toBe(2);
      expect(context.stdout.text).toBe("");
    },
  );
});

describe("model info", () => {
  it("prints what the engine says of the file", async () => {
    const { status, context } = await run(
      ["model", "info", "my.gguf"],
      {},
      {
        workingDirectory: "/w",
      },
    );
    expect(status).toBe(0);
    expect(context.stdout.text).toMatch(/architecture +qwen2\n/);
    expect(context.stdout.text).toMatch(/file +\/w\/my.gguf\n/);
  });
});

describe("doctor", () => {
  it("lists versions, processor, kernels and models, and fails while one is missing", async () => {
    await placeScout();
    const { status, context } = await run(["doctor"]);
    expect(status).toBe(1);
    const { text } = context.stdout;
    expect(text).toContain("blocksight  9.9.9 on node 20, linux x64\n");
    expect(text).toContain("processor   Fake CPU, 1 threads\n");
    expect(text).toContain("matmul fake");
    expect(text).toContain("page store  memory only\n");
    expect(text).toContain("            Fetch it with: blocksight model get coder\n");
    expect(text).not.toContain("blocksight model get scout");
  });

  it("reports an engine that cannot be started among the rest", async () => {
    const fail = (): Error => engineMissing("blocksight.node is not there");
    const { status, context } = await run(["doctor"], { engine: { fail } });
    expect(status).toBe(1);
    expect(context.stdout.text).toContain("engine      The engine cannot be started");
    expect(context.stdout.text).toContain("coder       not at");
  });
});
