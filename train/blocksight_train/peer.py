"""`peer`: what a user would build instead of an adapter: the same base model, untuned, with MiniLM's best chunks in a normal prompt.

The questions are those of `lexical`'s MiniLM records, which name the chunks; the records are `evaluate`'s, so that `report` takes both.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from .batches import Dataset, Example
from .data.codec import Codec
from .lexical import SHOWN_TOKENS
from .model import Model
from .parts import Weights
from .report import load
from .teach import generate

SYSTEM = (
    "You are an expert programmer. Answer the question about a repository from the given excerpts of its files, "
    "in one or two short sentences. Quote names in backticks, and name the file that the answer is in."
)
MAY_DENY = " If what is asked about does not exist, say that it is not in this repository."
GAP = "[...]\n"


def excerpts(dataset: Dataset, codec: Codec, pack: int, blocks: list[list[int]], most: int) -> list[tuple[str, str]]:
    """The best blocks that fit into `most` tokens, in the pack's order -> path and text of each file; adjacent blocks are joined."""
    place = {s: i for i, s in enumerate(dataset.packs[pack])}
    chosen, held = [], 0
    for segment, block in blocks:
        size = len(dataset.plain_blocks(segment)[block])
        if held + size > most:
            break
        held += size
        chosen.append((place[segment], block))
    out: list[tuple[str, list[list[int]]]] = []  # path, runs of tokens
    before = (-2, 0, 0)  # place, block, blocks of the segment
    for at, block in sorted(chosen):
        segment = dataset.packs[pack][at]
        path, blocks_of = dataset.paths[segment], dataset.plain_blocks(segment)
        joined = (at, block) == (before[0], before[1] + 1) or (
            (at, block) == (before[0] + 1, 0) and before[1] == before[2] - 1 and out[-1][0] == path
        )
        piece = without_header(codec, blocks_of[block]) if block == 0 else blocks_of[block]
        if joined:
            out[-1][1][-1].extend(piece)
        elif out and out[-1][0] == path:
            out[-1][1].append(piece)
        else:
            out.append((path, [piece]))
        before = (at, block, len(blocks_of))
    return [(path, GAP.join(codec.decode(run).rstrip("\n") + "\n" for run in runs)) for path, runs in out]


def without_header(codec: Codec, ids: list[int]) -> list[int]:
    """A segment's first tokens without its line `<|file_sep|>path`."""
    for i in range(len(ids)):
        if codec.decode(ids[: i + 1]).endswith("\n"):
            return ids[i + 1 :]
    return []


def peer_prompt(codec: Codec, system: str, question: str, sources: list[tuple[str, str]]) -> list[int]:
    start, end, _ = codec.markers
    text = "\n".join(f"File: {path}\n```\n{body}```\n" for path, body in sources) + f"\nQuestion: {question}"
    newline = codec.encode("\n")
    turns = [start, *codec.encode("system\n" + system), end, *newline, start, *codec.encode("user\n" + text), end, *newline]
    return [*turns, start, *codec.encode("assistant\n")]


def main(args: argparse.Namespace) -> None:
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    codec = Codec.load(args.tokenizer)
    dataset = Dataset(args.data, args.model, codec)
    ranked = load(args.minilm)[1]
    asked: list[tuple[Example, dict, list[tuple[str, str]], list[int]]] = []
    system = SYSTEM + (MAY_DENY if args.may_deny else "")
    for e in dataset.examples:
        found = ranked.get((dataset.names[e.pack], e.type, e.record["text"]))
        if found and (not args.types or e.type in args.types):
            sources = excerpts(dataset, codec, e.pack, found["blocks"], args.tokens)
            asked.append((e, found, sources, peer_prompt(codec, system, e.record["text"], sources)))
    longest = max(len(prompt) for *_, prompt in asked)
    weights = Weights(args.base, device)
    model = Model(weights.spec, weights, device, lora=(), positions=longest + args.steps + 1)  # untuned
    asked.sort(key=lambda a: len(a[3]))  # prompts of like length go together, so that little is padding
    stop, started = {codec.markers.end, *args.stop}, time.time()
    generator = torch.Generator(device)  # greedy: nothing is drawn from it
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w") as f:
        f.write(json.dumps({"source": "peer", "system": system, "tokens": args.tokens}) + "\n")
        for a in range(0, len(asked), args.batch):
            part = asked[a : a + args.batch]
            answers = generate(model, [prompt for *_, prompt in part], args.steps, stop, 0.0, generator)
            for (e, found, sources, _), (ids, _) in zip(part, answers):
                record = {
                    "pack": found["pack"], "type": e.type, "language": e.record["language"], "text": e.record["text"], "name": e.record["name"],
                    "gold": found["gold"], "expected": codec.decode(e.answer[:-1]), "answer": codec.decode(ids), "files": found["files"],
                    "shown": [path for path, _ in sources], "facts": e.record.get("facts", []),
                }  # fmt: skip
                f.write(json.dumps(record) + "\n")
            f.flush()
            print("answered", a + len(part), "of", len(asked), f"{time.time() - started:.0f} s, longest prompt", longest, flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True, help="folder that `parts` wrote")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="coder", help="name of the model's tokens in segments.npz")
    parser.add_argument("--minilm", required=True, help="minilm-blocks.jsonl of `lexical` over the same folder")
    parser.add_argument("--types", nargs="*", default=[], help="ask only questions of these types")
    parser.add_argument("--tokens", type=int, default=SHOWN_TOKENS, help="most tokens of chunks in a prompt")
    parser.add_argument("--may-deny", action="store_true", help="the prompt says what to answer where something does not exist")
    parser.add_argument("--steps", type=int, default=88, help="most tokens of an answer")
    parser.add_argument("--stop", type=int, nargs="*", default=[], help="further tokens that end an answer")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="")
    parser.add_argument("--out", required=True, help="records, JSON lines")
    parser.set_defaults(run=main)
