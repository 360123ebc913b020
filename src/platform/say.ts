/** Phrases in the editor's language. */
import * as vscode from "vscode";
import type { Problem } from "../shared/messages.js";
import type { Phrase } from "../shared/phrase.js";

function say({ text, values }: Phrase): string {
  return vscode.l10n.t(text, ...values);
}

export function sayProblem({ message, next }: Problem): string {
  return `${say(message)} ${say(next)}`;
}
