// Lints and tests train/ in a virtual environment of its own, outside the checkout, where PyTorch (some
// gigabytes) is installed once for every set of pinned packages. Tiny random models, no GPU.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cacheFolder } from "./cacheFolder.mjs";
import { root } from "./setup.mjs";

const train = path.join(root, "train");
const junit = path.join(root, "build/pytest.xml");
/** What train/pyproject.toml asks for. */
const LEAST_PYTHON = [3, 11];

/** Versions that PyTorch has wheels for come before whatever is newest. */
const PYTHONS = ["python3.12", "python3.13", "python3.11", "python3", "python"];

function findPython() {
  const version = "import sys; print(*sys.version_info[:2])";
  return PYTHONS.map((name) => ({
    name,
    said: spawnSync(name, ["-c", version], { encoding: "utf8" }).stdout,
  })).find(({ said }) => {
    const [major, minor] = (said ?? "").trim().split(" ").map(Number);
    return major === LEAST_PYTHON[0] && minor >= LEAST_PYTHON[1];
  });
}

function run(command, args) {
  return spawnSync(command, args, { cwd: train, stdio: "inherit" }).status ?? 1;
}

/** Only the dependencies: the package itself is run from the checkout. */
function wantedPackages(name) {
  const pinned = `import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(*p["dependencies"], *p["optional-dependencies"]["data"], *p["optional-dependencies"]["test"], sep="\\n")`;
  const { stdout } = spawnSync(name, ["-c", pinned], { cwd: train, encoding: "utf8" });
  return stdout.trim().split(/\r?\n/);
}

const pythonOf = (folder) =>
  path.join(folder, process.platform === "win32" ? "Scripts" : "bin", "python");

/** The environment's Python, undefined where it could not be made. A folder gets its name when it is whole. */
function ensureEnvironment({ name, said }) {
  const wanted = wantedPackages(name);
  const key = createHash("sha256").update(wanted.join("\n")).update(said).digest("hex");
  const folder = path.join(cacheFolder, "train", key.slice(0, 16));
  if (existsSync(folder)) return pythonOf(folder);
  process.stdout.write(`Installing what train/ needs into ${folder} …\n`);
  mkdirSync(path.dirname(folder), { recursive: true });
  const making = `${folder}.${process.pid}`;
  const isMade =
    run(name, ["-m", "venv", making]) === 0 &&
    run(pythonOf(making), ["-m", "pip", "install", "-q", ...wanted]) === 0;
  if (!isMade) {
    rmSync(making, { recursive: true, force: true });
    process.stderr.write(
      "Python's packages could not be installed. Check the network, or the index that pip is set up for, and that Python has venv.\n",
    );
    return undefined;
  }
  try {
    renameSync(making, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(making, { recursive: true, force: true }); // another run was first
  }
  return pythonOf(folder);
}

function pytestCounts() {
  const attribute = (name) =>
    Number(new RegExp(` ${name}="(\\d+)"`).exec(readFileSync(junit, "utf8"))?.[1] ?? 0);
  const failed = attribute("failures") + attribute("errors");
  const skipped = attribute("skipped");
  return { passed: attribute("tests") - failed - skipped, failed, skipped };
}

const python = findPython();
if (python === undefined) {
  process.stdout.write("skipped: train/, which needs Python 3.11 or newer\n");
  process.stdout.write("0 passed, 0 failed, 1 skipped\n");
} else {
  const inside = ensureEnvironment(python);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const count = (status) => (counts[status === 0 ? "passed" : "failed"] += 1);
  if (inside === undefined) count(1);
  else {
    count(run(inside, ["-m", "ruff", "check", "."]));
    count(run(inside, ["-m", "ruff", "format", "--check", "."]));
    rmSync(junit, { force: true });
    const pytest = ["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", `--junitxml=${junit}`];
    const status = run(inside, pytest);
    const tests = existsSync(junit) ? pytestCounts() : { passed: 0, failed: 1, skipped: 0 };
    if (status !== 0 && tests.failed === 0) tests.failed = 1;
    for (const key of Object.keys(counts)) counts[key] += tests[key];
  }
  const { passed, failed, skipped } = counts;
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}
