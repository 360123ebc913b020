import type { ReadResult } from "../shared/engineMessages.js";
import { phrase } from "../shared/phrase.js";
import type { AskEvent } from "./askEvents.js";

/** A page store that takes no pages costs the next question time, and this one nothing. */
export function tellStoreFailure(
  { storeFailure }: ReadResult,
  onEvent: (event: AskEvent) => void,
): void {
  if (storeFailure === undefined) return;
  const { message, next } = storeFailure;
  const notice = phrase("{0} What is read now is not kept for later. {1}", message, next);
  onEvent({ t: "notice", notice });
}
