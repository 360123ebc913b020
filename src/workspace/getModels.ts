/** "Get the Models": fetched with progress and checked, or taken from files of the user's. */
import * as vscode from "vscode";
import { KNOWN_MODELS, type KnownModel } from "../engine/modelCatalog.js";
import { findModel, getModel } from "../engine/modelFiles.js";
import { readConfig } from "../platform/config.js";
import { modelsFolderOf } from "./connectWorkspace.js";

function folder(): string {
  return modelsFolderOf(readConfig());
}

/** Models that the settings need and that are not there whole. */
async function missingModels(): Promise<readonly KnownModel[]> {
  const { answeringModel } = readConfig();
  const needed =
    answeringModel === "scout" ? ["scout" as const] : ["scout" as const, "coder" as const];
  const found = await Promise.all(
    needed.map(async (role) => ({ role, ...(await findModel(KNOWN_MODELS[role], folder())) })),
  );
  return found.filter(({ state }) => state !== "present").map(({ role }) => KNOWN_MODELS[role]);
}

export async function areModelsPresent(): Promise<boolean> {
  return (await missingModels()).length === 0;
}

/** True where the models are there afterwards. Nothing is fetched without a click on "Download". */
export async function getModels(): Promise<boolean> {
  const missing = await missingModels();
  if (missing.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("The models are already there."));
    return true;
  }
  const megabytes = Math.round(missing.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6);
  const download = vscode.l10n.t("Download");
  const choose = vscode.l10n.t("Choose Files…");
  const titles = missing.map(({ title }) => title).join(", ");
  const chosen = await vscode.window.showInformationMessage(
    vscode.l10n.t("Blocksight needs {0} ({1} MB).", titles, megabytes),
    {
      modal: true,
      detail: vscode.l10n.t(
        "They are checked and kept in {0}. Nothing else is ever fetched.",
        folder(),
      ),
    },
    download,
    choose,
  );
  if (chosen === undefined) return false;
  for (const model of missing) {
    const from = chosen === choose ? await chooseFile(model) : undefined;
    if (chosen === choose && from === undefined) return false;
    await getOne(model, from);
  }
  return true;
}

async function chooseFile(model: KnownModel): Promise<string | undefined> {
  const [file] =
    (await vscode.window.showOpenDialog({ title: model.file, filters: { GGUF: ["gguf"] } })) ?? [];
  return file?.fsPath;
}

async function getOne(model: KnownModel, from: string | undefined): Promise<void> {
  await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t("Getting {0}", model.title),
      cancellable: true,
    },
    async (progress, token) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => abort.abort());
      let shown = 0;
      await getModel(model, {
        folder: folder(),
        signal: abort.signal,
        ...(from === undefined ? {} : { from }),
        onProgress: ({ source, doneBytes, totalBytes }) => {
          const percent = (doneBytes / totalBytes) * 100;
          if (percent - shown < 0.5 && percent < 100) return;
          const message = `${(doneBytes / 1e6).toFixed(0)} / ${(totalBytes / 1e6).toFixed(0)} MB, ${source}`;
          progress.report({ increment: percent - shown, message });
          shown = percent;
        },
      });
    },
  );
}
