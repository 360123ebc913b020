"""`asks`: more questions in free wording for `teach`, about the definitions that the other questions are about."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from . import phrasings
from .questions import words_of

ABOUT_ONE = ("where", "what", "signature", "doc", "default")  # types whose gold segment holds the definition that is named
LEAST_NAME = 5


def names_of(questions: list[dict]) -> dict[tuple[int, str], dict]:
    """By pack and name, a question whose one gold segment defines it."""
    found: dict[tuple[int, str], dict] = {}
    for q in questions:
        cites = [part["cite"] for part in q["answer"] if not isinstance(part, str)]
        if q["type"] in ABOUT_ONE and len(q["gold"]) == 1 == len(cites) and len(q["name"]) >= LEAST_NAME:
            found.setdefault((q["pack"], q["name"]), q)
    return found


def asks(questions: list[dict], each: int, seed: int) -> list[dict]:
    """`each` different wordings for every name; one of them, where the name has several words, asks by the words."""
    rng, asked = random.Random(seed), []
    for (_, name), q in names_of(questions).items():
        words = " ".join(words_of(name))
        texts = [w.format(n=name) for w in rng.sample(phrasings.PROSE, each)]
        if words.count(" "):
            texts[-1] = rng.choice(phrasings.PROSE_WORDS).format(w=words)
        path = next(part["cite"] for part in q["answer"] if not isinstance(part, str))
        asked += [{**q, "type": "prose", "text": text, "answer": ["", {"cite": path}], "facts": []} for text in texts]
    return asked


def main(args: argparse.Namespace) -> None:
    folder = Path(args.data)
    questions = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    known = (folder / "asks.jsonl").read_text().splitlines() if (folder / "asks.jsonl").exists() else []
    made = [json.dumps(a) for a in asks(questions, args.each, args.seed)]
    lines = list(dict.fromkeys([*known, *made]))
    (folder / "asks.jsonl").write_text("".join(line + "\n" for line in lines))
    print(len(lines), "asks,", len(lines) - len(known), "of them new")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, help="folder that `data` wrote; its asks.jsonl grows")
    parser.add_argument("--each", type=int, default=4, help="wordings a name")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=main)
