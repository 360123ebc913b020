/** The identity of a pack: equal exactly when all that its tokens depend on is equal. */
import { createHash } from "node:crypto";
import type { Layout } from "../shared/model.js";
import type { PackTokenizer } from "./packTokenizer.js";

/** Raised when the same files would be cut or numbered differently than before. */
const PACK_FORMAT = 1;

interface IdentifiedFile {
  readonly path: string;
  readonly contentHash: string;
}

/**
 * sha256, hex. Hashed as JSON, so that no two lists of strings read alike. Which of the models answers
 * changes neither cuts nor segments, and so not the identity.
 */
export function packIdOf(
  tokenizers: readonly PackTokenizer[],
  layout: Layout,
  files: readonly IdentifiedFile[],
): string {
  const inOrder = [...tokenizers].sort((a, b) => (a.info.hash < b.info.hash ? -1 : 1));
  const hash = createHash("sha256").update(cutIdentity(inOrder, layout));
  for (const { path, contentHash } of files) hash.update(JSON.stringify([path, contentHash]));
  return hash.digest("hex");
}

/** What the cut of a file depends on besides the file; a cache of cuts holds for one of these. */
export function cutIdentity(tokenizers: readonly PackTokenizer[], layout: Layout): string {
  return JSON.stringify([
    PACK_FORMAT,
    layout,
    tokenizers.map(({ info, header, prefix, segmentTokens }) => [
      info.hash,
      header.template,
      header.part,
      segmentTokens,
      prefix,
    ]),
  ]);
}
