"""`textloss`: next-token loss on plain segments, of the base model and with its adapter: what tuning cost the model as a language model.

Segments are read as in the product, behind the prefix. The loss is in nats a token; within 0.05 of the base is wanted. With `--chat` also
on the base's own answers to general instructions (`teach --instructions --held-out`), asked with some of their pack's segments in sight.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable

import torch
import torch.nn.functional as F

from .asking import Cache, rows
from .batches import Dataset, Example
from .data.codec import Codec
from .layout import BLOCK, PREFIX
from .model import Linear, Model
from .reading import Pack, lay_out, read, segment_layer
from .report import interval
from .tune import base_arguments, load_model

AT_ONCE = 16  # conversations side by side


def set_lora(model: Model, on: bool) -> None:
    """LoRA in or out; the scale alone decides."""
    for module in model.modules():
        if isinstance(module, Linear):
            module.scale = model.lora_scale if on else 0.0


@torch.no_grad()
def segment_losses(model: Model, prefix: list[int], segments: list) -> list[float]:
    """Mean loss of every segment's tokens, the first one left out."""
    losses = []
    for segment in segments:
        tokens = lay_out(prefix, [segment], model.device)
        x, cos, sin = model.embed(tokens.ids), model.cos[tokens.positions], model.sin[tokens.positions]
        for layer in model.layers:
            *_, x = segment_layer(layer, x, tokens, cos, sin)
        losses.append(float(F.cross_entropy(model.logits(x[PREFIX:-1]), tokens.ids[PREFIX + 1 :])))
    return losses


@torch.no_grad()
def answer_losses(model: Model, prefix: list[int], dataset: Dataset, examples: list[Example], segments: int) -> list[float]:
    """Mean loss of every answer's tokens, behind its question and the first `segments` of its pack, all of which are read."""
    losses = {}
    for number in sorted({e.pack for e in examples}):
        pack = read(model, prefix, [dataset.segment(s) for s in dataset.packs[number][: max(1, segments)]])
        pack = pack if segments else without_segments(pack)
        places = [i for i, e in enumerate(examples) if e.pack == number]
        for a in range(0, len(places), AT_ONCE):
            part = places[a : a + AT_ONCE]
            losses |= zip(part, _side_by_side(model, pack, [examples[i] for i in part]))
    return [losses[i] for i in range(len(examples))]


def without_segments(pack: Pack) -> Pack:
    """The prefix alone, which sees no segment."""
    first = lambda stores: [t[:BLOCK] for t in stores]
    parts = first(pack.keys), first(pack.values), first(pack.index_keys)
    return Pack(*parts, pack.valid[:BLOCK], pack.block_segment[:1], pack.conversation)


def _side_by_side(model: Model, pack: Pack, examples: list[Example]) -> list[float]:
    move = lambda v: torch.tensor(v, dtype=torch.long, device=model.device)
    whole = [e.prompt + e.answer for e in examples]
    conversation = move([c for c, ids in enumerate(whole) for _ in ids])
    position = move([pack.conversation + j for ids in whole for j in range(len(ids))])
    x = rows(model, pack, Cache(move([]), move([])), move([t for ids in whole for t in ids]), conversation, position, "dense")
    own = x.split([len(ids) for ids in whole])
    return [float(F.cross_entropy(model.logits(r[len(e.prompt) - 1 : -1]), move(e.answer))) for r, e in zip(own, examples)]


def compared(model: Model, losses: Callable[[], list[float]]) -> dict:
    """The same losses of the base and with its adapter, and their paired difference with its interval."""
    found = {}
    for name, on in (("base", False), ("adapter", True)):
        set_lora(model, on)
        found[name] = losses()
    mean, low, high = (value / 100 for value in interval([b - a for a, b in zip(found["base"], found["adapter"])]))
    means = {name: round(sum(values) / len(values), 4) for name, values in found.items()}
    return {"n": len(found["base"]), **means, "difference": round(mean, 4), "interval": [round(low, 4), round(high, 4)]}


def main(args: argparse.Namespace) -> None:
    model, metadata = load_model(args)
    codec, prefix = Codec.load(args.tokenizer), metadata["layout"]["prefix"]
    dataset = Dataset(args.data, args.model, codec)
    every = sorted({s for pack in dataset.packs for s in pack if len(dataset.segment(s)) > 64})
    chosen = random.Random(args.seed).sample(every, min(args.segments, len(every)))
    some = [dataset.plain(s) for s in chosen]
    print(json.dumps({"of": "segments", **compared(model, lambda: segment_losses(model, prefix, some))}), flush=True)
    if args.chat:
        answers = Dataset(args.data, args.model, codec, (args.chat,))
        for segments in (0, args.in_sight):
            found = compared(model, lambda: answer_losses(model, prefix, answers, answers.examples, segments))  # noqa: B023
            print(json.dumps({"of": "answers to general instructions", "segmentsInSight": segments, **found}), flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    base_arguments(parser)
    parser.add_argument("--segments", type=int, default=64)
    parser.add_argument("--chat", default="", help="file of answers to general instructions in --data")
    parser.add_argument("--in-sight", type=int, default=8, help="segments that those are asked beside, besides none")
    parser.set_defaults(run=main)
