/** How large a pack may be, and what is said where it is larger. */
import { BlocksightError } from "../shared/errors.js";
import type { Pack } from "../shared/pack.js";
import type { Opened } from "./askParts.js";

/** The pack is never larger than this, whatever memory would hold. */
const MOST_TOKENS = 1_000_000;
const LARGEST_FOLDERS_NAMED = 5;

/** What half of the free memory holds of the answering model's pages. */
export function memoryBudgetTokens({ info, answering }: Opened): number {
  const held = info.freeMemoryBytes / 2 / Math.max(1, answering.bytesPerToken);
  return Math.min(MOST_TOKENS, Math.floor(held));
}

/** Over budget is never resolved silently: the largest folders are named and nothing is dropped. */
export function refuseOverBudget(pack: Pack, budgetTokens: number): void {
  const [model] = pack.models;
  if (model === undefined || model.tokenCount <= budgetTokens) return;
  const byFolder = new Map<string, number>();
  for (const [segment, { file }] of pack.segments.entries()) {
    const path = pack.files[file]?.path ?? "";
    const folder = path.includes("/") ? path.slice(0, path.indexOf("/") + 1) : path;
    byFolder.set(folder, (byFolder.get(folder) ?? 0) + (model.tokens[segment]?.length ?? 0));
  }
  const largest = [...byFolder]
    .sort((a, b) => b[1] - a[1])
    .slice(0, LARGEST_FOLDERS_NAMED)
    .map(([folder, tokens]) => `${folder} ${tokens.toLocaleString("en-US")}`)
    .join(", ");
  throw new BlocksightError(
    "overBudget",
    `The pack has ${model.tokenCount.toLocaleString("en-US")} tokens and the budget is ` +
      `${budgetTokens.toLocaleString("en-US")}; the largest: ${largest}.`,
    "Leave something out with --exclude, take part of it with --include, or raise --budget.",
  );
}
