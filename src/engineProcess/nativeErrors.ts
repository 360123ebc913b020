/** Statuses of the C boundary as entries of the error catalogue. The engine names the value. */
import { BlocksightError, misuse, type ErrorCode } from "../shared/errors.js";
import { phrase, type Phrase } from "../shared/phrase.js";
import type { StatusName } from "./nativeAddon.js";

const FETCH_AGAIN = "Delete the file and fetch it again with: blocksight model get NAME";

/** Code and next step by status. */
const CATALOGUE: Readonly<Record<StatusName, readonly [ErrorCode, string | Phrase]>> = {
  cancelled: ["internal", "This is a bug; please report it."],
  invalidArgument: ["internal", "This is a bug; please report it."],
  notFound: ["modelMissing", "Check the path, or fetch the model with: blocksight model get NAME"],
  unreadable: ["unreadableFile", "Check the file's permissions."],
  truncated: ["modelTruncated", FETCH_AGAIN],
  corrupt: ["modelCorrupt", FETCH_AGAIN],
  wrongBase: ["adapterWrongBase", phrase("Use the base model that the adapter was made for.")],
  unsupportedArchitecture: [
    "unsupportedArchitecture",
    phrase("Use a GGUF whose architecture is llama, qwen2 or qwen3."),
  ],
  unsupportedQuantization: [
    "unsupportedQuantization",
    phrase("Use a GGUF in F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K, Q5_K or Q6_K."),
  ],
  unsupportedTokenizer: [
    "unsupportedTokenizer",
    phrase("Use a GGUF whose pre-tokenizer is smollm or qwen2."),
  ],
  outOfMemory: ["outOfMemory", "Close other programs, lower --budget, or use --model scout."],
  diskFull: ["diskFull", "Free space on the page store's disk, or use --no-cache."],
  windowFull: ["questionTooLong", "Ask a shorter question."],
  busy: ["engineBusy", "Wait for the running request or stop it, then ask again."],
  internal: ["internal", "This is a bug; please report it."],
};

const isStatus = (value: unknown): value is StatusName =>
  typeof value === "string" && Object.hasOwn(CATALOGUE, value);

/** Whatever was thrown below the service, as something that can cross the channel. */
export function toBlocksightError(error: unknown): BlocksightError {
  if (error instanceof BlocksightError) return error;
  if (!(error instanceof Error)) return misuse(`The engine threw ${String(error)}.`);
  const status: unknown = "status" in error ? error.status : undefined;
  if (!isStatus(status)) return misuse(`${error.name}: ${error.message}`);
  const [code, next] = CATALOGUE[status];
  const said = sentence(error.message);
  // The engine speaks English only: its sentence is data between words of the surface's own.
  return new BlocksightError(code, said, next, {
    message: phrase("The engine reports: {0}", said),
  });
}

/** The engine names the value, in a clause; what a user reads begins and ends as a sentence. */
function sentence(clause: string): string {
  // A first word with a dot or a slash is a file's name and stays as it is.
  const start = /^[a-z]+ /.test(clause) ? clause.charAt(0).toUpperCase() + clause.slice(1) : clause;
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
