import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";

/** Outside the checkout: the product's models, and what tests and benchmarks fetch. */
export const cacheFolder = path.join(
  process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"),
  "blocksight",
);
