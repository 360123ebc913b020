/**
 * The host of a stand-alone report: a worker made from the script in the page, holding the trace
 * that lies in the page. Nothing is fetched and nothing is kept.
 */
import type { Host } from "./host.js";

export function reportHost(): Host {
  const worker = new Worker(URL.createObjectURL(textBlob("report-worker")));
  // The worker is given the trace as it lies in the page, and unpacks it off the page's thread.
  worker.postMessage({
    t: "trace",
    gzipBase64: document.getElementById("report-trace")?.textContent ?? "",
  });
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) =>
      worker.addEventListener("message", (event: MessageEvent<unknown>) =>
        saveOrTell(event.data, listener),
      ),
    load: () => undefined,
    save: () => undefined,
  };
}

function textBlob(id: string): Blob {
  const text = document.getElementById(id)?.textContent ?? "";
  return new Blob([text], { type: "text/javascript" });
}

/** Exports come back as files to be saved; everything else is a message. */
function saveOrTell(message: unknown, listener: (message: unknown) => void): void {
  if (!isFile(message)) {
    listener(message);
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([message.bytes]));
  link.download = message.name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function isFile(value: unknown): value is { name: string; bytes: Uint8Array<ArrayBuffer> } {
  return typeof value === "object" && value !== null && "t" in value && value.t === "file";
}
