/**
 * A connection for a real editor without models: the open folders are packed as in the product, and
 * the fake engine reads them. `BLOCKSIGHT_FAKES` names a JSON file of `FakeSettings`, which is read
 * when the engine starts, so that "Restart the Engine" takes what a test has written meanwhile.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";
import type { ConnectedParts } from "../../src/ask/askParts.js";
import { MOST_TOKENS, overBudget } from "../../src/ask/budget.js";
import { openPackTokenizers, WorkspacePacker } from "../../src/packWorkspace.js";
import type { Engine, RequestOptions } from "../../src/shared/engine.js";
import type { EngineRequestName, EngineRequests } from "../../src/shared/engineMessages.js";
import { SymbolPool } from "../../src/symbols/symbolPool.js";
import type { PackSelection } from "../../src/views/askController.js";
import { openFolders } from "../../src/workspace/openFolders.js";
import { FakeEngine } from "../fakes/fakeEngine.js";
import { fakeParts, SLOW_CODER } from "../fakes/fakeParts.js";

export interface FakeSettings {
  readonly stepDelayMs?: number;
  readonly segmentDelayMs?: number;
  /** Texts of the answer, in front of a citation of the file with the most focus. */
  readonly answer?: readonly string[];
  /** A file that gets one line for everything asked of the engine; see `EngineLine`. */
  readonly log?: string;
}

/** `read` and `ask` say how they ended; `cancel` is when the engine was told to stop. */
export interface EngineLine {
  readonly id: number;
  readonly name: EngineRequestName;
  readonly t: "start" | "cancel" | "end";
  readonly segments?: number;
  readonly background?: boolean;
  readonly readSegments?: number;
  readonly cancelled?: boolean;
}

export function fakeWorkspace(workerPath: string, selection: () => PackSelection): ConnectedParts {
  const settings = readSettings();
  const { stepDelayMs = 15, segmentDelayMs = 40, answer, log } = settings;
  const fake = new FakeEngine({
    stepDelayMs,
    segmentDelayMs,
    ...(answer === undefined
      ? {}
      : {
          answer: (_question, [first]) => [
            ...answer,
            ...(first === undefined ? [] : [{ cite: first }]),
          ],
        }),
  });
  const engine = log === undefined ? fake : logged(fake, log);
  const symbols = new SymbolPool({ workerPath });
  const packer = new WorkspacePacker({ engine, findSymbols: symbols.findSymbols });
  return {
    ...fakeParts({ rates: SLOW_CODER }),
    engine,
    pack: async ({ signal, onProgress }) => {
      const { budgetTokens = MOST_TOKENS, ...folders } = openFolders(selection());
      const tokenizers = await openPackTokenizers(engine, [{ path: "coder" }, { path: "scout" }]);
      const options = { ...folders, budgetTokens, tokenizers, signal, onProgress };
      const built = await packer.pack({ ...options, layout: "independent" });
      if (built.t === "pack") return built.pack;
      const { tokens, folders: largest, isEstimate } = built.over;
      throw overBudget(tokens, budgetTokens, largest, isEstimate);
    },
    dispose: async () => {
      await symbols.dispose();
      await engine.dispose();
    },
  };
}

function readSettings(): FakeSettings {
  const file = process.env["BLOCKSIGHT_FAKES"];
  if (file === undefined || !existsSync(file)) return {};
  return JSON.parse(readFileSync(file, "utf8")) as FakeSettings;
}

/** Over all engines of a window, so that a line's request can be told from an earlier engine's. */
let nextId = 1;

function logged(engine: FakeEngine, file: string): Engine {
  return {
    dispose: () => engine.dispose(),
    request: async <N extends EngineRequestName>(
      name: N,
      body: EngineRequests[N][0],
      options: RequestOptions = {},
    ): Promise<EngineRequests[N][1]> => {
      const id = nextId++;
      const tell = (line: Omit<EngineLine, "id" | "name">): void =>
        appendFileSync(file, `${JSON.stringify({ id, name, ...line })}\n`);
      tell({ t: "start", ...(name === "read" ? sizeOf(body as EngineRequests["read"][0]) : {}) });
      const onAbort = (): void => tell({ t: "cancel" });
      options.signal?.addEventListener("abort", onAbort);
      try {
        const reply = await engine.request(name, body, options);
        tell({ t: "end", ...endOf(name, reply) });
        return reply;
      } finally {
        options.signal?.removeEventListener("abort", onAbort);
      }
    },
  };
}

function sizeOf({ segments, background }: EngineRequests["read"][0]): Partial<EngineLine> {
  return { segments: segments.length, background };
}

function endOf(name: EngineRequestName, reply: unknown): Partial<EngineLine> {
  if (name === "read") {
    const { read, cancelled } = reply as EngineRequests["read"][1];
    return { readSegments: read.length, cancelled };
  }
  if (name !== "ask") return {};
  return { cancelled: (reply as EngineRequests["ask"][1]).stopReason === "cancelled" };
}
