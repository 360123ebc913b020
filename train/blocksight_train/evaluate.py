"""`evaluate`: what an adapter finds, cites and answers, on repositories that it was not tuned on.

For every question of every pack: focus per file (by question heads), the greedy answer with citations pointed, the candidates of every
citation. Records go to a JSON-lines file; `report` makes tables of them. With `--choose-heads` question heads are chosen first, on the
questions of another folder (development repositories), and written beside the records. With `--together` several repositories are read
as one pack; files are ranked and judged by repository and path then, and cited by path. With `--cut` small parts of packs are read, which
`--layout causal` reads as one text. With `--read 8 --ahead SCOUT` every question sees only the eight segments that the scout's record of
it has first, as in the product.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .asking import Answers, ask, focus
from .batches import Dataset, Example
from .data.codec import Codec
from .layout import PREFIX
from .model import Model, rope_table
from .pointer import Pointer, by_file, chosen
from .reading import Pack, read, read_causal
from .report import load
from .together import Material, cuts, materials, path_of
from .tune import base_arguments, load_model

MOST_HEADS = 8
ROOM = 2048  # most tokens of a conversation
SHOWN_FILES = 10
SHOWN_SEGMENTS = 32


def picked(examples: list[Example], per_type: int, seed: int, most: dict[str, int]) -> list[Example]:
    """At most `per_type` questions of each type (`most`: other limits by type), the same for every model."""
    rng, by_type = random.Random(seed), {}
    for example in examples:
        by_type.setdefault(example.type, []).append(example)
    return [e for kind in sorted(by_type) for e in rng.sample(by_type[kind], min(most.get(kind, per_type), len(by_type[kind])))]


@dataclass(frozen=True)
class Part:
    """Every `of`th pack from the `at`th on."""

    at: int = 0
    of: int = 1

    def has(self, number: int) -> bool:
        return number % self.of == self.at


def part_of(text: str) -> Part:
    """ "1/4": the second of four parts, which several processes evaluate side by side. Their records one behind the other are the whole's."""
    at, _, of = text.partition("/")
    if not (at.isdigit() and of.isdigit() and int(at) < int(of)):
        raise SystemExit(f"--part {text}: give I/N with I from 0 to N - 1, for example 0/4")
    return Part(int(at), int(of))


def ahead_of(args: argparse.Namespace) -> dict[tuple[str, str, str], list[int]] | None:
    """By question, the segments that it may read: the first of the scout's record. None: everything."""
    if not args.read and not args.ahead:
        return None
    if args.read < 1:
        raise SystemExit("--ahead is the order that --read takes: give --read N, for example 8")
    if not args.ahead:
        raise SystemExit("--read N needs the scout's order: give --ahead RECORDS, which `evaluate` of the scout wrote over the same data")
    if args.together or args.cut or args.layout != "independent":
        raise SystemExit("--read is for whole packs, one by one: leave out --together and --cut, and --layout causal")
    if args.read > SHOWN_SEGMENTS:
        raise SystemExit(f"records hold the scout's first {SHOWN_SEGMENTS} segments: --read {args.read} asks for more")
    records = load(args.ahead)[1]
    if any("segments" not in r for r in records.values()):
        raise SystemExit(f"{args.ahead} does not say which segments were read most: run `evaluate` of the scout again")
    return {key: record["segments"][: args.read] for key, record in records.items()}


class Evaluation:
    def __init__(self, model: Model, dataset: Dataset, codec: Codec, prefix: list[int], args: argparse.Namespace, cites: bool):
        self.model, self.dataset, self.codec, self.prefix, self.args, self.cites = (
            model,
            dataset,
            codec,
            prefix,
            args,
            cites,
        )
        self.most, self.started, self.part = json.loads(args.most), time.time(), part_of(args.part)
        self.ahead = ahead_of(args)
        self.reader = read
        if args.layout == "causal":
            if not args.cut:
                raise SystemExit("--layout causal reads small packs: give --cut TOKENS, for example 16384")
            self.reader = read_causal
            model.cos, model.sin = rope_table(model.spec, PREFIX + args.cut + ROOM, model.device)

    def packs(self, wanted: set[str] | None = None) -> Iterator[tuple[Material, Pack, list[Example], float]]:
        for material in materials(self.dataset, self.args.together):
            if not self.part.has(material.number):
                continue
            examples = [e for e in material.examples if wanted is None or e.type in wanted]
            examples = picked(examples, self.args.per_type, material.number, self.most)
            if self.ahead is not None:
                examples = [e for e in examples if self._key(e) in self.ahead]
            if not examples:
                continue
            if self.args.minutes and time.time() - self.started > 60 * self.args.minutes:
                print("time is up before", material.name, flush=True)
                return
            parts = cuts(self.dataset, material, examples, self.args.cut) if self.args.cut else [(material, examples)]
            for part, asked in parts:
                started = time.time()
                pack = self.reader(self.model, self.prefix, [self.dataset.segment(s) for s in part.segments])
                if self.model.device.startswith("cuda"):
                    torch.cuda.synchronize()
                yield part, pack, asked, time.time() - started
                pack.forget()

    def _key(self, e: Example) -> tuple[str, str, str]:
        return self.dataset.names[e.pack], e.type, e.record["text"]

    def _shown(self, e: Example, segments: list[int]) -> list[int]:
        """The places in `segments` of those that the question may read."""
        if self.ahead is None:
            return list(range(len(segments)))
        place, shown = {s: i for i, s in enumerate(segments)}, self.ahead[self._key(e)]
        if not set(shown) <= set(place):
            raise SystemExit(
                f"{self.args.ahead} names segments that {self.dataset.names[e.pack]} does not have: evaluate the scout over --data"
            )
        return sorted(place[s] for s in shown)

    def _sees(self, examples: list[Example], segments: list[int], pack: Pack) -> torch.Tensor | None:
        """What each question may read: bool [questions, blocks]."""
        if self.ahead is None:
            return None
        shown = torch.zeros(len(examples), len(segments) + 1, dtype=torch.bool)
        shown[:, -1] = True  # the prefix's block has the segment -1
        for row, e in zip(shown, examples):
            row[self._shown(e, segments)] = True
        return shown.to(self.model.device)[:, pack.block_segment]

    def question_heads(self, known: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], list, float]:
        """Greedy choice of the (layer, group) pairs whose mean focus ranks gold files best -> heads, the score after each, that of the known ones."""
        spec = self.model.spec
        shares, golds = [], []
        for material, pack, examples, _ in self.packs(
            {"where", "doc", "commit", "sentence", "what", "error", "callers", "test", "change", "heading"}
        ):
            segments, files = material.segments, sorted(set(material.labels))
            file_of = torch.tensor([files.index(p) for p in material.labels], device=self.model.device)
            for a in range(0, len(examples), self.args.at_once):
                part = examples[a : a + self.args.at_once]
                mass = ask(self.model, pack, len(segments), [e.prompt for e in part], self.args.source, 0, set()).mass
                share = mass / mass.sum(-1, keepdim=True).clamp(min=1e-9)
                best = share.new_zeros(*share.shape[:3], len(files)).index_reduce_(3, file_of, share, "amax")
                for c, e in enumerate(part):
                    shares.append(best[:, :, c].flatten(0, 1).cpu())
                    golds.append([files.index(g) for g in material.gold(self.dataset, e)])
        total = [sum(s[layer * spec.groups + group] for layer, group in known) for s in shares]
        return *choose_heads(shares, golds, spec.groups), round(worth(total, golds), 4)

    def records(self, heads: list[tuple[int, int]], weight: float) -> Iterator[dict]:
        for material, pack, examples, seconds in self.packs():
            segments, several = material.segments, len(material.names) > 1
            citation = {p: self.codec.citation(path_of(p) if several else p)[1:] for p in set(material.labels)}
            started = time.time()
            for a in range(0, len(examples), self.args.at_once):
                part = examples[a : a + self.args.at_once]
                token = self.codec.markers.file
                sees = self._sees(part, segments, pack)
                pointer = (
                    Pointer(
                        self.model, pack, material.labels, citation, token, heads, weight, self.args.source, self.args.pointer_row, sees
                    )
                    if self.cites
                    else None
                )
                stop = {self.codec.markers.end, *self.args.stop}
                answers = ask(
                    self.model,
                    pack,
                    len(segments),
                    [e.prompt for e in part],
                    self.args.source,
                    self.args.steps,
                    stop,
                    pointer,
                    sees,
                )
                yield from self._records(material, part, answers, heads, pointer)
            print(
                material.name,
                "segments",
                len(segments),
                "tokens",
                int(pack.valid.sum()),
                f"read {seconds:.1f} s, asked {len(examples)} in {time.time() - started:.1f} s",
                flush=True,
            )

    def _records(self, material: Material, examples: list[Example], answers: Answers, heads, pointer) -> Iterator[dict]:
        share = focus(answers.mass, heads).tolist()
        for c, e in enumerate(examples):
            # What was hidden has no rank: with a focus of 0 its place would be that in the pack, and a hit there luck.
            shown = self._shown(e, material.segments)
            of_file = by_file([share[c][i] for i in shown], [material.labels[i] for i in shown])
            ranked = sorted(of_file.items(), key=lambda item: -item[1])
            pointed = pointer.seen.get(c, []) if pointer else []
            together = {"together": material.names} if len(material.names) > 1 else {}
            yield {
                "pack": self.dataset.names[e.pack], "type": e.type, "language": e.record["language"], "text": e.record["text"], "name": e.record["name"],
                "gold": material.gold(self.dataset, e), "expected": self.codec.decode(e.answer[:-1]),
                "answer": self.codec.decode(answers.ids[c]), "files": [[p, round(f, 6)] for p, f in ranked[:SHOWN_FILES]],
                "pointed": [[list(x) for x in candidates] for candidates in pointed],
                "cited": [chosen(candidates, pointer.weight).path for candidates in pointed],
                "ofFiles": len(set(material.labels)),
                "segments": [material.segments[i] for i in sorted(shown, key=lambda i: -share[c][i])[:SHOWN_SEGMENTS]],
                "facts": e.record.get("facts", []),
                **together,
            }  # fmt: skip


def worth(total: list[torch.Tensor], golds: list[list[int]]) -> float:
    """The mean over questions of recall at 1, 3 and 5 files; `total`: every question's share of the files."""
    score = 0.0
    for t, gold in zip(total, golds):
        order = t.argsort(descending=True).tolist()[:5]
        wanted = set(gold)
        score += sum(len(wanted & set(order[:k])) / len(wanted) for k in (1, 3, 5)) / 3
    return score / max(1, len(total))


def choose_heads(shares: list[torch.Tensor], golds: list[list[int]], groups: int) -> tuple[list[tuple[int, int]], list]:
    """shares: per question [heads, files]."""
    singles = sorted(range(len(shares[0])), key=lambda h: -worth([s[h] for s in shares], golds))[:16]
    chosen: list[int] = []
    steps, best = [], -1.0
    total = [torch.zeros_like(s[0]) for s in shares]
    while len(chosen) < MOST_HEADS:
        tried = [(worth([t + s[h] for t, s in zip(total, shares)], golds), h) for h in singles if h not in chosen]
        score, h = max(tried)
        if score <= best + 1e-4 and len(chosen) >= 4:
            break
        best = score
        chosen.append(h)
        total = [t + s[h] for t, s in zip(total, shares)]
        steps.append([h // groups, h % groups, round(score, 4)])
    return [(h // groups, h % groups) for h in chosen], steps


@torch.no_grad()
def coverage(evaluation: Evaluation, most_packs: int, questions: int) -> float:
    """Share of the best 14 blocks' mass that the trained index covers, over question rows."""
    found = []
    for number, (material, pack, examples, _) in enumerate(evaluation.packs()):
        if number == most_packs:
            break
        asked = examples[:: max(1, len(examples) // questions)][:questions]
        sees = evaluation._sees(asked, material.segments, pack)
        prompts = [e.prompt for e in asked]
        found.append(ask(evaluation.model, pack, len(material.segments), prompts, "dense", 0, set(), sees=sees).covered)
    return float(np.mean(found))


def main(args: argparse.Namespace) -> None:
    model, metadata = load_model(args)
    codec = Codec.load(args.tokenizer)
    prefix, heads = metadata["layout"]["prefix"], [tuple(h) for h in metadata["questionHeads"]]
    cites = args.cites or "citation" in metadata["layout"]
    make = lambda folder, args: Evaluation(model, Dataset(folder, args.model, codec, tuple(args.files)), codec, prefix, args, cites)
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    extra: dict[str, object] = {"heads": heads}
    if args.choose_heads:
        known = heads
        whole = argparse.Namespace(**{**vars(args), "read": 0, "ahead": ""})  # the scout's records are of --data alone
        heads, steps, score = make(args.choose_heads, whole).question_heads(known)
        print("question heads", json.dumps(steps), "the adapter's own", known, score, flush=True)
        extra = {"heads": heads, "headScores": steps, "ownScore": score}
        out.with_suffix(".heads.json").write_text(json.dumps(heads))
    evaluation = make(args.data, args)
    if args.coverage:
        extra["coverage"] = coverage(evaluation, args.coverage, 8)
        print("coverage", extra["coverage"], flush=True)
    with out.open("w") as f:
        f.write(
            json.dumps(
                {
                    "source": args.source,
                    "weight": args.pointer_weight,
                    "adapter": args.adapter,
                    "checkpoint": args.checkpoint,
                    "read": args.read,
                    "ahead": args.ahead,
                    **extra,
                }
            )
            + "\n"
        )
        for record in evaluation.records(heads, args.pointer_weight):
            f.write(json.dumps(record) + "\n")
            f.flush()


def arguments(parser: argparse.ArgumentParser) -> None:
    base_arguments(parser)
    parser.add_argument("--files", nargs="*", default=["questions.jsonl"])
    parser.add_argument("--out", required=True, help="records, JSON lines")
    parser.add_argument("--source", choices=("trained", "keys", "dense"), default="trained")
    parser.add_argument("--choose-heads", default="", help="folder of development data to choose question heads on")
    parser.add_argument("--pointer-weight", type=float, default=1.0)
    parser.add_argument("--pointer-row", type=float, default=0.0, help="share of the citation token's own row in the pointer's focus")
    parser.add_argument("--cites", action="store_true", help="point citations although the adapter's metadata names none")
    parser.add_argument("--per-type", type=int, default=12, help="most questions of a type in a pack")
    parser.add_argument("--most", default="{}", help='JSON: other limits by type, for example {"commit": 20}')
    parser.add_argument("--steps", type=int, default=48, help="most tokens of an answer")
    parser.add_argument("--stop", type=int, nargs="*", default=[], help="further tokens that end an answer")
    parser.add_argument("--together", type=int, default=0, help="read repositories as packs of at least so many tokens (0: one by one)")
    parser.add_argument("--cut", type=int, default=0, help="read parts of packs of at most so many tokens (0: whole packs)")
    parser.add_argument(
        "--layout", choices=("independent", "causal"), default="independent", help="causal: all files of a pack as one text"
    )
    parser.add_argument("--read", type=int, default=0, help="a question sees only so many segments, the first of --ahead (0: all)")
    parser.add_argument("--ahead", default="", help="records of the scout over the same data, whose order --read takes")
    parser.add_argument("--part", default="0/1", help="I/N: only every Nth pack from the Ith on, for several processes side by side")
    parser.add_argument("--at-once", type=int, default=48, help="conversations side by side")
    parser.add_argument("--minutes", type=float, default=0, help="stop before a pack that would begin later (0: never)")
    parser.add_argument("--coverage", type=int, default=0, help="packs on which the index's coverage is measured (0: none)")
    parser.set_defaults(run=main)
