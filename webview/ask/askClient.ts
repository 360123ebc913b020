/** The ask view's side of the channel. */
import { MessageChannel, type Nothing } from "../../src/shared/messageChannel.js";
import type { AskState, AskViewEvents, AskViewRequests } from "../../src/shared/messages.js";
import type { Host } from "../host.js";

export type AskClient = MessageChannel<AskViewRequests, Nothing, Nothing, AskViewEvents>;

export function connectAsk(
  host: Host,
  onState: (state: AskState) => void,
  onFocus: (text: string | undefined) => void,
): AskClient {
  const client: AskClient = new MessageChannel({
    post: host.post,
    handlers: {},
    events: { state: onState, focusQuestion: ({ text }) => onFocus(text) },
  });
  host.onMessage((message) => client.receive(message));
  return client;
}
