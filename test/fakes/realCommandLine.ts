/** The real command line in processes of its own: fresh bundles, a cache folder of the test's own. */
import { build } from "esbuild";
import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, symlink } from "node:fs/promises";
import path from "node:path";
import process from "node:process";

const root = path.resolve(import.meta.dirname, "../..");

export interface Output {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Running {
  stdout = "";
  stderr = "";
  readonly ended: Promise<Output>;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly child: ChildProcess) {
    const keep = (stream: "stdout" | "stderr") => (chunk: Buffer) => {
      this[stream] += chunk.toString();
      for (const listener of this.listeners) listener();
    };
    child.stdout?.on("data", keep("stdout"));
    child.stderr?.on("data", keep("stderr"));
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status) => {
        for (const listener of this.listeners) listener();
        resolve({ status, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Resolves when the text has been written; rejects when the process ends without it. */
  async saw(stream: "stdout" | "stderr", text: RegExp): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (text.test(this[stream])) resolve();
        else if (this.child.exitCode !== null) {
          reject(new Error(`It ended without ${String(text)}:\n${this.stdout}${this.stderr}`));
        }
      };
      this.listeners.add(check);
      check();
    });
  }

  interrupt(): void {
    this.child.kill("SIGINT");
  }

  /** The engine process: the child of the command line that is a Node process with a channel. */
  async enginePid(): Promise<number> {
    const children = await readFile(`/proc/${this.pid}/task/${this.pid}/children`, "utf8");
    for (const pid of children.trim().split(" ")) {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
      if (command.includes("engine.cjs")) return Number(pid);
    }
    throw new Error(`There is no engine among the children of ${this.pid}: ${children}`);
  }
}

export class RealCommandLine {
  private constructor(
    /** A folder of this test's own, removed at the end. */
    readonly folder: string,
  ) {}

  static async create(): Promise<RealCommandLine> {
    await mkdir(path.join(root, "build"), { recursive: true });
    const folder = await mkdtemp(path.join(root, "build/test-cli-"));
    const dist = path.join(folder, "dist");
    await build({
      entryPoints: {
        cli: path.join(root, "src/cli/main.ts"),
        engine: path.join(root, "src/engineProcess/main.ts"),
        symbolWorker: path.join(root, "src/symbols/symbolWorker.ts"),
      },
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      outdir: dist,
      outExtension: { ".js": ".cjs" },
      alias: {
        "web-tree-sitter": path.join(root, "node_modules/web-tree-sitter/web-tree-sitter.cjs"),
      },
      logLevel: "warning",
    });
    for (const grammar of ["web-tree-sitter", "tree-sitter-python"]) {
      const from = path.join(root, "node_modules", grammar);
      for (const file of (await readdir(from)).filter((name) => name.endsWith(".wasm"))) {
        await copyFile(path.join(from, file), path.join(dist, file));
      }
    }
    await symlink(path.join(root, "dist/native"), path.join(dist, "native"));
    await symlink(path.join(root, "media"), path.join(folder, "media"));
    return new RealCommandLine(folder);
  }

  /**
   * Starts it in `folder`; models come from where this machine keeps them. `under` is a command that
   * runs another one, with its own arguments.
   */
  start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ): Running {
    const cli = [process.execPath, path.join(this.folder, "dist/cli.cjs"), ...args];
    const [command = process.execPath, ...rest] = [...under, ...cli];
    const child = spawn(command, rest, {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        XDG_CACHE_HOME: path.join(this.folder, "cache"),
        ...env,
      },
    });
    return new Running(child);
  }

  run(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ): Promise<Output> {
    return this.start(args, env, under).ended;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
