/**
 * Answers of this workspace, kept between sessions: one trace file each (it holds the answer's
 * tokens and what they read, no file text) and a list of them in the workspace's state.
 */
import * as vscode from "vscode";
import type { HistoryItem } from "../shared/messages.js";
import type { AskTrace } from "../trace/askTrace.js";
import { decodeTrace, encodeTrace, type DecodedTrace } from "../trace/traceFile.js";

const KEY = "blocksight.history";
const MOST_ANSWERS = 50;

export class AnswerStore {
  /** Without an open workspace there is no folder: then answers last as long as the window. */
  private readonly inMemory = new Map<string, AskTrace>();

  constructor(
    private readonly folder: vscode.Uri | undefined,
    private readonly state: vscode.Memento,
  ) {}

  get history(): readonly HistoryItem[] {
    return this.state.get<HistoryItem[]>(KEY, []);
  }

  async keep(id: string, trace: AskTrace): Promise<void> {
    if (this.folder === undefined) this.inMemory.set(id, trace);
    else await vscode.workspace.fs.writeFile(this.file(this.folder, id), joined(trace));
    await this.list(id, trace.question, trace.stopReason === "cancelled");
  }

  /** A question without an answer: it has no trace, and can be asked again. */
  keepQuestion(id: string, question: string): Promise<void> {
    return this.list(id, question, true);
  }

  async load(id: string): Promise<DecodedTrace | undefined> {
    const trace = this.inMemory.get(id);
    if (trace !== undefined) return { trace, notices: [] };
    if (this.folder === undefined || !this.history.some((item) => item.id === id)) return undefined;
    return decodeTrace(await vscode.workspace.fs.readFile(this.file(this.folder, id)));
  }

  async forget(id: string): Promise<void> {
    await this.remove(id);
    await this.state.update(
      KEY,
      this.history.filter((item) => item.id !== id),
    );
  }

  private async list(id: string, question: string, stopped: boolean): Promise<void> {
    const item = { id, question, askedAt: Date.now(), ...(stopped ? { stopped } : {}) };
    const history = [item, ...this.history];
    for (const { id: old } of history.slice(MOST_ANSWERS)) await this.remove(old);
    await this.state.update(KEY, history.slice(0, MOST_ANSWERS));
  }

  private async remove(id: string): Promise<void> {
    this.inMemory.delete(id);
    if (this.folder === undefined) return;
    try {
      await vscode.workspace.fs.delete(this.file(this.folder, id));
    } catch {
      // It was deleted before; that is what was wanted.
    }
  }

  private file(folder: vscode.Uri, id: string): vscode.Uri {
    return vscode.Uri.joinPath(folder, "answers", `${id}.blocksight`);
  }
}

export function joined(trace: AskTrace): Uint8Array {
  return Buffer.concat([...encodeTrace(trace)]);
}
