import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";

const given = process.env.XDG_CACHE_HOME ?? "";

/** Outside the checkout: the product's models, and what tests and benchmarks fetch. As src/engine/modelFiles.ts finds it. */
export const cacheFolder = path.join(
  path.isAbsolute(given) ? given : path.join(homedir(), ".cache"),
  "blocksight",
);
