/** The channel of an engine process without a process: the test answers by hand. */
import type { EngineProcess } from "../../src/engine/engineHost.js";
import type { FromEngine, ToEngine } from "../../src/shared/engineMessages.js";

export class FakeProcess implements EngineProcess {
  readonly pid = undefined;
  readonly sent: ToEngine[] = [];
  isKilled = false;
  isDisconnected = false;
  /** Called for every message, to answer it. */
  onSend: ((message: ToEngine) => void) | undefined;
  private tell: ((message: FromEngine) => void) | undefined;
  private tellEnd: ((how: string) => void) | undefined;
  private isEnded = false;

  send(message: ToEngine): boolean {
    if (this.isEnded || this.isDisconnected) return false;
    this.sent.push(message);
    this.onSend?.(message);
    return true;
  }

  onMessage(listener: (message: FromEngine) => void): void {
    this.tell = listener;
  }

  onEnd(listener: (how: string) => void): void {
    this.tellEnd = listener;
  }

  disconnect(): void {
    this.isDisconnected = true;
  }

  kill(): void {
    this.isKilled = true;
    this.end("signal SIGKILL");
  }

  /** What the child does when it ends. */
  end(how: string): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.tellEnd?.(how);
  }

  receive(message: FromEngine): void {
    this.tell?.(message);
  }

  get requests(): readonly Extract<ToEngine, { t: "request" }>[] {
    return this.sent.filter((message) => message.t === "request");
  }
}
