/** The worker of a stand-alone report: unpacks the trace and answers the view's requests. */
import { EvidenceService } from "../evidence/evidenceService.js";
import type { EvidenceViewEvents, EvidenceViewRequests } from "../shared/evidence.js";
import { MessageChannel, type Nothing } from "../shared/messageChannel.js";
import { decodeTrace } from "../trace/traceFile.js";
import { exportFile } from "./exports.js";

/** What of a worker's global scope is used; the project's other files run in Node. */
declare const self: {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
};

type TraceMessage = { readonly t: "trace" } & (
  { readonly gzipBase64: string } | { readonly bytes: Uint8Array }
);

type Channel = MessageChannel<Nothing, EvidenceViewRequests, EvidenceViewEvents, Nothing>;

let channel: Channel | undefined;
const early: unknown[] = [];

self.onmessage = ({ data }) => {
  if (isTrace(data)) void start(data);
  else if (channel === undefined) early.push(data);
  else channel.receive(data);
};

async function start(message: TraceMessage): Promise<void> {
  const opening = open(message);
  const opened = await opening.catch(() => undefined);
  channel = new MessageChannel({
    post: (reply) => self.postMessage(reply),
    events: {},
    handlers:
      opened === undefined
        ? { ...NO_HANDLERS, open: () => opening.then(({ service }) => service.meta()) }
        : {
            ...opened.service.handlers,
            preview: () => undefined,
            reveal: () => undefined,
            export: ({ format, bytes, filter }) => {
              if (format === "report" || format === "trace") return;
              const { trace, service } = opened;
              const file = exportFile(trace, service, format, filter, bytes);
              if (file !== undefined) self.postMessage({ t: "file", ...file });
            },
          },
  });
  for (const request of early.splice(0)) channel.receive(request);
}

const fail = (): never => {
  throw new Error("The trace of this report could not be read.");
};
const NO_HANDLERS = {
  files: fail,
  blocks: fail,
  heat: fail,
  lens: fail,
  preview: fail,
  reveal: fail,
  export: fail,
};

async function open(message: TraceMessage) {
  const bytes = "bytes" in message ? message.bytes : await unpack(message.gzipBase64);
  const { trace, notices } = decodeTrace(bytes);
  return { trace, service: new EvidenceService(trace, { notices, hasFiles: false }) };
}

async function unpack(gzipBase64: string): Promise<Uint8Array> {
  const text = atob(gzipBase64);
  const packed = new Uint8Array(text.length);
  // A loop, because a callback for each of 40 million characters takes seconds.
  for (let at = 0; at < text.length; at++) packed[at] = text.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function isTrace(value: unknown): value is TraceMessage {
  return typeof value === "object" && value !== null && "t" in value && value.t === "trace";
}
