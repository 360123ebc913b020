"""`tokenizer`: the tokenizer of a GGUF file as JSON, so that other machines need neither the file nor the `gguf` package."""

from __future__ import annotations

import argparse

from .data.codec import Codec, tokenizer_from_gguf


def main(args: argparse.Namespace) -> None:
    codec = Codec(tokenizer_from_gguf(args.gguf))
    codec.save(args.out)
    print(args.out, codec.markers)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--out", required=True, help="MODEL.tokenizer.json; MODEL names its tokens in the data")
    parser.set_defaults(run=main)
