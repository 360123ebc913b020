"""`trees`: packs as folders of files with the questions about them, for `npm run eval -- --made` to ask in the engine.

The files hold what the packs hold: comments that questions ask by are gone from them, and lines are as long as `data` left them. Questions are
those that `evaluate` takes with the same --per-type, --most and --together, so that `report` compares the engine's records with its.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from .batches import Dataset, Example
from .data.codec import Codec
from .evaluate import picked
from .together import Material, materials, path_of, repository

PART = re.compile(r" \(part (\d+) of \d+\)$")


def part_of(codec: Codec, segment: list[int]) -> tuple[int, str]:
    """A segment's number among those of its file, and its text without the header line. A pack may have a file's segments in another
    order: a part that two trees share has the number that it got in the first."""
    header, text = codec.decode(segment).split("\n", 1)
    match = PART.search(header)
    return int(match.group(1)) if match else 1, text


def place_of(label: str, several: bool) -> str:
    """Where a label's file lies in the folder: its path; of several repositories one folder each, named like those of a mirror."""
    return f"{repository_folder(label)}/{path_of(label)}" if several else label


def repository_folder(label: str) -> str:
    return label.split(":", 1)[0].replace("/", "+")


def write_tree(dataset: Dataset, codec: Codec, material: Material, folder: Path) -> None:
    """Raises ValueError where a path leaves the folder."""
    several, parts_of = len(material.names) > 1, {}
    for label, segment in zip(material.labels, material.segments):
        parts_of.setdefault(place_of(label, several), []).append(part_of(codec, dataset.plain(segment)))
    for place, parts in parts_of.items():
        path = (folder / place).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"{place!r} leaves {folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(text for _, text in sorted(parts)))


def question_of(dataset: Dataset, codec: Codec, material: Material, e: Example) -> dict:
    several = len(material.names) > 1
    together = {"together": material.names} if several else {}
    return {
        "pack": dataset.names[e.pack], "type": e.type, "language": e.record["language"], "text": e.record["text"], "name": e.record["name"],
        "gold": [place_of(label, several) for label in material.gold(dataset, e)], "expected": codec.decode(e.answer[:-1]),
        "facts": e.record.get("facts", []), **together,
    }  # fmt: skip


def main(args: argparse.Namespace) -> None:
    if Path(args.out).exists() and any(Path(args.out).iterdir()):
        raise SystemExit(f"{args.out} is not empty: files of other packs would be read with these")
    codec = Codec.load(args.tokenizer)
    dataset, most = Dataset(args.data, args.model, codec, tuple(args.files)), json.loads(args.most)
    for material in materials(dataset, args.together):
        examples = picked(material.examples, args.per_type, material.number, most)
        if not examples:
            continue
        folder = Path(args.out) / f"{material.number:03}-{'-'.join(repository(n).split('/')[1] for n in material.names[:3])}"
        write_tree(dataset, codec, material, folder / "tree")
        lines = [json.dumps(question_of(dataset, codec, material, e)) + "\n" for e in examples]
        (folder / "questions.jsonl").write_text("".join(lines))
        print(folder.name, "segments", len(material.segments), "questions", len(lines), flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, help="folder that `data` wrote, of repositories never trained on")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--model", default="coder", help="name of the tokenizer's tokens in the data folder")
    parser.add_argument("--files", nargs="+", default=["questions.jsonl"])
    parser.add_argument("--per-type", type=int, default=12, help="questions of a type in every pack")
    parser.add_argument("--most", default="{}", help="other limits by type, as JSON")
    parser.add_argument("--together", type=int, default=0, help="several repositories as one pack, of at least so many tokens")
    parser.add_argument("--out", required=True)
    parser.set_defaults(run=main)
