/** The real engine process for integration tests: its bundle, made once per test file, and a client. */
import { build } from "esbuild";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { EngineClient, type EngineClientOptions } from "../../src/engine/engineClient.js";
import { forkEngine, type EngineProcess } from "../../src/engine/engineHost.js";

const root = path.resolve(import.meta.dirname, "../..");
const addon = path.join(root, `dist/native/${process.platform}-${process.arch}/blocksight.node`);

/** The addon is built by `npm test` and `npm start`; without it these tests are skipped by name. */
export const hasAddon = existsSync(addon);

export class RealEngine {
  readonly log: string[] = [];
  /** Processes of all clients, in the order of their start. */
  readonly processes: EngineProcess[] = [];

  private constructor(
    /** A folder of this test's own, removed at the end; also the engine's cache. */
    readonly folder: string,
    readonly mainPath: string,
  ) {}

  static async create(): Promise<RealEngine> {
    await mkdir(path.join(root, "build"), { recursive: true });
    const folder = await mkdtemp(path.join(root, "build/test-engine-"));
    const mainPath = path.join(folder, "engine.cjs");
    await build({
      entryPoints: [path.join(root, "src/engineProcess/main.ts")],
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      outfile: mainPath,
      logLevel: "warning",
    });
    await symlink(path.join(root, "dist/native"), path.join(folder, "native"));
    return new RealEngine(folder, mainPath);
  }

  client(options: Partial<EngineClientOptions> = {}): EngineClient {
    const env = { XDG_CACHE_HOME: path.join(this.folder, "cache") };
    const log = (line: string): void => void this.log.push(line);
    const start = (): EngineProcess => {
      const started = forkEngine({ mainPath: this.mainPath, log, env });
      this.processes.push(started);
      return started;
    };
    return new EngineClient({
      start,
      log,
      ...options,
    });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
