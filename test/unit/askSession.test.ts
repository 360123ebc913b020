import { describe, expect, it } from "vitest";
import type { AskEvent } from "../../src/ask/askEvents.js";
import { GREEDY, type Question } from "../../src/ask/askParts.js";
import type { Rates } from "../../src/ask/rates.js";
import { AskSession } from "../../src/askSession.js";
import { BlocksightError } from "../../src/shared/errors.js";
import { SLOW_CODER, fakeParts, keepEvents } from "../fakes/fakeParts.js";
import { TINY_PROJECT, tinyPack } from "../fakes/tinyPack.js";

const question = (more: Partial<Question> = {}): Question => ({
  text: "Where is `open_session` defined?",
  read: { t: "auto" },
  maxTokens: 100,
  sampling: GREEDY,
  ...more,
});

const never = (): AbortSignal => new AbortController().signal;

function ofType<T extends AskEvent["t"]>(
  events: readonly AskEvent[],
  t: T,
): Extract<AskEvent, { t: T }>[] {
  return events.filter((event): event is Extract<AskEvent, { t: T }> => event.t === t);
}

/** Rates under which neither model reads everything in passing. */
const SLOW: Rates = { get: () => 1, set: () => undefined };

/** Words without digits: the fake tokenizer would take those apart. */
const WORDS = Array.from({ length: 30 }, (_, at) => {
  const letter = (n: number): string => "bdfklmnprstvz"[n % 13] ?? "b";
  return `${letter(at)}o${letter(Math.floor(at / 13))}ak`;
});

/** 30 small files of one segment each: more than `auto` reads. */
const manyFiles = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    WORDS.map((word) => [`src/${word}.py`, `def ${word}(value):\n    return other(value)\n`]),
  );

const whereIs = (at: number): string => `Where is \`${WORDS[at] ?? ""}\` defined?`;

describe("asking", () => {
  it("answers with a citation, its lines, and the right file first by focus", async () => {
    const { events, onEvent } = keepEvents();
    const session = new AskSession(fakeParts());
    const { result } = await session.ask(question(), { signal: never(), onEvent });

    expect(result.stopReason).toBe("eos");
    expect(result.files[0]?.path).toBe("shop/checkout.py");
    const [citation] = result.citations;
    expect(citation?.path).toBe("shop/checkout.py");
    expect(result.answer.slice(citation?.at).startsWith("shop/checkout.py\n")).toBe(true);
    expect(result.answer).not.toContain("file_sep");
    const cited = result.files[0]?.blocks.find((block) => block.startLine === citation?.startLine);
    expect(cited?.endLine).toBe(citation?.endLine);
    expect(cited?.symbols).toContain("open_session");
    expect(
      ofType(events, "text")
        .map(({ text }) => text)
        .join(""),
    ).toBe(result.answer);
    expect(ofType(events, "citation").map((event) => event.citation)).toEqual(result.citations);
  });

  it("shows what the question read before the first word of the answer", async () => {
    const { events, onEvent } = keepEvents();
    await new AskSession(fakeParts()).ask(question(), { signal: never(), onEvent });
    const order = events.map(({ t }) => t).filter((t) => t === "questionRead" || t === "text");
    expect(order[0]).toBe("questionRead");
    expect(order.filter((t) => t === "questionRead")).toHaveLength(1);
    const [read] = ofType(events, "questionRead");
    expect(read?.files[0]?.path).toBe("shop/checkout.py");
    expect(read?.files[0]?.blocks.flatMap(({ symbols }) => symbols)).toContain("open_session");
  });

  it("joins a character whose bytes come in two tokens", async () => {
    // The fake tokenizer cuts words every six bytes: inside the three bytes of a sign.
    const parts = fakeParts({ answer: () => ["日本語テキスト"] });
    const { result } = await new AskSession(parts).ask(question(), {
      signal: never(),
      onEvent: () => undefined,
    });
    expect(result.answer).toBe("日本語テキスト");
  });
});

describe("the reading order", () => {
  it("reads everything and asks no scout where that is quick", async () => {
    const { result } = await new AskSession(fakeParts()).ask(question(), {
      signal: never(),
      onEvent: () => undefined,
    });
    expect(result.scout).toBeNull();
    expect(result.sight).toMatchObject({ mode: "auto", notRead: [] });
    expect(result.sight.segments).toBe(result.sight.ofSegments);
    expect(result.files.every(({ scoutFocus }) => scoutFocus === null)).toBe(true);
  });

  it("reads the twelve best of the scout where everything would take long", async () => {
    const pack = (): ReturnType<typeof tinyPack> => tinyPack(manyFiles());
    const parts = fakeParts({ rates: SLOW_CODER, pack });
    const { result } = await new AskSession(parts).ask(question({ text: whereIs(17) }), {
      signal: never(),
      onEvent: () => undefined,
    });
    expect(result.scout?.name).toBe("Fake-Scout");
    expect(result.sight).toMatchObject({ segments: 12, ofSegments: 30, mode: "auto" });
    expect(result.sight.notRead).toHaveLength(10);
    expect(result.files[0]).toMatchObject({ path: `src/${WORDS[17] ?? ""}.py`, inSight: true });
    const inSight = result.files.filter((file) => file.inSight);
    const worst = Math.min(...inSight.map(({ scoutFocus }) => scoutFocus ?? 0));
    expect(worst).toBeGreaterThanOrEqual(result.sight.notRead[0]?.scoutFocus ?? 1);
  });

  it("keeps in sight what auto read before, and only auto does", async () => {
    const pack = (): ReturnType<typeof tinyPack> => tinyPack(manyFiles());
    const session = new AskSession(fakeParts({ rates: SLOW_CODER, pack }));
    const ask = async (text: string, read: Question["read"]): Promise<number> => {
      const options = { signal: never(), onEvent: (): void => undefined };
      return (await session.ask(question({ text, read }), options)).result.sight.segments;
    };
    expect(await ask(whereIs(3), { t: "auto" })).toBe(12);
    expect(await ask(whereIs(28), { t: "auto" })).toBeGreaterThan(12);
    expect(await ask(whereIs(28), { t: "count", count: 5 })).toBe(5);
  });

  it("counts exactly the segments with the highest scout focus", async () => {
    const pack = (): ReturnType<typeof tinyPack> => tinyPack(manyFiles());
    const { result } = await new AskSession(fakeParts({ pack })).ask(
      question({ read: { t: "count", count: 4 }, text: whereIs(9) }),
      { signal: never(), onEvent: () => undefined },
    );
    expect(result.sight).toMatchObject({ segments: 4, mode: "count" });
    const byScout = [...result.files].sort((a, b) => (b.scoutFocus ?? 0) - (a.scoutFocus ?? 0));
    expect(new Set(byScout.slice(0, 4).map(({ path }) => path))).toEqual(
      new Set(result.files.filter(({ inSight }) => inSight).map(({ path }) => path)),
    );
  });

  it("stops at the budget, but not before five of the twelve are in sight", async () => {
    let clock = 0;
    const parts = fakeParts({ rates: SLOW_CODER, pack: () => tinyPack(manyFiles()) });
    const { engine } = parts;
    const bodies: unknown[] = [];
    const request = engine.request.bind(engine);
    engine.request = (name, body, options) => {
      if (name === "read") bodies.push(body);
      clock += 1000;
      return request(name, body, options);
    };
    await new AskSession({ ...parts, now: () => clock }).ask(question(), {
      signal: never(),
      onEvent: () => undefined,
    });
    expect(bodies.at(-1)).toMatchObject({ model: "coder", budgetMs: 10_000, atLeast: 5 });
  });

  it("re-reads only the changed segments of an edited file", async () => {
    let texts = TINY_PROJECT;
    const session = new AskSession(
      fakeParts({ pack: () => tinyPack(texts, { segmentLines: 10 }) }),
    );
    const options = { signal: never(), onEvent: (): void => undefined };
    const first = await session.ask(question({ read: { t: "all" } }), options);
    const again = await session.ask(question({ read: { t: "all" } }), options);
    const before = texts["shop/checkout.py"] ?? "";
    texts = { ...texts, "shop/checkout.py": before.replace("Checkout of the shop", "The till") };
    const edited = await session.ask(question({ read: { t: "all" } }), options);
    expect(first.result.timings.reusedTokens).toBe(0);
    expect(again.result.timings.prefillTokens).toBe(0);
    const changed = tinyPack(texts, { segmentLines: 10 });
    const segment =
      changed.files.find(({ path }) => path === "shop/checkout.py")?.firstSegment ?? -1;
    expect(edited.result.timings.prefillTokens).toBe(
      changed.models[0]?.tokens[segment]?.length ?? -1,
    );
  });

  it("reads on in the background what was not in sight", async () => {
    const session = new AskSession(
      fakeParts({ rates: SLOW_CODER, pack: () => tinyPack(manyFiles()) }),
    );
    const { events, onEvent } = keepEvents();
    await session.ask(question(), { signal: never(), onEvent });
    await session.readOn({ signal: never(), onEvent });
    expect(ofType(events, "readingEnded").at(-1)).toMatchObject({ model: "coder", segments: 18 });
    const { result } = await session.ask(question(), { signal: never(), onEvent });
    expect(result.sight.segments).toBe(30);
  });

  it("lets the scout rank a part first, says which, and ranks over all once it has read on", async () => {
    const session = new AskSession(fakeParts({ rates: SLOW, pack: () => tinyPack(manyFiles()) }));
    const { events, onEvent } = keepEvents();
    const first = await session.ask(question({ text: whereIs(17) }), { signal: never(), onEvent });
    expect(ofType(events, "readingStarts")[0]).toMatchObject({ model: "scout", segments: 20 });
    expect(ofType(events, "reading")[0]).toMatchObject({ segments: 20, ofSegments: 30 });
    expect(ofType(events, "scouted")).toMatchObject([{ segments: 20, ofSegments: 30 }]);
    expect(first.result.sight.scouted).toBe(20);
    expect(first.result.files[0]?.path).toBe(`src/${WORDS[17] ?? ""}.py`);
    const unranked = first.result.files.filter(({ scoutFocus }) => scoutFocus === null);
    expect(unranked).toHaveLength(10);
    expect(unranked.some(({ inSight }) => inSight)).toBe(false);

    events.length = 0;
    await session.readOn({ signal: never(), onEvent });
    expect(ofType(events, "readingEnded")).toMatchObject([
      { model: "scout", segments: 10 },
      { model: "coder", segments: 18 },
    ]);
    const again = await session.ask(
      question({ text: whereIs(28), read: { t: "count", count: 3 } }),
      {
        signal: never(),
        onEvent,
      },
    );
    expect(again.result.sight.scouted).toBe(30);
    expect(again.result.timings.scoutMs).toBeGreaterThanOrEqual(0);
    expect(ofType(events, "readingStarts").at(-2)).toMatchObject({ model: "scout", tokens: 0 });
  });

  it("lets the scout read everything where that is asked for", async () => {
    const parts = fakeParts({ rates: SLOW, pack: () => tinyPack(manyFiles()) });
    const { result } = await new AskSession(parts).ask(question({ scout: "all" }), {
      signal: never(),
      onEvent: () => undefined,
    });
    expect(result.sight.scouted).toBe(30);
    expect(result.files.every(({ scoutFocus }) => scoutFocus !== null)).toBe(true);
  });

  it("ranks what the scout read for another question as well", async () => {
    const session = new AskSession(fakeParts({ rates: SLOW, pack: () => tinyPack(manyFiles()) }));
    const options = { signal: never(), onEvent: (): void => undefined };
    // Of files that the question says nothing about, those first by path come first.
    await session.ask(question({ text: whereIs(3) }), options);
    const { result } = await session.ask(question({ text: whereIs(25) }), options);
    expect(result.sight.scouted).toBe(21);
    expect(result.files[0]?.path).toBe(`src/${WORDS[25] ?? ""}.py`);
  });

  it("goes on with the scout where it was stopped, not with the coder", async () => {
    const session = new AskSession(
      fakeParts({ rates: SLOW, segmentDelayMs: 1, pack: () => tinyPack(manyFiles()) }),
    );
    const { events, onEvent } = keepEvents();
    await session.ask(question({ text: whereIs(17) }), { signal: never(), onEvent });
    const controller = new AbortController();
    events.length = 0;
    await session.readOn({
      signal: controller.signal,
      onEvent: (event) => {
        onEvent(event);
        if (event.t === "reading") controller.abort();
      },
    });
    expect(ofType(events, "readingEnded").map(({ model }) => model)).toEqual(["scout"]);
    const [stopped] = ofType(events, "readingEnded");
    await session.readOn({ signal: never(), onEvent });
    expect(ofType(events, "readingEnded")[1]).toMatchObject({
      model: "scout",
      segments: 10 - (stopped?.segments ?? 0),
    });
  });

  it("reads everything with the scout alone, and says so where a number was asked for", async () => {
    const { events, onEvent } = keepEvents();
    const { result } = await new AskSession(fakeParts({ isScoutAlone: true })).ask(
      question({ read: { t: "count", count: 2 } }),
      { signal: never(), onEvent },
    );
    expect(result.model.name).toBe("Fake-Scout");
    expect(result.sight).toMatchObject({ mode: "all", segments: result.sight.ofSegments });
    expect(ofType(events, "notice")).toHaveLength(1);
    expect(result.citations).toEqual([]);
  });
});

describe("stopping", () => {
  const stopAt = async (
    t: AskEvent["t"],
    options: Parameters<typeof fakeParts>[0],
  ): ReturnType<AskSession["ask"]> => {
    const controller = new AbortController();
    return new AskSession(fakeParts({ segmentDelayMs: 1, stepDelayMs: 1, ...options })).ask(
      question(),
      {
        signal: controller.signal,
        onEvent: (event) => {
          if (event.t === t) controller.abort();
        },
      },
    );
  };

  it("keeps the answer so far and its trace when stopped while answering", async () => {
    const { result, trace } = await stopAt("text", {});
    expect(result.stopReason).toBe("cancelled");
    expect(result.answer).not.toBe("");
    expect(result.files[0]?.path).toBe("shop/checkout.py");
    expect(trace.store.trace("coder").length).toBeGreaterThan(0);
  });

  it("keeps what is in sight when stopped while reading", async () => {
    const { result } = await stopAt("reading", {});
    expect(result.stopReason).toBe("cancelled");
    expect(result.sight.segments).toBeGreaterThan(0);
    expect(result.sight.segments).toBeLessThan(result.sight.ofSegments);
    expect(result.answer).toBe("");
  });

  it("has a result without sight when stopped while the scout reads", async () => {
    const { result } = await stopAt("reading", { rates: SLOW_CODER });
    expect(result).toMatchObject({ stopReason: "cancelled", answer: "" });
    expect(result.sight.segments).toBe(0);
  });

  it("rejects as cancelled before there is anything to show", async () => {
    const signal = AbortSignal.abort();
    const asked = new AskSession(fakeParts()).ask(question(), {
      signal,
      onEvent: () => undefined,
    });
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("failures", () => {
  const ask = (
    options: Parameters<typeof fakeParts>[0],
    more: Partial<Question> = {},
  ): ReturnType<AskSession["ask"]> =>
    new AskSession(fakeParts(options)).ask(question(more), {
      signal: never(),
      onEvent: () => undefined,
    });

  it("names the largest folders when the pack is over the budget", async () => {
    const asked = ask({}, { budgetTokens: 100 });
    await expect(asked).rejects.toMatchObject({ code: "overBudget" });
    await expect(asked).rejects.toThrow(/budget is 100; the largest: shop\/ [\d,]+, docs\/ \d+/);
  });

  it("has nothing to say of a pack without files", async () => {
    const asked = ask({ pack: () => tinyPack({}) });
    await expect(asked).rejects.toMatchObject({ code: "emptyRepository" });
  });

  it("takes half of the free memory as the budget", async () => {
    // The fake models need 1,024 bytes a token.
    await expect(ask({ freeMemoryBytes: 200 * 1024 })).rejects.toThrow(/budget is 100/);
  });

  it("refuses a second question while one is being answered", async () => {
    const session = new AskSession(fakeParts({ stepDelayMs: 1 }));
    const options = { signal: never(), onEvent: (): void => undefined };
    const first = session.ask(question(), options);
    await expect(session.ask(question(), options)).rejects.toMatchObject({ code: "engineBusy" });
    await first;
  });

  it("fails when the engine is killed in the middle, and answers the next question", async () => {
    const parts = fakeParts({ stepDelayMs: 1 });
    const session = new AskSession(parts);
    let isKilled = false;
    const options = {
      signal: never(),
      onEvent: (event: AskEvent): void => {
        if (event.t !== "text" || isKilled) return;
        isKilled = true;
        parts.engine.kill();
      },
    };
    await expect(session.ask(question(), options)).rejects.toMatchObject({ code: "engineKilled" });
    const { result } = await session.ask(question(), options);
    expect(result.stopReason).toBe("eos");
  });

  it("passes on a model that cannot be opened, and tries again the next time", async () => {
    let fails = 1;
    const error = new BlocksightError("modelTruncated", "It ends early.", "Fetch it again.");
    const session = new AskSession(
      fakeParts({ fail: (name) => (name === "openModel" && fails-- > 0 ? error : undefined) }),
    );
    const options = { signal: never(), onEvent: (): void => undefined };
    await expect(session.ask(question(), options)).rejects.toBe(error);
    expect((await session.ask(question(), options)).result.stopReason).toBe("eos");
  });
});

describe("a conversation", () => {
  it("passes on earlier turns and traces only the current one", async () => {
    const { trace } = await new AskSession(fakeParts()).ask(
      question({
        text: "And `reserve`?",
        history: [
          { role: "user", text: "Where is `open_session` defined?" },
          { role: "assistant", text: "In shop/checkout.py" },
        ],
      }),
      { signal: never(), onEvent: () => undefined },
    );
    const steps = trace.store.trace("coder");
    const { to } = steps.question;
    const bytes = Array.from({ length: to }, (_, at) => Buffer.from(steps.head(at).bytes));
    const text = Buffer.concat(bytes).toString();
    expect(text).toContain("And `reserve`?");
    expect(text).not.toContain("open_session");
  });
});
