/** How fast each model reads on this machine, measured in earlier runs, for estimates. */
import type { ModelInfo } from "../shared/model.js";

export interface Rates {
  /** Prefill tokens a second, or undefined where nothing was measured. */
  get(key: string): number | undefined;
  set(key: string, tokensPerSecond: number): void;
}

/**
 * Until something is measured: 120 tokens/s for 1.5 billion parameters and 1,400 for 135 million,
 * the least that two AVX2 cores must do.
 */
const PARAMETER_TOKENS_PER_SECOND = 1.9e11;

/** Below this many tokens, start-up and page loads drown the rate. */
const LEAST_TOKENS_MEASURED = 512;

function rateKey(info: ModelInfo): string {
  return [info.name, info.quantization, info.indexSource, info.tier, info.kvType].join(" ");
}

export function tokensPerSecondOf(rates: Rates, info: ModelInfo): number {
  return rates.get(rateKey(info)) ?? PARAMETER_TOKENS_PER_SECOND / Math.max(1, info.parameters);
}

export function recordRate(
  rates: Rates,
  info: ModelInfo,
  { prefillTokens, elapsedMs }: { readonly prefillTokens: number; readonly elapsedMs: number },
): void {
  if (prefillTokens < LEAST_TOKENS_MEASURED || elapsedMs <= 0) return;
  rates.set(rateKey(info), (prefillTokens / elapsedMs) * 1000);
}
