/**
 * Runs inside the extension host, over the fake engine: `run` resolves where all passed and rejects
 * where one failed, which is the exit code of the editor. The same file serves code-server and
 * `npm run test:electron`.
 */
import assert from "node:assert/strict";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as vscode from "vscode";
import type { BlocksightApi } from "../../src/views/activate.js";
import { answerInChat } from "../../src/views/answerInChat.js";
import { AskController, type AskHost } from "../../src/views/askController.js";
import { AskModel } from "../../src/views/askModel.js";
import { resolvePath } from "../../src/workspace/resolvePath.js";
import { fakeWorkspace } from "./fakeWorkspace.js";
import manifest from "../../package.json" with { type: "json" };

const tests: Readonly<Record<string, () => Promise<void>>> = {
  "every command of the manifest is registered": async () => {
    await api();
    const known = new Set(await vscode.commands.getCommands(true));
    for (const { command } of manifest.contributes.commands) assert.ok(known.has(command), command);
  },

  "the tool answers with a citation that is a file of the workspace": async () => {
    await api();
    const result = await vscode.lm.invokeTool("ask_repository", {
      input: { question: "Where is open_session defined?" },
      toolInvocationToken: undefined,
    });
    const [part] = result.content;
    assert.ok(part instanceof vscode.LanguageModelTextPart);
    const { answer, citations } = JSON.parse(part.value) as {
      answer: string;
      citations: { path: string }[];
    };
    assert.match(answer, /found in this file/);
    assert.equal(citations[0]?.path, "shop/checkout.py");
  },

  "the model of the editor's chat streams an answer about the workspace": async () => {
    await api();
    const [model] = await vscode.lm.selectChatModels({ vendor: "blocksight" });
    assert.ok(model, "the editor knows the model");
    assert.ok((await model.countTokens("def open_session():")) > 1);
    const { token } = new vscode.CancellationTokenSource();
    const messages = [vscode.LanguageModelChatMessage.User("Where is open_session defined?")];
    const response = await model.sendRequest(messages, {}, token);
    const parts: string[] = [];
    for await (const part of response.text) parts.push(part);
    assert.ok(parts.length > 1, "it came in parts");
    assert.match(parts.join(""), /shop\/checkout\.py/);
  },

  "the chat participant streams text, references its citations and offers the evidence":
    async () => {
      const model = new AskModel(() => undefined);
      const workerPath = path.join(extension().extensionPath, "dist/symbolWorker.cjs");
      const host: AskHost = {
        connect: (selection) => Promise.resolve(fakeWorkspace(workerPath, selection)),
        settings: () => ({
          read: { t: "auto" },
          maxTokens: 60,
          temperature: 0,
          budgetTokens: undefined,
          readInBackground: false,
        }),
        newId: () => "chat",
        onTraced: () => undefined,
        onAnswered: () => Promise.resolve(),
        onStopped: () => Promise.resolve(),
        onBug: (error) => assert.fail(String(error)),
        saveLeftOut: () => undefined,
      };
      const controller = new AskController(model, host, []);
      const texts: string[] = [];
      const places: string[] = [];
      const buttons: string[] = [];
      const { token } = new vscode.CancellationTokenSource();
      const request = { prompt: "Where is open_session defined?" };
      const stream = {
        progress: () => undefined,
        markdown: (text: string | vscode.MarkdownString) => {
          texts.push(typeof text === "string" ? text : text.value);
        },
        reference: (place: unknown) => {
          assert.ok(place instanceof vscode.Location);
          places.push(place.uri.fsPath);
        },
        button: ({ command }: vscode.Command) => {
          buttons.push(command);
        },
      };
      await answerInChat(controller, model, request, stream, token);
      await controller.dispose();
      assert.ok(texts.length > 1, "it came in parts");
      assert.match(texts.join(""), /found in this file/);
      assert.match(places[0] ?? "", /shop.checkout\.py$/);
      assert.deepEqual(buttons, ["blocksight.showEvidence"]);
    },

  "the state holds the answer and its trace can be shown": async () => {
    const { state } = await api();
    const turn = state().turns.at(-1);
    assert.equal(turn?.stopReason, "eos");
    await vscode.commands.executeCommand("blocksight.showEvidence");
    const isOpen = (): boolean =>
      tabs().some(({ input }) => input instanceof vscode.TabInputWebview);
    for (let i = 0; i < 50 && !isOpen(); i++) await sleep(100); // the tab comes a little later
    assert.ok(isOpen());
  },

  "a path of a trace opens nothing outside the open folders": async () => {
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(folder);
    const outside = mkdtempSync(path.join(tmpdir(), "blocksight-outside-"));
    writeFileSync(path.join(outside, "secret.txt"), "secret");
    const link = path.join(folder.uri.fsPath, "link");
    try {
      symlinkSync(outside, link);
    } catch {
      // It is there from a run before.
    }
    const hostile = [
      "../../../etc/passwd",
      "/etc/passwd",
      "shop/../../x",
      "C:\\Windows\\win.ini",
      "\\\\host\\share\\x",
      "link/secret.txt",
      "shop/cart.py\0.txt",
      "",
    ];
    for (const file of hostile) assert.equal(await resolvePath(file), undefined, file);
    assert.ok(await resolvePath("shop/cart.py"));
  },

  "a file that is no trace is refused with a sentence and opens nothing": async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), "blocksight-bad-")), "x.blocksight");
    writeFileSync(file, "BLKSIGHT but not really");
    const before = tabs().length;
    // The message waits for a click; the command must not wait for ever with it.
    void vscode.commands.executeCommand("blocksight.openTrace", vscode.Uri.file(file));
    await sleep(500);
    assert.equal(tabs().length, before);
  },

  "every setting has the default that the manifest says": () => {
    const section = vscode.workspace.getConfiguration();
    for (const [key, { default: value }] of Object.entries(
      manifest.contributes.configuration.properties as Record<string, { default: unknown }>,
    )) {
      assert.deepEqual(section.inspect(key)?.defaultValue, value, key);
    }
    return Promise.resolve();
  },
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function tabs(): readonly vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs);
}

function extension(): vscode.Extension<BlocksightApi> {
  const found = vscode.extensions.getExtension<BlocksightApi>("blocksight.blocksight");
  assert.ok(found, "the extension is installed");
  return found;
}

async function api(): Promise<BlocksightApi> {
  return extension().activate();
}

export async function run(): Promise<void> {
  const failures: string[] = [];
  const lines: string[] = [];
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      lines.push(`ok ${name}`);
    } catch (error) {
      failures.push(name);
      lines.push(`not ok ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const total = Object.keys(tests).length;
  lines.push(`${total - failures.length} passed, ${failures.length} failed`);
  const report = process.env["BLOCKSIGHT_TEST_REPORT"];
  if (report !== undefined) writeFileSync(report, `${lines.join("\n")}\n`);
  if (failures.length > 0) throw new Error(lines.join("\n"));
}
