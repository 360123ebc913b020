"""`join`: several folders of `data` to one, so that repositories can be read side by side and hand-written questions come beside the others."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .segments import has_block_headers

FILES = ("questions.jsonl", "asks.jsonl", "taught.jsonl", "chat.jsonl")


def join(folders: Sequence[Path], models: Sequence[str], out: Path) -> None:
    """Segments and packs one behind the other, numbers in questions moved along. Only the tokens of `models` are kept.

    Folders with and without `--block-header` are not joined: what the model read would differ from question to question.
    """
    archives = [np.load(folder / "segments.npz") for folder in folders]
    tagged = {has_block_headers(data) for data in archives}
    if len(tagged) > 1:
        raise SystemExit("some of the folders were made with --block-header and some without: make them alike")
    out.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[np.ndarray]] = {}
    lines: dict[str, list[str]] = {}
    segments, packs = 0, 0
    for folder, data in zip(folders, archives):
        for name in ("paths", "names", *models):
            parts.setdefault(name, []).append(data[name])
        parts.setdefault("pack", []).append(data["pack"] + segments)
        for name in ("pack_off", *(f"{model}_off" for model in models)):
            before = parts.setdefault(name, [np.zeros(1, np.int64)])
            before.append(data[name][1:] + before[-1][-1])
        for name in FILES:
            for line in (folder / name).read_text().splitlines() if (folder / name).exists() else ():
                record = json.loads(line)
                moved = {"gold": [g + segments for g in record["gold"]], "pack": record["pack"] + packs}
                lines.setdefault(name, []).append(json.dumps(record | moved) + "\n")
        segments, packs = segments + len(data["paths"]), packs + len(data["names"])
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    np.savez_compressed(out / "segments.npz", block_header=np.array(True in tagged), **joined)
    for name, written in lines.items():
        (out / name).write_text("".join(written))
    print("packs", packs, "segments", segments, {name: len(written) for name, written in lines.items()})


def main(args: argparse.Namespace) -> None:
    join([Path(f) for f in args.folders], args.models, Path(args.out))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", help="folders that `data` wrote")
    parser.add_argument("--models", nargs="+", required=True, help="models whose tokens are kept")
    parser.add_argument("--out", required=True)
    parser.set_defaults(run=main)
