"""`export`: a checkpoint to an adapter file: int8, with the metadata that the engine reads."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from . import adapter
from .tune import load_model


def main(args: argparse.Namespace) -> None:
    args.device = "cpu" if not args.device else args.device
    model, metadata = load_model(args)
    if args.question_heads:
        metadata["questionHeads"] = json.loads(Path(args.question_heads).read_text())
    if args.pointer_weight is not None:
        metadata["pointerWeight"] = args.pointer_weight
    if args.cites:  # a citation is a header without its part
        metadata["layout"]["citation"] = metadata["layout"]["header"].replace("{part}", "")
    adapter.save(model, args.out, metadata)
    print(
        args.out,
        Path(args.out).stat().st_size,
        "bytes, sha256",
        hashlib.sha256(Path(args.out).read_bytes()).hexdigest(),
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True, help="folder that `parts` wrote")
    parser.add_argument("--adapter", required=True, help="adapter file whose metadata is the start")
    parser.add_argument("--checkpoint", nargs="*", help="lora.pt and index.pt of `tune`")
    parser.add_argument("--question-heads", default="", help="JSON file of [layer, group], as evaluate --choose-heads writes it")
    parser.add_argument("--pointer-weight", type=float)
    parser.add_argument("--cites", action="store_true", help="the model writes citations: name them in the layout")
    parser.add_argument("--device", default="")
    parser.add_argument("--out", required=True)
    parser.set_defaults(run=main)
