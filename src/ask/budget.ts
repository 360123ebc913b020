/** How large a pack may be, and what is said where it is larger. */
import { BlocksightError } from "../shared/errors.js";
import type { Pack } from "../shared/pack.js";
import { phrase } from "../shared/phrase.js";
import type { Opened } from "./askParts.js";

/** The pack is never larger than this, whatever memory would hold. */
export const MOST_TOKENS = 1_000_000;
const LARGEST_FOLDERS_NAMED = 5;

export interface FolderTokens {
  readonly path: string;
  readonly tokens: number;
}

/** What half of the free memory holds of the answering model's pages. */
export function memoryBudgetTokens({ info, answering }: Opened): number {
  const held = info.freeMemoryBytes / 2 / Math.max(1, answering.bytesPerToken);
  return Math.min(MOST_TOKENS, Math.floor(held));
}

/** Over budget is never resolved silently: the largest folders are named and nothing is dropped. */
export function refuseOverBudget(pack: Pack, budgetTokens: number): void {
  const [model] = pack.models;
  if (model === undefined || model.tokenCount <= budgetTokens) return;
  throw overBudget(model.tokenCount, budgetTokens, largestFolders(pack));
}

/** Folders and files at the top, the heaviest first. */
export function largestFolders(pack: Pack): readonly FolderTokens[] {
  const folders = new Map<string, number>();
  for (const [segment, { file }] of pack.segments.entries()) {
    const path = pack.files[file]?.path ?? "";
    const folder = path.includes("/") ? path.slice(0, path.indexOf("/") + 1) : path;
    const tokens = pack.models[0]?.tokens[segment]?.length ?? 0;
    folders.set(folder, (folders.get(folder) ?? 0) + tokens);
  }
  const largest = [...folders].map(([path, tokens]) => ({ path, tokens }));
  return largest.sort((a, b) => b.tokens - a.tokens);
}

/** Says also in numbers what is too large, for surfaces that offer to leave something out. */
export class OverBudgetError extends BlocksightError {
  constructor(
    message: string,
    next: string,
    readonly tokens: number,
    readonly budgetTokens: number,
    readonly folders: readonly FolderTokens[],
    isEstimate: boolean,
  ) {
    // Without the folders: a surface with buttons lists them below, each with its own.
    super("overBudget", message, next, {
      message: isEstimate
        ? phrase("The pack has about {0} tokens and the budget is {1}.", tokens, budgetTokens)
        : phrase("The pack has {0} tokens and the budget is {1}.", tokens, budgetTokens),
    });
  }
}

/** `folders` in the order in which to name them; far over the budget the count is an estimate. */
export function overBudget(
  tokens: number,
  budgetTokens: number,
  folders: readonly FolderTokens[],
  isEstimate = false,
): OverBudgetError {
  const largest = folders
    .slice(0, LARGEST_FOLDERS_NAMED)
    .map((folder) => `${folder.path} ${count(folder.tokens)}`)
    .join(", ");
  return new OverBudgetError(
    `The pack has ${isEstimate ? "about " : ""}${count(tokens)} tokens and the budget is ` +
      `${count(budgetTokens)}${largest === "" ? "" : `; the largest: ${largest}`}.`,
    "Leave something out with --exclude, take part of it with --include, or raise --budget.",
    tokens,
    budgetTokens,
    folders,
    isEstimate,
  );
}

/** A pack without a file has no answer. */
export function refuseEmpty(pack: Pack): void {
  if (pack.files.length > 0) return;
  const roots = pack.roots.join(", ");
  const skipped = pack.skipped.length;
  const why = skipped === 0 ? "there is none" : `${count(skipped)} are skipped`;
  throw new BlocksightError(
    "emptyRepository",
    `There is no file to read in ${roots}: ${why}.`,
    "Give another directory with --repo; `blocksight pack` lists what is skipped and why.",
    {
      message:
        skipped === 0
          ? phrase("There is no file to read in {0}.", roots)
          : phrase("There is no file to read in {0}: {1} are skipped.", roots, skipped),
    },
  );
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
