import { defineConfig } from "vitest/config";

/** Tests in a real browser and a real editor: slow to start, so one at a time and few. */
export default defineConfig({
  test: {
    root: ".",
    globalSetup: ["test/browser/buildBundles.ts"],
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 420_000,
    fileParallelism: false,
    sequence: { concurrent: false },
    bail: 0,
  },
});
