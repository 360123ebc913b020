import type { ReadResult } from "../shared/engineMessages.js";
import type { AskEvent } from "./askEvents.js";

/** A page store that takes no pages costs the next question time, and this one nothing. */
export function tellStoreFailure(
  { storeFailure }: ReadResult,
  onEvent: (event: AskEvent) => void,
): void {
  if (storeFailure === undefined) return;
  const { message, next } = storeFailure;
  onEvent({ t: "notice", text: `${message} What is read now is not kept for later. ${next}` });
}
