/** A session's parts over the fake engine and texts instead of a directory. */
import type { AskParts } from "../../src/ask/askParts.js";
import type { AskEvent } from "../../src/ask/askEvents.js";
import type { Rates } from "../../src/ask/rates.js";
import type { Pack } from "../../src/shared/pack.js";
import { FakeEngine, type FakeEngineOptions } from "./fakeEngine.js";
import { TINY_PROJECT, tinyPack } from "./tinyPack.js";

export interface FakeParts extends AskParts {
  readonly engine: FakeEngine;
  dispose(): Promise<void>;
  /** What the next question packs. */
  nextPack: () => Pack;
}

/** Rates under which reading the tiny project takes the coder minutes and the scout no time. */
export const SLOW_CODER: Rates = {
  get: (key) => (key.includes("Coder") ? 1 : 1e6),
  set: () => undefined,
};

const FAST: Rates = { get: () => 1e9, set: () => undefined };

export function fakeParts(
  options: FakeEngineOptions & {
    readonly rates?: Rates;
    readonly isScoutAlone?: boolean;
    readonly pack?: () => Pack;
  } = {},
): FakeParts {
  const engine = new FakeEngine(options);
  const parts: FakeParts = {
    engine,
    rates: options.rates ?? FAST,
    nextPack: options.pack ?? (() => tinyPack(TINY_PROJECT)),
    models: () =>
      Promise.resolve(
        options.isScoutAlone
          ? { answering: { role: "scout", modelPath: "/models/scout.gguf" } }
          : {
              answering: { role: "coder", modelPath: "/models/coder.gguf" },
              scout: { role: "scout", modelPath: "/models/scout.gguf" },
            },
      ),
    pack: ({ signal, models }) => {
      signal.throwIfAborted();
      const pack = parts.nextPack();
      const answersAlone = models.answering.role === "scout";
      return Promise.resolve(answersAlone ? { ...pack, models: pack.models.toReversed() } : pack);
    },
    dispose: () => engine.dispose(),
  };
  return parts;
}

/** Listens and keeps. */
export function keepEvents(): {
  readonly events: AskEvent[];
  readonly onEvent: (event: AskEvent) => void;
} {
  const events: AskEvent[] = [];
  return { events, onEvent: (event) => events.push(event) };
}
