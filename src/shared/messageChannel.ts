/**
 * Request, reply and event over any `postMessage`, the same class on both sides.
 * Every request settles: with the reply, with a `BlocksightError`, or rejected on dispose.
 */
import { BlocksightError, type WireError } from "./errors.js";

declare const nothing: unique symbol;
/** A side that makes no requests, answers none, or tells nothing. */
export interface Nothing {
  readonly [nothing]?: never;
}

/** Requests are maps: name -> [request, reply]. */
type Name<M> = Extract<keyof M, string>;
type RequestOf<M, N extends Name<M>> = M[N] extends [infer R, unknown] ? R : never;
type ReplyOf<M, N extends Name<M>> = M[N] extends [unknown, infer R] ? R : never;

/** Where the reply is `undefined` nothing looks at what a handler returns. */
export type Handlers<M> = {
  readonly [N in Name<M>]: (
    body: RequestOf<M, N>,
  ) => [ReplyOf<M, N>] extends [undefined] ? unknown : ReplyOf<M, N> | Promise<ReplyOf<M, N>>;
};

type EventHandlers<E> = { readonly [N in Name<E>]: (body: E[N]) => void };

type Envelope =
  | { readonly t: "request"; readonly id: number; readonly name: string; readonly body: unknown }
  | { readonly t: "reply"; readonly id: number; readonly ok: true; readonly body: unknown }
  | { readonly t: "reply"; readonly id: number; readonly ok: false; readonly error: WireError }
  | { readonly t: "event"; readonly name: string; readonly body: unknown };

interface Pending {
  readonly resolve: (body: never) => void;
  readonly reject: (error: Error) => void;
}

export interface ChannelOptions<In, InEvents> {
  readonly post: (message: unknown) => void;
  readonly handlers: Handlers<In>;
  readonly events: EventHandlers<InEvents>;
  /** Sees what a handler threw that is not a `BlocksightError`; the caller gets `internal`. */
  readonly onBug?: (error: unknown) => void;
}

/** `Out` are the requests this side makes, `In` those it answers; events likewise. */
export class MessageChannel<Out, In, OutEvents, InEvents> {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private isDisposed = false;

  constructor(private readonly options: ChannelOptions<In, InEvents>) {}

  request<N extends Name<Out>>(name: N, body: RequestOf<Out, N>): Promise<ReplyOf<Out, N>> {
    if (this.isDisposed) return Promise.reject(disposed());
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      try {
        this.post({ t: "request", id, name, body });
      } catch (error) {
        this.pending.delete(id);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  notify<N extends Name<OutEvents>>(name: N, body: OutEvents[N]): void {
    if (!this.isDisposed) this.post({ t: "event", name, body });
  }

  /** Takes one message of the other side; what is not an envelope is ignored. */
  receive(message: unknown): void {
    if (this.isDisposed || !isEnvelope(message)) return;
    switch (message.t) {
      case "request":
        void this.answer(message.id, message.name, message.body);
        return;
      case "reply": {
        const pending = this.pending.get(message.id);
        this.pending.delete(message.id);
        if (message.ok) pending?.resolve(message.body as never);
        else pending?.reject(BlocksightError.fromWire(message.error));
        return;
      }
      case "event": {
        const handlers = this.options.events as Record<string, (body: unknown) => void>;
        if (Object.hasOwn(handlers, message.name)) handlers[message.name]?.(message.body);
      }
    }
  }

  dispose(): void {
    this.isDisposed = true;
    for (const { reject } of this.pending.values()) reject(disposed());
    this.pending.clear();
  }

  private async answer(id: number, name: string, body: unknown): Promise<void> {
    let reply: Envelope;
    try {
      const handlers = this.options.handlers as Record<string, (body: unknown) => unknown>;
      const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
      if (handler === undefined) throw new Error(`No handler for the message ${name}`);
      reply = { t: "reply", id, ok: true, body: await handler(body) };
    } catch (error) {
      if (!(error instanceof BlocksightError)) this.options.onBug?.(error);
      reply = { t: "reply", id, ok: false, error: toWire(error) };
    }
    if (!this.isDisposed) this.post(reply);
  }

  private post(message: Envelope): void {
    this.options.post(message);
  }
}

function toWire(error: unknown): WireError {
  if (error instanceof BlocksightError) return error.toWire();
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", message, next: "See the log: this is a bug in Blocksight." };
}

function disposed(): BlocksightError {
  return new BlocksightError("internal", "The view was closed.", "Open it again.");
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== "object" || value === null || !("t" in value)) return false;
  const { t } = value;
  if (t === "event") return "name" in value && typeof value.name === "string";
  if (t === "request") {
    return "id" in value && "name" in value && typeof value.name === "string";
  }
  return t === "reply" && "id" in value && "ok" in value;
}
