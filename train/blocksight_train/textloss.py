"""`textloss`: next-token loss on plain segments, of the base model and with its adapter: what tuning cost the model as a language model.

Segments are read as in the product, behind the prefix. The loss is in nats a token; within 0.05 of the base is wanted.
"""

from __future__ import annotations

import argparse
import json
import random

import torch
import torch.nn.functional as F

from .batches import Dataset
from .data.codec import Codec
from .layout import PREFIX
from .model import Linear, Model
from .reading import lay_out, segment_layer
from .report import interval
from .tune import base_arguments, load_model


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


def main(args: argparse.Namespace) -> None:
    model, metadata = load_model(args)
    dataset = Dataset(args.data, args.model, Codec.load(args.tokenizer))
    every = sorted({s for pack in dataset.packs for s in pack if len(dataset.segment(s)) > 64})
    chosen = random.Random(args.seed).sample(every, min(args.segments, len(every)))
    found = {}
    for name, on in (("base", False), ("adapter", True)):
        set_lora(model, on)
        found[name] = segment_losses(model, metadata["layout"]["prefix"], [dataset.segment(s).tolist() for s in chosen])
    mean, low, high = (value / 100 for value in interval([b - a for a, b in zip(found["base"], found["adapter"])]))
    means = {name: round(sum(values) / len(values), 4) for name, values in found.items()}
    print(json.dumps({"segments": len(chosen), **means, "difference": round(mean, 4), "interval": [round(low, 4), round(high, 4)]}))


def arguments(parser: argparse.ArgumentParser) -> None:
    base_arguments(parser)
    parser.add_argument("--segments", type=int, default=64)
    parser.set_defaults(run=main)
