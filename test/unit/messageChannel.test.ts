import { describe, expect, it } from "vitest";
import { BlocksightError } from "../../src/shared/errors.js";
import { MessageChannel, type Nothing } from "../../src/shared/messageChannel.js";

interface Requests {
  double: [number, number];
  fail: [undefined, undefined];
  crash: [undefined, undefined];
  hang: [undefined, undefined];
}
interface Events {
  tick: number;
}

function pair() {
  const ticks: number[] = [];
  const bugs: unknown[] = [];
  const client: MessageChannel<Requests, Nothing, Nothing, Events> = new MessageChannel({
    post: (message) => server.receive(structuredClone(message)),
    handlers: {},
    events: { tick: (n) => ticks.push(n) },
  });
  const server: MessageChannel<Nothing, Requests, Events, Nothing> = new MessageChannel({
    post: (message) => client.receive(structuredClone(message)),
    handlers: {
      double: (n) => n * 2,
      fail: () => {
        throw new BlocksightError("diskFull", "No space.", "Free some.");
      },
      crash: () => {
        throw new TypeError("x is undefined");
      },
      hang: () => new Promise<undefined>(() => undefined),
    },
    events: {},
    onBug: (error) => bugs.push(error),
  });
  return { client, server, ticks, bugs };
}

describe("a message channel", () => {
  it("answers requests by name", async () => {
    await expect(pair().client.request("double", 21)).resolves.toBe(42);
  });

  it("carries an expected failure whole", async () => {
    const { client, bugs } = pair();
    await expect(client.request("fail", undefined)).rejects.toMatchObject({
      code: "diskFull",
      message: "No space.",
      next: "Free some.",
    });
    expect(bugs).toEqual([]);
  });

  it("rejects where a handler has a bug, and tells its own side", async () => {
    const { client, bugs } = pair();
    await expect(client.request("crash", undefined)).rejects.toMatchObject({ code: "internal" });
    expect(bugs).toHaveLength(1);
  });

  it("rejects what is pending when it is disposed, and everything after", async () => {
    const { client } = pair();
    const pending = client.request("hang", undefined);
    client.dispose();
    await expect(pending).rejects.toThrow("closed");
    await expect(client.request("double", 1)).rejects.toThrow("closed");
  });

  it("rejects a request whose message cannot be posted", async () => {
    const client = new MessageChannel<Requests, Nothing, Nothing, Nothing>({
      post: () => {
        throw new Error("could not be cloned");
      },
      handlers: {},
      events: {},
    });
    await expect(client.request("double", 1)).rejects.toThrow("could not be cloned");
  });

  it("delivers events", () => {
    const { server, ticks } = pair();
    server.notify("tick", 1);
    server.notify("tick", 2);
    expect(ticks).toEqual([1, 2]);
  });

  it("ignores what is not an envelope and names of no handler", () => {
    const { client, ticks } = pair();
    for (const junk of [null, 7, "x", {}, { t: "event", name: "constructor", body: 1 }]) {
      client.receive(junk);
    }
    client.receive({ t: "reply", id: 99, ok: true, body: 1 });
    expect(ticks).toEqual([]);
  });

  it("refuses a request of an inherited name", async () => {
    const { client } = pair();
    const inherited = client as unknown as { request(n: string, b: unknown): Promise<unknown> };
    await expect(inherited.request("toString", undefined)).rejects.toMatchObject({
      code: "internal",
    });
  });
});
