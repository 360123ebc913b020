/** The command line as a user runs it, over the real engine: a made model, and the scout where it is. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  open,
  readFile,
  readdir,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { KNOWN_MODELS } from "../../src/engine/modelCatalog.js";
import { modelsFolder } from "../../src/engine/modelFiles.js";
import { BLOCK_TOKENS } from "../../src/shared/blocks.js";
import type { AskResult, FailureResult } from "../../src/shared/answer.js";
import { decodeTrace } from "../../src/trace/traceFile.js";
import { RealCommandLine } from "../fakes/realCommandLine.js";
import { hasAddon } from "../fakes/realEngine.js";
import { writeTinyModel } from "../fakes/tinyModel.js";
import { TINY_PROJECT } from "../fakes/tinyPack.js";

const QUESTION = "Where is `open_session` defined?";

/** Several segments: a made model has no adapter, and a segment holds 1,920 tokens. */
const LONG_FILE = Array.from(
  { length: 240 },
  (_, at) => `def step_${at}(value):\n    return combine(value, ${at})\n\n\n`,
).join("");

/** Permission bits bind root only without these capabilities; anybody else they bind anyway. */
const isRoot = process.getuid?.() === 0;
const WITHOUT_OVERRIDE = isRoot ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
const canBeDenied =
  process.platform !== "win32" &&
  (!isRoot || spawnSync("setpriv", [...WITHOUT_OVERRIDE.slice(1), "true"]).status === 0);

describe.skipIf(!hasAddon)("the command line", () => {
  let line: RealCommandLine;
  let repo: string;
  let model: string;

  beforeAll(async () => {
    line = await RealCommandLine.create();
    repo = path.join(line.folder, "repo");
    model = path.join(line.folder, "tiny.gguf");
    await writeTinyModel(model, { layers: 16 });
  });
  afterAll(() => line.remove());

  beforeEach(async () => {
    await rm(repo, { recursive: true, force: true });
    await write({ ...TINY_PROJECT, "shop/steps.py": LONG_FILE });
  });

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(repo, file)), { recursive: true });
      await writeFile(path.join(repo, file), text);
    }
  }

  const askArgs = (...more: string[]): string[] => [
    ...["ask", "--repo", "repo", "--model", "tiny.gguf", "--read", "all", "--max-tokens", "8"],
    ...more,
    QUESTION,
  ];

  async function askJson(...more: string[]): Promise<AskResult> {
    const { status, stdout, stderr } = await line.run(askArgs("--json", ...more));
    expect(stderr).not.toContain("blocksight:");
    expect(status).toBe(0);
    return JSON.parse(stdout) as AskResult;
  }

  it("answers over the whole repository, and reads nothing twice", async () => {
    const first = await askJson();
    expect(first.sight).toMatchObject({ mode: "all", notRead: [] });
    expect(first.sight.segments).toBe(first.pack.segments);
    expect(first.timings.prefillTokens).toBe(first.pack.tokens);
    expect(first.files.map(({ path }) => path).sort()).toContain("shop/checkout.py");
    const share = first.files.reduce((sum, file) => sum + file.share, 0);
    expect(share).toBeCloseTo(1);

    const again = await askJson();
    expect(again.timings).toMatchObject({ prefillTokens: 0, reusedTokens: first.pack.tokens });
    expect(again.answer).toBe(first.answer);
    expect(again.pack.packId).toBe(first.pack.packId);
  });

  it("re-reads only the changed segment of an edited file, from the first changed block on", async () => {
    await askJson();
    const read = async (text: string): Promise<{ tokens: number; segments: readonly number[] }> => {
      await write({ "shop/steps.py": text });
      const { timings } = await askJson("--trace", "edited.trace");
      const { trace } = decodeTrace(await readFile(path.join(line.folder, "edited.trace")));
      const file = trace.pack.files.find((one) => one.path === "shop/steps.py");
      const first = file?.firstSegment ?? 0;
      const all = [...trace.model.table.segmentTokens];
      const segments = all.slice(first, first + (file?.segmentCount ?? 0));
      return { tokens: timings.prefillTokens, segments };
    };
    // The first line stands in the first block: the whole first segment is read again, no other.
    const start = await read(LONG_FILE.replace("step_0(value)", "step_x(value)"));
    expect(start.segments.length).toBeGreaterThan(2);
    expect(start.tokens).toBe(start.segments[0]);
    // The last line: the segment's earlier pages are found again. The first line is as it was.
    const end = await read(LONG_FILE.replace("combine(value, 239)", "combine(value, 0, value)"));
    expect(end.tokens).toBeGreaterThan(0);
    expect(end.tokens).toBeLessThanOrEqual(2 * BLOCK_TOKENS);
    expect(((end.segments.at(-1) ?? 0) - end.tokens) % BLOCK_TOKENS).toBe(0);
  });

  it("keeps no pages under --no-cache", async () => {
    await askJson();
    const { timings, pack } = await askJson("--no-cache");
    expect(timings).toMatchObject({ prefillTokens: pack.tokens, reusedTokens: 0 });
  });

  it("shows the same answer and table from a saved trace", async () => {
    const asked = await line.run(askArgs("--trace", "t.trace"));
    const shown = await line.run(["trace", "t.trace"]);
    expect(shown.status).toBe(0);
    expect(shown.stdout).toBe(asked.stdout);
    const table = (text: string): string => text.slice(text.indexOf("Files read"));
    expect(table(shown.stderr)).toBe(table(asked.stderr));
  });

  it("stops in the middle of reading, keeps what was read, and goes on from there", async () => {
    await write({ "shop/more.py": LONG_FILE.repeat(8) });
    const running = line.start(askArgs("--json", "--no-cache"));
    await running.saw("stderr", /^Packed/m);
    await new Promise((resolve) => setTimeout(resolve, 300));
    running.interrupt();
    const { status, stdout } = await running.ended;
    expect(status).toBe(130);
    const result = JSON.parse(stdout) as AskResult;
    expect(result.stopReason).toBe("cancelled");
    expect(result.sight.segments).toBeLessThan(result.sight.ofSegments);
    expect(result.answer).toBe("");
  });

  it("stops in the middle of an answer and prints what was read so far", async () => {
    const running = line.start(askArgs("--max-tokens", "1500"));
    await running.saw("stdout", /\S/);
    running.interrupt();
    const { status, stderr } = await running.ended;
    expect(status).toBe(130);
    expect(stderr).toContain("Files read");
    expect(stderr).toContain("stopped");
  });

  it("ends at once at the second Ctrl-C", async () => {
    const running = line.start(askArgs("--max-tokens", "1500"));
    await running.saw("stdout", /\S/);
    running.interrupt();
    running.interrupt();
    expect((await running.ended).status).toBe(130);
  });

  it.skipIf(process.platform !== "linux")(
    "says in one sentence that the engine was killed in the middle",
    async () => {
      const running = line.start(askArgs("--json", "--max-tokens", "1500"));
      await running.saw("stderr", /^Packed/m);
      process.kill(await running.enginePid(), "SIGKILL");
      const { status, stdout } = await running.ended;
      expect(status).toBe(1);
      const { error } = JSON.parse(stdout) as FailureResult;
      expect(error.code).toBe("engineKilled");
      expect(error.message).toBe("The engine process ended in the middle (signal SIGKILL).");
    },
  );

  it.skipIf(process.platform !== "linux")(
    "says that a model file was cut while it was mapped",
    async () => {
      await copyFile(model, path.join(line.folder, "cut.gguf"));
      const args = ["ask", "--repo", "repo", "--model", "cut.gguf", "--max-tokens", "1500"];
      const running = line.start([...args, QUESTION]);
      await running.saw("stdout", /\S/);
      await truncate(path.join(line.folder, "cut.gguf"), 4096);
      const { status, stderr } = await running.ended;
      expect(status).toBe(1);
      expect(stderr).toContain("The engine process ended in the middle (signal SIGBUS).");
      expect(stderr).toMatch(/a model file was cut/);
    },
  );

  // A limit on the size of files fails like a full disk, and needs no mount.
  it.skipIf(process.platform !== "linux")(
    "answers when the page store's disk is full, and says so once",
    async () => {
      const smallFiles = ["prlimit", "--fsize=65536"];
      const cache = { XDG_CACHE_HOME: path.join(line.folder, "full") };
      const { status, stdout, stderr } = await line.run(askArgs("--json"), cache, smallFiles);
      expect(stderr.match(/No room for a page/g)).toHaveLength(1);
      expect(stderr).toContain("Free space on the page store's disk");
      expect(status).toBe(0);
      const { sight, timings } = JSON.parse(stdout) as AskResult;
      expect(sight.segments).toBe(sight.ofSegments);
      expect(timings.decodeTokens).toBe(8);
      const pages = path.join(line.folder, "full/blocksight/pages/v1");
      expect(await readdir(pages)).toEqual([]);
    },
  );

  it.skipIf(!canBeDenied)("answers around a file that cannot be read, and names it", async () => {
    await chmod(path.join(repo, "shop/steps.py"), 0);
    const args = askArgs("--json");
    const { status, stdout } = await line.run(args, {}, WITHOUT_OVERRIDE);
    expect(status).toBe(0);
    const { pack, files } = JSON.parse(stdout) as AskResult;
    const unreadable = pack.skipped.filter(({ reason }) => reason === "unreadable");
    expect(unreadable.map(({ path }) => path)).toEqual(["shop/steps.py"]);
    expect(files.map(({ path }) => path)).toContain("shop/checkout.py");
  });

  it.skipIf(!canBeDenied)("names a model file that cannot be read", async () => {
    await copyFile(model, path.join(line.folder, "denied.gguf"));
    await chmod(path.join(line.folder, "denied.gguf"), 0);
    const args = ["ask", "--repo", "repo", "--model", "denied.gguf", "--json", QUESTION];
    const { status, stdout } = await line.run(args, {}, WITHOUT_OVERRIDE);
    expect(status).toBe(1);
    const { error } = JSON.parse(stdout) as FailureResult;
    expect(error.code).toBe("unreadableFile");
    expect(error.message).toMatch(/denied\.gguf.*\.$/);
    expect(error.next).toBe("Check the file's permissions.");
  });

  it("resolves paths from where the user stood, under npm too", async () => {
    const args = [
      "ask",
      "--repo",
      ".",
      "--model",
      "../tiny.gguf",
      "--max-tokens",
      "2",
      "--json",
      QUESTION,
    ];
    const { status, stdout } = await line.run(args, { INIT_CWD: repo });
    expect(status).toBe(0);
    expect((JSON.parse(stdout) as AskResult).pack.files).toBe(6);
  });

  describe("bad input", () => {
    /** One clear sentence, a next step, exit 1, and the same as an object under --json. */
    async function fails(code: string, args: readonly string[], message: RegExp): Promise<void> {
      const { status, stdout, stderr } = await line.run([...args, "--json", QUESTION]);
      expect(stderr).toMatch(message);
      expect(status).toBe(1);
      const { error } = JSON.parse(stdout) as FailureResult;
      expect(error.code).toBe(code);
      expect(error.message).toMatch(/^\S.*\.$/s);
      expect(error.next).toMatch(/\S/);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
    const withModel = (file: string): string[] => ["ask", "--repo", "repo", "--model", file];

    it("names a directory that is not there", () =>
      fails(
        "noSuchDirectory",
        ["ask", "--repo", "nowhere", "--model", "tiny.gguf"],
        /There is no directory .*nowhere/,
      ));

    it("says that a repository holds no file to read", async () => {
      await mkdir(path.join(line.folder, "empty"), { recursive: true });
      const args = ["ask", "--repo", "empty", "--model", "tiny.gguf"];
      await fails("emptyRepository", args, /There is no file to read in .*empty/);
    });

    it("names a model that is not there", () =>
      fails("modelMissing", withModel("no.gguf"), /no\.gguf/));

    it("says where to fetch a model of the product", async () => {
      const folder = path.join(line.folder, "no-models");
      const args = ["ask", "--repo", "repo", "--model", "scout", "--json", QUESTION];
      const { status, stdout } = await line.run(args, { BLOCKSIGHT_MODELS: folder });
      expect(status).toBe(1);
      const { error } = JSON.parse(stdout) as FailureResult;
      expect(error).toMatchObject({ code: "modelMissing" });
      expect(error.next).toContain("blocksight model get scout");
    });

    it("refuses a truncated model", async () => {
      await writeTinyModel(path.join(line.folder, "short.gguf"));
      await truncate(path.join(line.folder, "short.gguf"), 100_000);
      await fails("modelTruncated", withModel("short.gguf"), /short\.gguf|ends/);
    });

    it("says that the coder is there in part, and which command fetches it again", async () => {
      const folder = path.join(line.folder, "cut-models");
      await mkdir(folder, { recursive: true });
      const file = path.join(folder, KNOWN_MODELS.coder.file);
      await writeFile(file, "GGUF\u0003\0\0\0");
      const args = ["ask", "--repo", "repo", "--json", QUESTION];
      const { status, stdout } = await line.run([...args, "--model", "coder"], {
        BLOCKSIGHT_MODELS: folder,
      });
      expect(status).toBe(1);
      expect((JSON.parse(stdout) as FailureResult).error).toEqual({
        code: "modelTruncated",
        message: `The model coder at ${file} has 8 bytes of ${KNOWN_MODELS.coder.bytes}.`,
        next: "Fetch it again with: blocksight model get coder",
      });
    });

    it("refuses a coder of the right size that holds something else", async () => {
      const folder = path.join(line.folder, "hostile-models");
      await mkdir(folder, { recursive: true });
      const file = path.join(folder, KNOWN_MODELS.coder.file);
      await writeFile(file, "GGUF\u0003\0\0\0");
      await truncate(file, KNOWN_MODELS.coder.bytes); // sparse: it takes no room
      const args = ["ask", "--repo", "repo", "--read", "all", "--json", QUESTION];
      const { status, stdout } = await line.run([...args, "--model", "coder"], {
        BLOCKSIGHT_MODELS: folder,
      });
      expect(status).toBe(1);
      const { error } = JSON.parse(stdout) as FailureResult;
      expect(error.code).toBe("modelWrongHash");
      expect(error.next).toContain("blocksight model get");
    }, 30_000);

    it("refuses a GGUF whose lengths reach beyond its end", async () => {
      await writeTinyModel(path.join(line.folder, "hostile.gguf"));
      const file = await open(path.join(line.folder, "hostile.gguf"), "r+");
      await file.write(Buffer.alloc(8, 0xff), 0, 8, 24); // the first key's length
      await file.close();
      await fails("modelTruncated", withModel("hostile.gguf"), /./);
    });

    it("refuses what is no model", async () => {
      await writeFile(path.join(line.folder, "text.gguf"), "not a model at all ".repeat(100));
      await fails("modelCorrupt", withModel("text.gguf"), /./);
    });

    it("names an architecture that it does not know", async () => {
      await writeTinyModel(path.join(line.folder, "mamba.gguf"), { architecture: "mamba" });
      await fails("unsupportedArchitecture", withModel("mamba.gguf"), /mamba/);
    });

    it("names a pre-tokenizer that it does not know", async () => {
      await writeTinyModel(path.join(line.folder, "pre.gguf"), { preTokenizer: "tekken" });
      await fails("unsupportedTokenizer", withModel("pre.gguf"), /tekken/);
    });

    it("lists the largest folders over the budget, and leaves nothing out by itself", () =>
      fails("overBudget", [...withModel("tiny.gguf"), "--budget", "100"], /budget is 100.*shop\//));

    it("refuses a question that does not fit the conversation", async () => {
      const long = "why ".repeat(4000);
      const { status, stdout } = await line.run([...withModel("tiny.gguf"), "--json", long]);
      expect(status).toBe(1);
      expect((JSON.parse(stdout) as FailureResult).error.code).toBe("questionTooLong");
    });
  });

  const scoutPath = path.join(modelsFolder(process.env), KNOWN_MODELS.scout.file);
  it.skipIf(!existsSync(scoutPath))(
    "finds the file that defines a name, with the scout",
    async () => {
      const { status, stdout } = await line.run(
        ["ask", "--repo", "repo", "--model", "scout", "--max-tokens", "24", "--json", QUESTION],
        { BLOCKSIGHT_MODELS: path.dirname(scoutPath) },
      );
      expect(status).toBe(0);
      const { files, answer } = JSON.parse(stdout) as AskResult;
      expect(files[0]?.path).toBe("shop/checkout.py");
      expect(answer).toContain("open_session");
    },
  );

  it.skipIf(!existsSync(scoutPath))("refuses a model of another sha256", async () => {
    const folder = path.join(line.folder, "altered");
    await mkdir(folder);
    const altered = path.join(folder, KNOWN_MODELS.scout.file);
    await copyFile(scoutPath, altered);
    const file = await open(altered, "r+");
    await file.write(Buffer.of(0x5a), 0, 1, 50_000_000);
    await file.close();
    const args = ["ask", "--repo", "repo", "--model", "scout", "--json", QUESTION];
    const { status, stdout } = await line.run(args, { BLOCKSIGHT_MODELS: folder });
    expect(status).toBe(1);
    const { error } = JSON.parse(stdout) as FailureResult;
    expect(error.code).toBe("modelWrongHash");
    expect(error.message).toContain(KNOWN_MODELS.scout.sha256);
  });
});
