/** The error boundary of every command: cancelled is silent, expected is said, a bug is logged. */
import * as vscode from "vscode";
import { BlocksightError } from "../shared/errors.js";
import { problemOf } from "../shared/problems.js";
import type { Log } from "./log.js";
import { sayProblem } from "./say.js";

export async function runCommand(log: Log, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) return;
    log.error(error);
    if (error instanceof BlocksightError) {
      await vscode.window.showErrorMessage(sayProblem(problem));
      return;
    }
    const showLog = vscode.l10n.t("Show Log");
    const message = error instanceof Error ? error.message : String(error);
    const chosen = await vscode.window.showErrorMessage(
      vscode.l10n.t("Blocksight met an error that it did not expect: {0}", message),
      showLog,
    );
    if (chosen === showLog) log.show();
  }
}
