/** Whole outputs against `test/goldens`; `npx vitest run -u` writes them anew. */
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askCommand } from "../../src/cli/askCommand.js";
import { runCommandLine } from "../../src/cli/commandLine.js";
import { traceCommand } from "../../src/cli/traceCommand.js";
import type { AskResult, FailureResult } from "../../src/shared/answer.js";
import { BlocksightError } from "../../src/shared/errors.js";
import { type FakeContext, KeptText, fakeContext } from "../fakes/fakeContext.js";
import { SLOW_CODER, fakeParts } from "../fakes/fakeParts.js";
import { TINY_PROJECT, tinyPack } from "../fakes/tinyPack.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "blocksight-ask-"));
});
afterEach(() => rm(directory, { recursive: true }));

const QUESTION = "Where is `open_session` defined?";

async function run(
  args: readonly string[],
  options: Parameters<typeof fakeParts>[0] = {},
  context: FakeContext = fakeContext({ workingDirectory: directory }),
): Promise<{ status: number; stdout: string; stderr: string }> {
  const commands = {
    ask: askCommand(() => Promise.resolve(fakeParts(options)), report),
    trace: traceCommand(report),
  };
  const status = await runCommandLine(commands, "1.2.3", args, context);
  return { status, stdout: context.stdout.text, stderr: context.stderr.text };
}

/** Times differ from run to run; everything else must not. */
const withoutTimes = (text: string): string =>
  text.replace(/\d+(\.\d+)? (s|min|h)\b/g, "T $2").replace(/\d[\d.,]* tokens\/s/g, "N tokens/s");

/** Both streams in one page, as a golden. */
const page = ({ status, stdout, stderr }: Awaited<ReturnType<typeof run>>): string =>
  withoutTimes(`status ${status}\n--- stdout\n${stdout}--- stderr\n${stderr}`);

const golden = (name: string): string => `../goldens/${name}.txt`;

describe("the text of ask", () => {
  it("has the answer on stdout and the evidence on stderr", async () => {
    await expect(page(await run(["ask", QUESTION]))).toMatchFileSnapshot(golden("ask"));
  });

  it("says what the scout read and what is not in sight", async () => {
    const args = ["ask", "--read", "3", QUESTION];
    const pack = (): ReturnType<typeof tinyPack> =>
      tinyPack(TINY_PROJECT, {
        segmentLines: 10,
        skipped: [{ path: "shop/.env", reason: "likelySecret" }],
      });
    const output = await run(args, { rates: SLOW_CODER, pack });
    await expect(page(output)).toMatchFileSnapshot(golden("ask-read-3"));
  });

  it("says that the scout ranked a part, and how to have all ranked", async () => {
    const texts = Object.fromEntries(
      Array.from("abcdefghijklmnopqrstuvwxyz", (letter) => [`src/${letter}.py`, `${letter} = 1\n`]),
    );
    const pack = (): ReturnType<typeof tinyPack> => tinyPack({ ...TINY_PROJECT, ...texts });
    const rates = { get: () => 1, set: () => undefined };
    const output = await run(["ask", "--read", "3", QUESTION], { rates, pack });
    await expect(page(output)).toMatchFileSnapshot(golden("ask-scout-near"));
    const all = await run(["ask", "--read", "3", "--scout", "all", QUESTION], { rates, pack });
    expect(all.stderr).not.toContain("Ranked by the scout");
  });

  it("draws progress over one line on a terminal, and leaves nothing of it behind", async () => {
    const stderr = new KeptText(true, 72);
    const context = fakeContext({ workingDirectory: directory, stderr });
    const output = await run(["ask", "--read", "3", QUESTION], { rates: SLOW_CODER }, context);
    expect(output.stderr).toContain("\r\u001b[K");
    const lines = output.stderr.split("\n").map((line) => line.split("\r\u001b[K").at(-1) ?? "");
    expect(lines.filter((line) => line.startsWith("  ") && line.length > 72)).toEqual([]);
    await expect(withoutTimes(lines.join("\n"))).toMatchFileSnapshot(golden("ask-terminal"));
  });

  it("escapes what a repository or a model could send to a terminal", async () => {
    const pack = (): ReturnType<typeof tinyPack> =>
      tinyPack({ "evil\u001b[2J\u202egnp.py": "def open_session(value):\n    return value\n" });
    const answer = (): string[] => ["red \u001b[31m and \u202ereversed\r\n"];
    const output = await run(["ask", QUESTION], { pack, answer });

    expect(output.stdout + output.stderr).not.toMatch(/[\u001b\u202e\r]/);
    expect(output.stdout).toBe("red \\x1b[31m and \\u{202e}reversed\n");
    expect(output.stderr).toContain("evil\\x1b[2J\\u{202e}gnp.py");
  });
});

describe("the object of ask --json", () => {
  it("is the only thing on stdout and has every field of schema 1", async () => {
    const { status, stdout } = await run(["ask", "--json", QUESTION]);
    expect(status).toBe(0);
    const result = JSON.parse(stdout) as AskResult;
    expect(shapeOf(result)).toMatchSnapshot();
    expect(result).toMatchObject({ schema: 1, question: QUESTION, stopReason: "eos" });
  });

  it("keeps its value though bidirectional characters are escaped in it", async () => {
    const { stdout } = await run(["ask", "--json", QUESTION], {
      answer: () => ["a\u202eb\u{e0041}"],
    });
    expect(stdout).not.toMatch(/[\u202e\u{e0041}]/u);
    expect((JSON.parse(stdout) as AskResult).answer).toBe("a\u202eb\u{e0041}");
  });

  it("is a failure object when asking fails", async () => {
    const error = new BlocksightError("modelMissing", "The coder is not here.", "Fetch it.");
    const fail = (name: string): Error | undefined => (name === "openModel" ? error : undefined);
    const { status, stdout, stderr } = await run(["ask", "--json", QUESTION], { fail });
    expect(status).toBe(1);
    expect(JSON.parse(stdout) as FailureResult).toEqual({ schema: 1, error: error.toWire() });
    expect(stderr).toContain("blocksight: The coder is not here.\nFetch it.\n");
  });
});

describe("stopping with Ctrl-C", () => {
  it("prints what was read so far and exits with 130", async () => {
    const controller = new AbortController();
    const context = fakeContext({ workingDirectory: directory, signal: controller.signal });
    const write = context.stdout.write.bind(context.stdout);
    context.stdout.write = (text): void => {
      write(text);
      controller.abort();
    };
    const { status, stderr } = await run(["ask", QUESTION], { stepDelayMs: 1 }, context);
    expect(status).toBe(130);
    expect(stderr).toContain("Files read");
    expect(stderr).toContain("stopped");
  });

  it("prints the object too", async () => {
    const controller = new AbortController();
    const context = fakeContext({ workingDirectory: directory, signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    const output = await run(["ask", "--json", QUESTION], { segmentDelayMs: 20 }, context);
    expect(output.status).toBe(130);
    expect((JSON.parse(output.stdout) as AskResult).stopReason).toBe("cancelled");
  });
});

describe("a saved trace", () => {
  it("gives the same answer, table and object", async () => {
    const args = ["ask", "--read", "3", "--trace", "t.trace", QUESTION];
    const asked = await run(args, { rates: SLOW_CODER });
    const shown = await run(["trace", "t.trace"]);
    expect(shown.stdout).toBe(asked.stdout);
    const table = (text: string): string => text.slice(text.indexOf("Files read"));
    expect(table(shown.stderr)).toBe(table(asked.stderr));
    expect(await readdir(directory)).toEqual(["t.trace"]);

    const json = JSON.parse((await run(["trace", "--json", "t.trace"])).stdout) as AskResult;
    expect(json).toMatchObject({ question: QUESTION, answer: asked.stdout.replace(/\n$/, "") });
  });

  it("is refused before anything is read where it cannot be saved", async () => {
    const { status, stderr } = await run(["ask", "--trace", "no/such/t.trace", QUESTION]);
    expect(status).toBe(1);
    expect(stderr).toContain("there is no such file or directory");
  });

  it("saves a report, at once and from a saved trace", async () => {
    const { status } = await run(["ask", "--trace", "t.trace", "--html", "a.html", QUESTION]);
    expect(status).toBe(0);
    await run(["trace", "t.trace", "--html", "b.html"]);
    for (const name of ["a.html", "b.html"]) {
      expect(await readFile(join(directory, name), "utf8")).toBe(`<html>${QUESTION}</html>`);
    }
  });

  it("refuses a report that could not be saved before it answers", async () => {
    const { status, stdout, stderr } = await run(["ask", "--html", "no/such/a.html", QUESTION]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("The report cannot be saved");
  });

  it("is shown up to where it was cut, with a notice", async () => {
    await run(["ask", "--trace", "t.trace", QUESTION]);
    const path = join(directory, "t.trace");
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 5000));
    const { status, stderr } = await run(["trace", "t.trace"]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^The trace is damaged at byte \d+ .*; \d+ steps are shown\.$/m);
    expect(stderr).toContain("Files read");
  });

  it("is refused with one sentence where it is something else", async () => {
    await writeFile(join(directory, "t.trace"), "something else entirely");
    const { status, stderr } = await run(["trace", "t.trace"]);
    expect(status).toBe(1);
    expect(stderr.split("\n")[0]).toBe(
      "blocksight: The trace cannot be read: it is not a trace file.",
    );
  });
});

describe("wrong usage", () => {
  it.each([
    [["ask"], "There is no question."],
    [["ask", "   "], "There is no question."],
    [["ask", "--read", "some", "q"], '--read takes auto, all or a number, not "some".'],
    [["ask", "--scout", "some", "q"], '--scout takes near or all, not "some".'],
    [["ask", "--read", "0", "q"], '--read takes a whole number from 1 to 1000000, not "0".'],
    [["ask", "--adapter", "a", "q"], "--adapter needs --model PATH"],
    [["ask", "--adapter", "a", "--model", "scout", "q"], "--adapter needs --model PATH"],
    [["ask", "--index", "best", "q"], '--index takes trained or keys, not "best".'],
    [["ask", "--max-tokens", "x", "q"], "--max-tokens takes a whole number from 1 to"],
    [["ask", "--temperature", "nan", "q"], "--temperature takes a number from 0 to 10"],
    [["ask", "--colour", "q"], "Unknown option '--colour'."],
    [["ask", "--trace"], "Option '--trace <value>' argument missing."],
    [["trace"], "There is no file to show."],
    [["answer", "q"], 'There is no command "answer".'],
    [[], "There is no command."],
  ])("%j exits with 2 and one sentence", async (args, sentence) => {
    const { status, stdout, stderr } = await run(args);
    expect(status).toBe(2);
    expect(stderr.split("\n")[0]).toContain(`blocksight: ${sentence}`);
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
    expect(stdout).toBe("");
  });

  it("mentions -- where npm has eaten the options", async () => {
    const { status, stderr } = await run(["ask", "/some/directory", QUESTION]);
    expect(status).toBe(2);
    expect(stderr).toContain("npm run -s blocksight -- ask");
  });

  it("prints a failure object as well under --json", async () => {
    const { status, stdout } = await run(["ask", "--json"]);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 1, error: { code: "usage" } });
  });

  it("takes a question that starts with a dash after --", async () => {
    expect((await run(["ask", "--", "--open_session?"])).status).toBe(0);
  });
});

describe("a bug", () => {
  it("is shown as one, with its stack", async () => {
    const fail = (name: string): Error | undefined =>
      name === "ask" ? new TypeError("x is not a function") : undefined;
    const { status, stderr } = await run(["ask", QUESTION], { fail });
    expect(status).toBe(1);
    expect(stderr).toContain("This is a bug in Blocksight: x is not a function");
    expect(stderr).toContain("TypeError: x is not a function\n    at ");
  });
});

/** Names and kinds of all fields: lists by their first item. */
const report = ({ question }: { readonly question: string }): Promise<string> =>
  Promise.resolve(`<html>${question}</html>`);

function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]));
}
