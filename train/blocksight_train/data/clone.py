"""`clone`: the repositories of a manifest, bare and with their history, at the manifest's commits. What is there already is kept."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path


def has_commit(repo: Path, commit: str) -> bool:
    return subprocess.run(["git", "-C", str(repo), "cat-file", "-e", commit + "^{commit}"], capture_output=True).returncode == 0


def main(args: argparse.Namespace) -> None:
    missing = 0
    for line in Path(args.manifest).read_text().splitlines():
        entry = json.loads(line)
        if args.use and entry["use"] != args.use:
            continue
        repo = Path(args.mirror) / entry["repo"].replace("/", "+") / "repo"
        if not repo.exists():
            repo.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["git", "clone", "--bare", "--quiet", f"{args.source}/{entry['repo']}.git", str(repo)], check=False)
        if not repo.exists() or not has_commit(repo, entry["commit"]):
            missing += 1
            print(f"{entry['repo']}: commit {entry['commit']} is not there", file=sys.stderr)
    if missing:
        raise SystemExit(f"{missing} repositories are missing: clone them by hand, or take them out of the manifest")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--mirror", required=True, help="folder for the bare repositories: MIRROR/owner+name/repo")
    parser.add_argument("--source", default="https://github.com")
    parser.add_argument("--use", default="", help="only repositories of this use: train, dev or test")
    parser.set_defaults(run=main)
