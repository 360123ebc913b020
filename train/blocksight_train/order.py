"""`order`: packs as texts with the order in which a scout's records have their segments, for `node scripts/evaluateOrder.mjs`, which compares
it with the order by a question's words and with both together, as the product reads.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .batches import Dataset
from .data.codec import Codec
from .report import load


def packs_of(dataset: Dataset, codec: Codec, records: dict) -> list[dict]:
    """Every pack that was asked about: its segments in pack order, and of each question with a right file the scout's first segments, as
    places in the pack."""
    packs = []
    for name, segments in zip(dataset.names, dataset.packs):
        asked = [r for (pack, _, _), r in records.items() if pack == name and r["gold"]]
        if not asked:
            continue
        place = {s: i for i, s in enumerate(segments)}
        questions = [{"text": r["text"], "type": r["type"], "gold": r["gold"], "order": [place[s] for s in r["segments"]]} for r in asked]
        packs.append(
            {
                "name": name,
                "paths": [dataset.paths[s] for s in segments],
                "texts": [codec.decode(dataset.plain(s)) for s in segments],
                "tokens": [len(dataset.segment(s)) for s in segments],
                "questions": questions,
            }
        )
    return packs


def main(args: argparse.Namespace) -> None:
    codec = Codec.load(args.tokenizer)
    packs = packs_of(Dataset(args.data, args.model, codec), codec, load(args.records)[1])
    Path(args.out).write_text("".join(json.dumps(pack) + "\n" for pack in packs))
    print("packs", len(packs), "questions", sum(len(pack["questions"]) for pack in packs))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, help="folder that `data` wrote")
    parser.add_argument("--records", required=True, help="what `evaluate` of a scout wrote over it, whole packs one by one")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--model", default="scout", help="name of the scout's tokens in the data folder")
    parser.add_argument("--out", required=True, help="JSON lines")
    parser.set_defaults(run=main)
