/**
 * Thin adapters to the editor's own AI surfaces, each only where the editor has it: the chat
 * participant `@blocksight`, the tool `ask_repository`, and Blocksight as a model of the chat. The
 * product's own views need none of them.
 */
import * as vscode from "vscode";
import { sayProblem } from "../platform/say.js";
import type { Log } from "../platform/log.js";
import type { AskController } from "./askController.js";
import type { AskModel } from "./askModel.js";
import { askOnce } from "./askOnce.js";
import { answerInChat } from "./answerInChat.js";
import { chatProvider, VENDOR } from "./chatProvider.js";

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
  register("chat participant", () =>
    vscode.chat.createChatParticipant("blocksight.chat", (request, _context, stream, token) =>
      answerInChat(controller, model, request, stream, token),
    ),
  );
  register("language model tool", () => tool(controller, model));
  register("language model", () =>
    vscode.lm.registerLanguageModelChatProvider(VENDOR, chatProvider(controller, model)),
  );
  return vscode.Disposable.from(...registered);
}

function tool(controller: AskController, model: AskModel): { dispose(): unknown } {
  return vscode.lm.registerTool<ToolInput>("ask_repository", {
    prepareInvocation: ({ input }) => ({
      invocationMessage: vscode.l10n.t("Asking the repository: {0}", input.question),
    }),
    invoke: async ({ input }, token) => {
      const turn = await askOnce(controller, model, input.question, token);
      if (turn?.error !== undefined) throw new Error(sayProblem(turn.error));
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
