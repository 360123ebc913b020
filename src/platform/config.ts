/** The settings, typed and read once per use: a change counts from the next question on. */
import * as vscode from "vscode";

export interface Config {
  readonly answeringModel: "coder" | "scout";
  /** "" means the default folder. */
  readonly modelsFolder: string;
  readonly readMode: "auto" | "all" | "count";
  readonly readSegments: number;
  readonly readOnSave: boolean;
  readonly readInBackground: boolean;
  readonly maxTokens: number;
  readonly temperature: number;
  /** 0: one for each physical core. */
  readonly threads: number;
  /** 0: from free memory. */
  readonly budgetTokens: number;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly pageStoreFolder: string;
  readonly pageStoreGigabytes: number;
  readonly showMarks: boolean;
}

export const SECTION = "blocksight";

export function readConfig(): Config {
  const section = vscode.workspace.getConfiguration(SECTION);
  // The manifest has a default for each, so `get` never lacks a value; wrong types are the user's.
  const text = (key: string): string => String(section.get(key) ?? "");
  const number = (key: string): number => Number(section.get(key)) || 0;
  const flag = (key: string): boolean => section.get(key) === true;
  const list = (key: string): readonly string[] => {
    const value: unknown = section.get(key);
    return Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];
  };
  const mode = text("reading.mode");
  return {
    answeringModel: text("models.answer") === "scout" ? "scout" : "coder",
    modelsFolder: text("models.folder"),
    readMode: mode === "all" || mode === "count" ? mode : "auto",
    readSegments: Math.max(1, number("reading.segments")),
    readOnSave: flag("reading.onSave"),
    readInBackground: flag("reading.inBackground"),
    maxTokens: Math.max(1, number("answer.maxTokens")),
    temperature: number("answer.temperature"),
    threads: number("engine.threads"),
    budgetTokens: number("pack.budgetTokens"),
    include: list("pack.include"),
    exclude: list("pack.exclude"),
    pageStoreFolder: text("pageStore.folder"),
    pageStoreGigabytes: number("pageStore.maxGigabytes"),
    showMarks: flag("marks.show"),
  };
}
