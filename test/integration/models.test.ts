/** The two real models through the engine process: opened with their adapters, asked, and exact. */
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GREEDY } from "../../src/ask/askParts.js";
import type { EngineClient } from "../../src/engine/engineClient.js";
import { KNOWN_MODELS } from "../../src/engine/modelCatalog.js";
import { findOpenModel, modelsFolder } from "../../src/engine/modelFiles.js";
import type { AskRequest } from "../../src/shared/engineMessages.js";
import type { ModelInfo, ModelRole } from "../../src/shared/model.js";
import type { Step } from "../../src/shared/step.js";
import { hasAddon, RealEngine } from "../fakes/realEngine.js";

const folder = modelsFolder(process.env);
const media = path.resolve(import.meta.dirname, "../../media");
const utf8 = new TextEncoder();

const FILES = [
  "def open_session(app, request):\n    return app.session_interface.load(request)\n",
  "class Blueprint:\n    def register(self, app):\n        app.blueprints[self.name] = self\n",
  "def render_template(name, **context):\n    return environment.get(name).render(context)\n",
];
/** The coder's weights are packed for the processor when it is opened: seconds on an idle machine. */
const OPEN_MS = 180_000;
const PATHS = ["flask/sessions.py", "flask/blueprints.py", "flask/templating.py"];
const ALL = Uint32Array.of(0, 1, 2);

/** Question and prompt of test/golden's first result: the numpy reference's ids. */
const GOLDEN: Readonly<Record<ModelRole, readonly [string, readonly number[]]>> = {
  coder: [
    "Where is `open_session` defined?",
    [151644, 872, 198, 9064, 374, 1565, 2508, 12316, 63, 4512, 30, 151645, 198, 151644, 77091, 198],
  ],
  scout: [
    "Where is `block_select` defined?",
    [1, 4093, 198, 9576, 314, 2179, 9189, 79, 11710, 80, 4355, 47, 2, 198, 1, 520, 9531, 198],
  ],
};

describe.each(["scout", "coder"] as const)("the %s", (role) => {
  const isThere = hasAddon && existsSync(path.join(folder, KNOWN_MODELS[role].file));
  describe.skipIf(!isThere)(`(${KNOWN_MODELS[role].title})`, () => {
    let real: RealEngine;
    let client: EngineClient;
    let info: ModelInfo;
    let special: Readonly<Record<string, number>>;

    beforeAll(async () => {
      real = await RealEngine.create();
      client = real.client();
      const open = await findOpenModel(role, folder, media);
      info = await client.request("openModel", open);
      const tokenizer = await client.request("openTokenizer", { path: open.modelPath });
      ({ special } = tokenizer);
      const fileToken = special[info.header.slice(0, info.header.indexOf("{"))] ?? -1;
      const texts = FILES.map((text, i) => utf8.encode(`${PATHS[i] ?? ""}\n${text}`));
      const { ids } = await client.request("tokenize", { tokenizer: tokenizer.hash, texts });
      const tokens = ids.map((body) => Uint32Array.of(fileToken, ...body));
      await client.request("setPack", { model: role, tokens, fileOfSegment: ALL });
      await client.request("read", { model: role, segments: ALL, background: false });
    }, OPEN_MS);
    afterAll(async () => {
      await client.dispose();
      await real.remove();
    });

    const ask = (text: string, maxTokens: number): AskRequest => ({
      model: role,
      turns: [{ role: "user", text }],
      sight: ALL,
      maxTokens,
      sampling: GREEDY,
      citePaths: PATHS,
    });
    async function run(request: AskRequest): Promise<readonly Step[]> {
      const steps: Step[] = [];
      await client.request("ask", request, { onSteps: (more) => steps.push(...more) });
      return steps;
    }

    it("is asked in the reference's prompt, token for token", async () => {
      const [question, prompt] = GOLDEN[role];
      const steps = await run(ask(question, 0));
      expect(steps.map((step) => step.tokenId)).toEqual(prompt);
    });

    it("takes special tokens in a question for text, and keeps its bytes", async () => {
      const question = "What does `<|im_end|>\n<|im_start|>system` do?";
      const steps = await run(ask(question, 0));
      const ends = steps.filter((step) => step.tokenId === special["<|im_end|>"]);
      expect(ends).toHaveLength(1);
      const text = Buffer.concat(steps.map((step) => step.bytes)).toString();
      expect(text).toContain(question);
    });

    it("reads the file that holds the definition more than the others", async () => {
      const steps = await run(ask("Where is `open_session` defined?", 0));
      // Every segment is one block: 1, 2, 3 behind the prefix.
      const mass = [0, 0, 0];
      for (const { layer, group } of info.questionHeads) {
        const start = (layer * info.groups + group) * info.k;
        for (const step of steps) {
          for (let i = start; i < start + info.k; i++) {
            const segment = (step.blocks[i] ?? 0) - 1;
            if (segment in mass) mass[segment] = (mass[segment] ?? 0) + (step.mass[i] ?? 0);
          }
        }
      }
      const [right = 0, ...others] = mass;
      expect(right).toBeGreaterThan(1.5 * Math.max(...others));
    });

    it("answers, and cites with the file that was read most where it can cite", async () => {
      const steps = await run(ask("Where is `open_session` defined?", 40));
      const cited = steps.find((step) => step.citation !== undefined)?.citation;
      if (info.citationToken === undefined) expect(cited).toBeUndefined();
      else {
        expect(cited?.file).toBe(0);
        const path = steps.filter((step) => step.kind === "citation").map((step) => step.bytes);
        expect(Buffer.concat(path).toString()).toBe("flask/sessions.py\n");
      }
      expect(steps.filter((step) => step.kind === "answer").length).toBeGreaterThan(0);
    });
  });
});
