/** The evidence view's side of the channel: to the extension, or to the worker of a report. */
import type { EvidenceViewEvents, EvidenceViewRequests } from "../../src/shared/evidence.js";
import { MessageChannel, type Nothing } from "../../src/shared/messageChannel.js";
import type { Host } from "../host.js";

export type EvidenceClient = MessageChannel<
  EvidenceViewRequests,
  Nothing,
  Nothing,
  EvidenceViewEvents
>;

export function connectEvidence(
  host: Host,
  onChanged: (event: { readonly reset: boolean }) => void,
): EvidenceClient {
  const client: EvidenceClient = new MessageChannel({
    post: host.post,
    handlers: {},
    events: { changed: onChanged },
  });
  host.onMessage((message) => client.receive(message));
  return client;
}
