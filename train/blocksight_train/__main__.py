"""`python -m blocksight_train COMMAND`: every step of making a model is one command. See README.md."""

from __future__ import annotations

import argparse
import importlib
import sys

COMMANDS = {
    "tokenizer": ("tokenizer", "rebuild a base model's tokenizer from its GGUF file"),
    "clone": ("data.clone", "fetch the repositories of a manifest, with their history"),
    "data": ("data.build", "repositories to segments and questions"),
    "asks": ("data.asks", "more questions in free wording for `teach`"),
    "join": ("data.join", "several folders of segments and questions to one"),
    "parts": ("parts", "a GGUF file to parts that can be sent one by one"),
    "convert": ("convert", "an index for any dense GQA checkpoint, by the paper's recipe"),
    "pretrain": ("pretrain", "the recipe from scratch at toy scale, and what each part of it is for"),
    "curves": ("curves", "JSON lines to an SVG"),
    "tune": ("tune", "tune an adapter: dense, index, joint stages"),
    "teach": ("teach", "let the base model write the prose answers"),
    "evaluate": ("evaluate", "measure an adapter on repositories never trained on"),
    "ablate": ("ablate", "which shape of index finds the gold blocks: width, scored layers, RoPE, blocks a row"),
    "textloss": ("textloss", "what tuning cost the model as a language model"),
    "report": ("report", "tables with intervals from evaluation records"),
    "lexical": ("lexical", "BM25 and MiniLM rankings of the same questions"),
    "peer": ("peer", "the untuned base with MiniLM's best chunks in its prompt"),
    "order": ("order", "packs as texts with a scout's order of them, to compare orders of reading"),
    "trees": ("trees", "packs as folders of files, for the engine to be asked about"),
    "vectors": ("vectors", "all-MiniLM-L6-v2's scores of passages for questions, for `npm run eval`"),
    "export": ("export", "a checkpoint to an int8 adapter file"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="blocksight_train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    chosen = next((a for a in sys.argv[1:] if a in COMMANDS), None)
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:  # so that a command needs only its own dependencies
            importlib.import_module(f".{module}", __package__).arguments(sub)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
