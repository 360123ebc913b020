/**
 * Blocksight as a language model of the editor's own chat: another extension or the model picker
 * asks it, and the answer comes from the open repository, through the same controller as the view's.
 * It calls no tools and takes the last message as the question: the editor's own prompts, which are
 * made for models that are sent files, do not help a model that has read them.
 */
import * as vscode from "vscode";
import { sayProblem } from "../platform/say.js";
import { chatQuestion, textOf } from "./chatMessages.js";
import type { AskController } from "./askController.js";
import type { AskModel } from "./askModel.js";
import { askOnce } from "./askOnce.js";

/** Of the conversation's 2,048 tokens; the other 1,536 are for question and history. */
const MOST_ANSWER_TOKENS = 512;
const MOST_QUESTION_TOKENS = 1536;

export const VENDOR = "blocksight";

export function chatProvider(
  controller: AskController,
  model: AskModel,
): vscode.LanguageModelChatProvider {
  return {
    provideLanguageModelChatInformation: () => [
      {
        id: "repository",
        name: "Blocksight",
        family: "blocksight",
        version: "1",
        detail: vscode.l10n.t("this repository, offline"),
        tooltip: vscode.l10n.t(
          "A local model that has read the open repository. It answers questions about it and calls no tools.",
        ),
        maxInputTokens: MOST_QUESTION_TOKENS,
        maxOutputTokens: MOST_ANSWER_TOKENS,
        capabilities: { imageInput: false, toolCalling: false },
      },
    ],
    provideLanguageModelChatResponse: async (_model, messages, _options, progress, token) => {
      const question = chatQuestion(
        messages.map(({ role, content }) => ({
          role: role === vscode.LanguageModelChatMessageRole.User ? "user" : "assistant",
          content,
        })),
      );
      if (question === undefined) throw new Error(vscode.l10n.t("There is no question."));
      const { text, history } = question;
      const onText = (part: string): void =>
        progress.report(new vscode.LanguageModelTextPart(part));
      const turn = await askOnce(controller, model, text, token, { history, onText });
      if (turn?.error !== undefined) throw new Error(sayProblem(turn.error));
    },
    provideTokenCount: (_model, text) =>
      controller.countTokens(typeof text === "string" ? text : text.content.map(textOf).join("")),
  };
}
