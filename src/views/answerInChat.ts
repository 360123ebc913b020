/** What `@blocksight` says in the editor's chat: the answer as it comes, its citations, the evidence. */
import * as vscode from "vscode";
import { sayProblem } from "../platform/say.js";
import { resolvePath } from "../workspace/resolvePath.js";
import type { AskController } from "./askController.js";
import type { AskModel } from "./askModel.js";
import { askOnce } from "./askOnce.js";
import { plainMarkdown } from "./chatMessages.js";

type Stream = Pick<vscode.ChatResponseStream, "progress" | "markdown" | "reference" | "button">;

export async function answerInChat(
  controller: AskController,
  model: AskModel,
  request: { readonly prompt: string },
  stream: Stream,
  token: vscode.CancellationToken,
): Promise<void> {
  stream.progress(vscode.l10n.t("Reading the repository"));
  const onText = (text: string): void => stream.markdown(plain(text));
  const turn = await askOnce(controller, model, request.prompt, token, { onText });
  if (turn?.error !== undefined) {
    stream.markdown(plain(sayProblem(turn.error)));
    return;
  }
  for (const { path, startLine, endLine } of turn?.citations ?? []) {
    const uri = await resolvePath(path);
    if (uri === undefined) continue;
    stream.reference(new vscode.Location(uri, new vscode.Range(startLine - 1, 0, endLine - 1, 0)));
  }
  const title = vscode.l10n.t("Show Evidence");
  if (turn?.hasTrace === true) stream.button({ command: "blocksight.showEvidence", title });
}

function plain(text: string): vscode.MarkdownString {
  return new vscode.MarkdownString(plainMarkdown(text));
}
