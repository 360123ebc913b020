import { describe, expect, it, vi } from "vitest";
import type { Asked } from "../../src/ask/askParts.js";
import { AskController, type AskSettings } from "../../src/views/askController.js";
import { AskModel } from "../../src/views/askModel.js";
import { BlocksightError } from "../../src/shared/errors.js";
import type { AskState } from "../../src/shared/messages.js";
import { phrase } from "../../src/shared/phrase.js";
import { fakeParts, SLOW_CODER, type FakeParts } from "../fakes/fakeParts.js";
import { TINY_PROJECT, tinyPack } from "../fakes/tinyPack.js";

interface Options {
  readonly settings?: Partial<AskSettings>;
  readonly parts?: () => FakeParts;
  /** What keeping an answer takes. */
  readonly onAnswered?: () => Promise<void>;
}

function makeController({
  settings = {},
  parts = () => fakeParts({ rates: SLOW_CODER }),
  onAnswered = () => Promise.resolve(),
}: Options = {}) {
  const states: AskState[] = [];
  const answered: Asked[] = [];
  const stopped: string[] = [];
  const connected: FakeParts[] = [];
  const model = new AskModel((state) => states.push(state));
  const onBug = vi.fn();
  const controller = new AskController(
    model,
    {
      connect: (selection) => {
        const made = parts();
        made.nextPack = () => {
          const { scope, leftOut } = selection();
          const chosen = Object.entries(TINY_PROJECT).filter(
            ([path]) =>
              (scope.length === 0 || scope.some((s) => path.startsWith(s))) &&
              !leftOut.some((out) => path.startsWith(out)),
          );
          return tinyPack(Object.fromEntries(chosen));
        };
        connected.push(made);
        return Promise.resolve(made);
      },
      settings: () => ({
        read: { t: "auto" },
        maxTokens: 60,
        temperature: 0,
        budgetTokens: undefined,
        readInBackground: false,
        ...settings,
      }),
      newId: () => `id${states.length}`,
      onTraced: () => undefined,
      onAnswered: (_id, asked) => {
        answered.push(asked);
        return onAnswered();
      },
      onStopped: (_id, question) => {
        stopped.push(question);
        return Promise.resolve();
      },
      onBug,
      saveLeftOut: () => undefined,
    },
    [],
  );
  return { controller, model, states, answered, stopped, connected, onBug };
}

const QUESTION = "Where is open_session defined?";

describe("a question in the ask view", () => {
  it("shows the pack before anything is read", async () => {
    const { controller, model, connected } = makeController();
    await controller.prepare();
    expect(model.state.pack?.files).toBe(5);
    expect(model.state.engine.phase).toBe("ready");
    expect(connected[0]?.engine.requests).not.toContain("read");
  });

  it("says what memory holds and how long reading takes before anything is read", async () => {
    const { controller, model, connected } = makeController({
      parts: () => fakeParts({ rates: SLOW_CODER, freeMemoryBytes: 4e6 }),
    });
    await controller.prepare();
    const { tokens = 0, budgetTokens, estimateMs } = model.state.pack ?? {};
    // Half of the memory, at 1,024 bytes a token; and one token a second.
    expect(budgetTokens).toBe(1953);
    expect(estimateMs).toBe(tokens * 1000);
    expect(connected[0]?.engine.requests).not.toContain("read");
  });

  it("asks what to leave out before a question, where memory does not hold the pack", async () => {
    const { controller, model } = makeController({
      parts: () => fakeParts({ rates: SLOW_CODER, freeMemoryBytes: 1e6 }),
    });
    await controller.prepare();
    expect(model.state.pack?.tokens).toBeGreaterThan(488);
    expect(model.state.pack?.budgetTokens).toBe(488);
    expect(model.state.pack?.largest?.map(({ path }) => path)).toEqual(["shop/", "docs/"]);
  });

  it("streams to another surface what the view shows, with that surface's own history", async () => {
    const { controller, model, connected } = makeController();
    await controller.ask("Where is restock defined?");
    const request = vi.spyOn(connected[0]?.engine ?? expect.fail(), "request");
    let heard = "";
    await controller.ask(QUESTION, { history: [], onText: (text) => (heard += text) });
    expect(heard.trim()).toBe(model.state.turns[1]?.answer.trim());
    expect(heard).not.toBe("");
    const turns = [{ role: "user", text: QUESTION }];
    expect(request.mock.calls.at(-1)?.slice(0, 2)).toMatchObject(["ask", { turns }]);
  });

  it("counts the tokens of a text with the answering model's tokenizer", async () => {
    const { controller, connected } = makeController();
    const count = await controller.countTokens("def open_session():");
    expect(count).toBeGreaterThan(1);
    await controller.countTokens("x");
    const opened = connected[0]?.engine.requests.filter((name) => name === "openTokenizer");
    expect(opened).toHaveLength(1);
    expect(connected[0]?.engine.requests).not.toContain("openModel");
  });

  it("shows files with the most focus before the first answer token", async () => {
    const { controller, states } = makeController();
    await controller.ask(QUESTION);
    const withText = states.findIndex((s) => (s.turns.at(-1)?.answer ?? "") !== "");
    const before = states[withText - 1]?.turns.at(-1);
    expect(before?.files[0]?.path).toBe("shop/checkout.py");
    expect(before?.answer).toBe("");
  });

  it("waits for the pack that is being made", async () => {
    const { controller, model } = makeController();
    const preparing = controller.prepare();
    await controller.ask(QUESTION);
    await preparing;
    expect(model.state.turns[0]?.stopReason).toBe("eos");
    expect(model.state.activity).toBeUndefined();
  });

  it("ends with the answer, its citation as a link, and what was in sight", async () => {
    const { controller, model, answered } = makeController();
    await controller.ask(QUESTION);
    const turn = model.state.turns[0];
    expect(turn?.links.find(({ kind }) => kind === "citation")?.path).toBe("shop/checkout.py");
    expect(turn?.sight?.segments).toBeLessThanOrEqual(turn?.sight?.ofSegments ?? 0);
    expect(turn?.stopReason).toBe("eos");
    expect(answered).toHaveLength(1);
    expect(model.state.activity).toBeUndefined();
  });

  it("sends the turns before it with a follow-up question", async () => {
    const { controller, model } = makeController();
    await controller.ask(QUESTION);
    await controller.ask("And what calls it?");
    expect(model.state.turns.map(({ question }) => question)).toEqual([
      QUESTION,
      "And what calls it?",
    ]);
  });

  it("stops while the coder reads, and keeps what the scout found", async () => {
    const { controller, model, answered } = makeController({
      parts: () => fakeParts({ rates: SLOW_CODER, segmentDelayMs: 30 }),
    });
    const asking = controller.ask(QUESTION);
    await vi.waitFor(() =>
      expect(model.state.activity).toMatchObject({ kind: "reading", model: "coder" }),
    );
    const shown = model.state.turns[0]?.files;
    expect(shown?.[0]?.path).toBe("shop/checkout.py");
    controller.stop();
    await asking;
    const [turn] = model.state.turns;
    expect(turn).toMatchObject({ stopReason: "cancelled", answer: "", hasTrace: false });
    expect(turn?.files).toEqual(shown);
    expect(turn?.sight?.segments).toBeLessThan(turn?.sight?.ofSegments ?? 0);
    expect(answered.map(({ trace }) => trace.stopReason)).toEqual(["cancelled"]);
    expect(model.state.activity).toBeUndefined();
    expect(controller.isBusy).toBe(false);
  });

  it("answers a question that comes while the one before it is still being stopped", async () => {
    const { controller, model, answered } = makeController({
      parts: () => fakeParts({ rates: SLOW_CODER, segmentDelayMs: 30 }),
    });
    const before = controller.ask(QUESTION);
    await vi.waitFor(() => expect(model.state.activity?.kind).toBe("reading"));
    await expect(controller.ask("Where is restock defined?")).rejects.toMatchObject({
      code: "engineBusy",
    });
    controller.newConversation();
    await controller.ask("Where is cancel_order defined?");
    await before;
    expect(model.state.turns.map(({ question }) => question)).toEqual([
      "Where is cancel_order defined?",
    ]);
    expect(answered.map(({ trace }) => trace.stopReason)).toEqual(["cancelled", "eos"]);
  });

  it("answers a question that comes while the answer before it is still being kept", async () => {
    let keep = (): void => undefined;
    const kept = new Promise<void>((resolve) => (keep = resolve));
    const { controller, model } = makeController({ onAnswered: () => kept });
    const before = controller.ask(QUESTION);
    await vi.waitFor(() => expect(model.state.turns[0]?.stopReason).toBe("eos"));
    const after = controller.ask("Where is restock defined?");
    keep();
    await Promise.all([before, after]);
    expect(model.state.turns.map(({ stopReason }) => stopReason)).toEqual(["eos", "eos"]);
  });

  it("reads nothing on in the background after a stop", async () => {
    const { controller, model, connected } = makeController({
      settings: { readInBackground: true },
      parts: () => fakeParts({ rates: SLOW_CODER, segmentDelayMs: 30 }),
    });
    const asking = controller.ask(QUESTION);
    await vi.waitFor(() => expect(model.state.activity?.kind).toBe("reading"));
    controller.stop();
    await asking;
    const { requests } = connected[0]?.engine ?? expect.fail();
    expect(requests.filter((name) => name === "read")).toHaveLength(1);
    expect(requests.at(-1)).toBe("read");
  });

  it("keeps a question that is stopped while the first pack is made, and asks it again", async () => {
    let release = (): void => undefined;
    const { controller, model, stopped, answered, connected } = makeController({
      parts: () => {
        const parts = fakeParts({ rates: SLOW_CODER });
        const { pack } = parts;
        const isFree = new Promise<void>((resolve) => (release = resolve));
        return { ...parts, pack: (request) => isFree.then(() => pack(request)) };
      },
    });
    const preparing = controller.prepare();
    await vi.waitFor(() => expect(connected).toHaveLength(1));
    const asking = controller.ask(QUESTION);
    controller.stop();
    release();
    await Promise.all([preparing, asking]);
    const [turn] = model.state.turns;
    expect(turn).toMatchObject({ question: QUESTION, stopReason: "cancelled", files: [] });
    expect(turn?.error).toBeUndefined();
    expect(stopped).toEqual([QUESTION]);
    expect(connected[0]?.engine.requests).not.toContain("ask");
    await controller.askAgain(turn?.id ?? "");
    expect(model.state.turns.map(({ stopReason }) => stopReason)).toEqual(["eos"]);
    expect(answered).toHaveLength(1);
  });

  it("says nothing of a turn without an answer to the model", async () => {
    const { controller, model, connected } = makeController({
      parts: () => fakeParts({ rates: SLOW_CODER, segmentDelayMs: 30 }),
    });
    const asking = controller.ask("Where is restock defined?");
    await vi.waitFor(() => expect(model.state.activity?.kind).toBe("reading"));
    controller.stop();
    await asking;
    const request = vi.spyOn(connected[0]?.engine ?? expect.fail(), "request");
    await controller.ask(QUESTION);
    const turns = [{ role: "user", text: QUESTION }];
    expect(request.mock.calls.at(-1)?.slice(0, 2)).toMatchObject(["ask", { turns }]);
    expect(model.state.turns).toHaveLength(2);
  });

  it("offers to ask again when the engine dies, and then answers", async () => {
    const { controller, model, connected, onBug } = makeController({
      parts: () => fakeParts({ rates: SLOW_CODER, stepDelayMs: 20 }),
    });
    const asking = controller.ask(QUESTION);
    await vi.waitFor(() => expect(model.state.turns[0]?.answer).not.toBe(""));
    connected[0]?.engine.kill();
    await asking;
    expect(model.state.turns[0]?.error).toMatchObject({
      code: "engineKilled",
      actions: ["retry", "showLog"],
    });
    expect(model.state.engine.phase).toBe("failed");
    await controller.retry();
    expect(connected).toHaveLength(1);
    expect(model.state.turns).toHaveLength(1);
    expect(model.state.turns[0]?.stopReason).toBe("eos");
    expect(onBug).not.toHaveBeenCalled();
  });

  it("reads on in the background, and makes way for the next question", async () => {
    const { controller, model } = makeController({
      settings: { readInBackground: true, read: { t: "count", count: 2 } },
      parts: () => fakeParts({ rates: SLOW_CODER, segmentDelayMs: 20 }),
    });
    await controller.ask(QUESTION);
    await vi.waitFor(() =>
      expect(model.state.activity).toMatchObject({ kind: "reading", background: true }),
    );
    await controller.ask("Where is restock defined?");
    expect(model.state.turns[1]?.stopReason).toBe("eos");
    expect(model.state.problem).toBeUndefined();
  });

  it("asks within chosen folders only", async () => {
    const { controller, model } = makeController();
    controller.askWithin(["docs/"]);
    await controller.ask("What is sold?");
    expect(model.state.pack?.files).toBe(1);
    expect(model.state.turns[0]?.scope).toEqual(["docs/"]);
  });

  it("packs again when something is left out", async () => {
    const { controller, model } = makeController();
    await controller.prepare();
    await controller.setIncluded("shop/", false);
    expect(model.state.pack?.files).toBe(1);
    await controller.setIncluded("shop/", true);
    expect(model.state.pack?.files).toBe(5);
  });

  const noFolder = new BlocksightError("noSuchDirectory", phrase("None."), phrase("Open one."));

  it("packs again once there is a folder, and takes the problem away", async () => {
    let isOpen = false;
    const { controller, model } = makeController({
      parts: () => {
        const made = fakeParts({ rates: SLOW_CODER });
        const pack: FakeParts["pack"] = (request) =>
          isOpen ? made.pack(request) : Promise.reject(noFolder);
        return { ...made, pack };
      },
    });
    await controller.choiceChanged();
    expect(model.state.engine.phase).toBe("off");
    await controller.prepare();
    expect(model.state.problem?.code).toBe("noSuchDirectory");
    isOpen = true;
    await controller.choiceChanged();
    expect(model.state.problem).toBeUndefined();
    expect(model.state.pack?.files).toBe(5);
  });

  it("packs again where the folders come while the first pack is made", async () => {
    let isOpen = false;
    const { controller, model } = makeController({
      parts: () => {
        const made = fakeParts({ rates: SLOW_CODER });
        const pack: FakeParts["pack"] = (request) => {
          if (isOpen) return made.pack(request);
          isOpen = true;
          void controller.choiceChanged();
          return Promise.reject(noFolder);
        };
        return { ...made, pack };
      },
    });
    await controller.prepare();
    expect(model.state.problem).toBeUndefined();
    expect(model.state.pack?.files).toBe(5);
  });

  it("packs what is chosen last, however fast the switches follow each other", async () => {
    const { controller, model } = makeController();
    const switches: readonly [string, boolean][] = [
      ["shop/", false],
      ["docs/", false],
      ["shop/", true],
    ];
    const packed = switches.map(([path, included]) => controller.setIncluded(path, included));
    await Promise.all(packed);
    expect(model.state.pack?.files).toBe(4);
    expect(model.state.activity).toBeUndefined();
    expect(controller.isBusy).toBe(false);
  });

  it("packs again after a question during which something was left out", async () => {
    const { controller, model } = makeController();
    const asking = controller.ask(QUESTION);
    await vi.waitFor(() => expect(model.state.pack?.files).toBe(5));
    await controller.setIncluded("docs/", false);
    expect(model.state.pack?.files).toBe(5);
    await asking;
    await vi.waitFor(() => expect(model.state.pack?.files).toBe(4));
    expect(model.state.turns[0]?.stopReason).toBe("eos");
  });

  it("says what to do where the pack is over budget", async () => {
    const { controller, model } = makeController({ settings: { budgetTokens: 10 } });
    await controller.ask(QUESTION);
    expect(model.state.turns[0]?.error).toMatchObject({ code: "overBudget" });
    expect(model.state.pack?.largest?.map(({ path }) => path)).toEqual(["shop/", "docs/"]);
    expect(model.state.pack?.tokens).toBeGreaterThan(10);
  });

  it("reads only the saved file's changed segments after a save", async () => {
    const { controller, connected } = makeController({ settings: { read: { t: "all" } } });
    await controller.ask(QUESTION);
    const [parts] = connected;
    if (parts === undefined) throw new Error("Nothing was connected.");
    const changed = { ...TINY_PROJECT, "docs/readme.md": "# Shop\n\nIt sells new things now.\n" };
    parts.nextPack = () => tinyPack(changed);
    const read = vi.spyOn(parts.engine, "request");
    await controller.readSaved(new Set(["docs/readme.md"]));
    const bodies = read.mock.calls.filter(([name]) => name === "read").map(([, body]) => body);
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).toMatchObject({ background: true, segments: Uint32Array.of(0) });
  });
});
