/**
 * Thin adapters to the editor's own AI surfaces, each only where the editor has it: the chat
 * participant `@blocksight` and the tool `ask_repository`. The product's own views need none of them.
 */
import * as vscode from "vscode";
import type { Log } from "../platform/log.js";
import type { AskTurn } from "../shared/messages.js";
import { resolvePath } from "../workspace/resolvePath.js";
import type { AskController } from "./askController.js";
import type { AskModel } from "./askModel.js";

interface ToolInput {
  readonly question: string;
}

export function registerAdapters(
  controller: AskController,
  model: AskModel,
  log: Log,
): vscode.Disposable {
  const registered: { dispose(): unknown }[] = [];
  const register = (name: string, work: () => { dispose(): unknown }): void => {
    try {
      registered.push(work());
    } catch (error) {
      // A host without this surface: everything else works without it.
      log.info(`${name} is not offered by this editor: ${String(error)}`);
    }
  };
  register("chat participant", () => participant(controller, model));
  register("language model tool", () => tool(controller, model));
  return vscode.Disposable.from(...registered);
}

/** Asks through the same controller as the view, so that the answer is there too. */
async function askOnce(
  controller: AskController,
  model: AskModel,
  question: string,
  token: vscode.CancellationToken,
): Promise<AskTurn | undefined> {
  const stop = token.onCancellationRequested(() => controller.stop());
  try {
    await controller.ask(question);
  } finally {
    stop.dispose();
  }
  return model.state.turns.at(-1);
}

function participant(controller: AskController, model: AskModel): { dispose(): unknown } {
  return vscode.chat.createChatParticipant(
    "blocksight.chat",
    async (request, _context, stream, token) => {
      stream.progress(vscode.l10n.t("Reading the repository"));
      const turn = await askOnce(controller, model, request.prompt, token);
      if (turn?.error !== undefined) {
        stream.markdown(plain(`${turn.error.message} ${turn.error.next}`));
        return;
      }
      if (turn === undefined) return;
      stream.markdown(plain(turn.answer));
      for (const { path, startLine, endLine } of turn.citations) {
        const uri = await resolvePath(path);
        if (uri === undefined) continue;
        const range = new vscode.Range(startLine - 1, 0, endLine - 1, 0);
        stream.reference(new vscode.Location(uri, range));
      }
      stream.button({
        command: "blocksight.showEvidence",
        title: vscode.l10n.t("Show Evidence"),
      });
    },
  );
}

function tool(controller: AskController, model: AskModel): { dispose(): unknown } {
  return vscode.lm.registerTool<ToolInput>("ask_repository", {
    prepareInvocation: ({ input }) => ({
      invocationMessage: vscode.l10n.t("Asking the repository: {0}", input.question),
    }),
    invoke: async ({ input }, token) => {
      const turn = await askOnce(controller, model, input.question, token);
      if (turn?.error !== undefined) throw new Error(`${turn.error.message} ${turn.error.next}`);
      const text = JSON.stringify({
        answer: turn?.answer ?? "",
        citations: turn?.citations ?? [],
        files: (turn?.files ?? []).map(({ path, startLine, endLine, focus }) => ({
          path,
          startLine,
          endLine,
          focus,
        })),
      });
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
    },
  });
}

/** Model text as text: no links that run commands, no remote images. */
function plain(text: string): vscode.MarkdownString {
  return new vscode.MarkdownString().appendText(text);
}
