/**
 * Blocks: 128 consecutive tokens of one model's tokenizer, always of one file; also the KV page.
 * Block ids number one model's whole pack: 0 is the prefix, then every segment in pack order,
 * in sight or not; the conversation follows the pack's last block.
 */

/** Tokens in a block, and slots in a KV page. */
export const BLOCK_TOKENS = 128;

/** Block 0 of every pack: the system turn that all tokens can see. */
export const PREFIX_BLOCK = 0;

/** Fills unused entries of a selection row (fewer visible blocks than `k`). */
export const NO_BLOCK = 0xffffffff;

/** How many blocks a run of `tokens` tokens occupies; the last one may be short. */
export function blocksOf(tokens: number): number {
  return Math.ceil(tokens / BLOCK_TOKENS);
}
