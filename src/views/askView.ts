/** The side bar's view: page, channel, and what its messages do. */
import * as vscode from "vscode";
import { MessageChannel, type Nothing } from "../shared/messageChannel.js";
import type { AskState, AskViewEvents, AskViewRequests } from "../shared/messages.js";
import type { Handlers } from "../shared/messageChannel.js";
import { webviewHtml } from "./webviewHtml.js";

type Channel = MessageChannel<Nothing, AskViewRequests, AskViewEvents, Nothing>;

export type AskHandlers = Omit<Handlers<AskViewRequests>, "ready">;

/** While an answer streams, the view is sent at most one state in this time. */
const STATE_EVERY_MS = 60;

export class AskView implements vscode.WebviewViewProvider {
  static readonly id = "blocksight.askView";
  private view: vscode.WebviewView | undefined;
  private channel: Channel | undefined;
  private timer: NodeJS.Timeout | undefined;
  private focusText: { readonly text?: string } | undefined;
  /** The page is loaded and listens. The editor drops it while the view is hidden. */
  private isReady = false;

  constructor(
    private readonly dist: vscode.Uri,
    private readonly state: () => AskState,
    private readonly handlers: AskHandlers,
    private readonly onFirstShown: () => void,
    private readonly onBug: (error: unknown) => void,
  ) {}

  resolveWebviewView(view: vscode.WebviewView): void {
    const { webview } = view;
    webview.options = { enableScripts: true, localResourceRoots: [this.dist] };
    const channel: Channel = new MessageChannel({
      post: (message) => void webview.postMessage(message),
      handlers: { ...this.handlers, ready: () => this.ready() },
      events: {},
      onBug: this.onBug,
    });
    this.view = view;
    this.channel = channel;
    webview.onDidReceiveMessage((message: unknown) => channel.receive(message));
    view.onDidChangeVisibility(() => {
      if (!view.visible) this.isReady = false;
    });
    view.onDidDispose(() => {
      channel.dispose();
      if (this.channel === channel) this.channel = this.view = undefined;
    });
    this.isReady = false;
    webview.html = webviewHtml(webview, this.dist, "ask");
  }

  /** Shows the view with the cursor in the question box, at once or when its page is loaded. */
  async focusQuestion(text?: string): Promise<void> {
    this.focusText = text === undefined ? {} : { text };
    await vscode.commands.executeCommand(`${AskView.id}.focus`);
    this.flushFocus();
  }

  /** The state changed; sends it soon, and the last one always. */
  changed(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.view?.visible === true) this.channel?.notify("state", this.state());
    }, STATE_EVERY_MS);
  }

  private ready(): AskState {
    this.isReady = true;
    this.onFirstShown();
    setTimeout(() => this.flushFocus(), 0);
    return this.state();
  }

  private flushFocus(): void {
    if (this.focusText === undefined || this.channel === undefined || !this.isReady) return;
    this.channel.notify("focusQuestion", this.focusText);
    this.focusText = undefined;
  }
}
