"""`pretrain`: MSA from scratch (the paper's MSA-PT) at toy scale, with the losses of `convert`, and what each part of the recipe is for.

The text is made: a Markov chain that is predicted from the tokens just before, definitions `key = value` (one token each) early in the
sequence, and later questions for a key, whose next token is the value. So the chain needs the own block, and a question one far block.
L = language model + KL, the KL's gradient to the index alone. Warm-up reads everything; then rows read the blocks that the index chooses.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conversion import Choice, attend, behind, divergence, project, recalls
from .model import Model
from .spec import ModelSpec

KEYS = VALUES = 12
CHAIN = 16  # symbols of the chain
LENGTH = 256
CHOICE = Choice(size=16, top=3)
ROWS = 64  # rows of a sequence that the KL is taken over
BATCH = 16
QUESTIONS = 24
VOCABULARY = CHAIN + KEYS * VALUES + KEYS + VALUES
SPEC = ModelSpec("toy", 2, 64, 4, 2, 16, 128, 1e4, 1e-5, VOCABULARY)


@dataclass(frozen=True)
class Variant:
    kl: float = 1.0  # weight of the KL
    detach: bool = True
    warm_up: bool = True
    local: bool = True
    sparse: bool = True


VARIANTS = {
    "recipe": Variant(),
    "without detach": Variant(detach=False),
    "without warm-up": Variant(warm_up=False),
    "without local block": Variant(local=False),
    "without KL": Variant(kl=0.0),
    "full attention": Variant(kl=0.0, sparse=False),
}


class Toy:
    """The made text. The chain's table is drawn once; every batch is new."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        table = torch.Generator().manual_seed(0)
        self.next = (torch.randn(CHAIN, CHAIN, CHAIN, generator=table) * 3).softmax(-1)

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """-> tokens [count, N + 1], and bool [count, N]: whose next token is an answer."""
        draw = lambda high, *shape: torch.randint(high, shape, generator=self.generator)
        ids, asked = torch.zeros(count, LENGTH + 1, dtype=torch.long), torch.zeros(count, LENGTH, dtype=torch.bool)
        value = draw(VALUES, count, KEYS)
        first, second = draw(CHAIN, count), draw(CHAIN, count)
        for at in range(LENGTH + 1):
            third = torch.multinomial(self.next[first, second], 1, generator=self.generator)[:, 0]
            ids[:, at], first, second = third, second, third
        for row in range(count):
            # Definitions stand in the first half, one a place; questions in the second, two tokens each.
            places = torch.randperm(LENGTH // 2, generator=self.generator)[:KEYS]
            ids[row, places] = CHAIN + torch.arange(KEYS) * VALUES + value[row]
            starts = LENGTH // 2 + 2 * torch.randperm(LENGTH // 4, generator=self.generator)[:QUESTIONS]
            keys = draw(KEYS, QUESTIONS)
            ids[row, starts] = CHAIN + KEYS * VALUES + keys
            ids[row, starts + 1] = CHAIN + KEYS * VALUES + KEYS + value[row, keys]
            asked[row, starts] = True
        return ids, asked


def trainable(model: Model) -> Model:
    """Every weight becomes a parameter; embedding and output stay one."""
    made: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, value in list(module._buffers.items()):
            if value is not None:
                del module._buffers[name]
                module.register_parameter(name, made.setdefault(id(value), nn.Parameter(value.clone())))
    return model


def losses(model: Model, ids: Tensor, asked: Tensor, variant: Variant, sparse: bool) -> dict[str, Tensor]:
    """Of a batch: the chain's and the answers' next-token loss, the KL (mean over layers), the answers' accuracy."""
    choice = replace(CHOICE, local=variant.local)
    x, kl = model.embed(ids[:, :-1]), []
    rows = torch.randperm(LENGTH)[:ROWS].sort().values
    for layer in model.layers:
        p = project(layer, x, model.cos, model.sin, variant.detach)
        if variant.kl:
            kl.append(divergence(p, rows, choice if sparse else None))
        x = behind(layer, x, attend(p, choice if sparse else None))
    logits, target = model.logits(x), ids[:, 1:]
    each = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").view_as(target)
    plain = (target < CHAIN) & ~asked  # definitions and questions come from nowhere
    hit = (logits.argmax(-1) == target)[asked].float().mean()
    return {"chain": each[plain].mean(), "answer": each[asked].mean(), "kl": sum(kl) / len(kl) if kl else each.sum() * 0, "right": hit}


@torch.no_grad()
def block_recall(model: Model, ids: Tensor, choice: Choice) -> float:
    """Share of the best blocks that the index chooses, the mean over layers, while everything is read."""
    x, found = model.embed(ids[:, :-1]), []
    rows = torch.arange(LENGTH // 2, LENGTH)
    for layer in model.layers:
        p = project(layer, x, model.cos, model.sin)
        found.append(recalls(p, rows, choice)["blocks"])
        x = behind(layer, x, attend(p, None))
    return sum(found) / len(found)


def run_variant(variant: Variant, steps: int, seed: int, note, every: int = 20) -> None:
    torch.manual_seed(seed)
    model = trainable(Model(SPEC, None, "cpu", (), index_dim=16, positions=LENGTH))
    text, held_out = Toy(seed), Toy(seed + 1000)
    tests = [held_out.batch(BATCH) for _ in range(4)]
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, betas=(0.9, 0.98), weight_decay=0.01)
    warm = steps // 3 if variant.warm_up else 0
    for step in range(steps + 1):
        sparse = variant.sparse and step >= warm
        if step % every == 0:
            with torch.no_grad():
                found = [losses(model, *test, variant, sparse) for test in tests]
            mean = {key: round(float(sum(one[key] for one in found) / len(found)), 4) for key in found[0]}
            recall = round(block_recall(model, tests[0][0], replace(CHOICE, local=variant.local)), 4)
            note({"step": step, "sparse": sparse, **mean, "recall": recall})
        if step == steps or not all(math.isfinite(v) for v in mean.values()):
            break
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 40) * (1 - 0.9 * step / steps)
        out = losses(model, *text.batch(BATCH), variant, sparse)
        (out["chain"] + out["answer"] + variant.kl * out["kl"]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)  # the matrices are tiny; more threads only wait for each other
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for name in args.variants.split(",") if args.variants else VARIANTS:
        file, started, lines = out / f"{name.replace(' ', '-')}.jsonl", time.time(), []
        if file.exists():
            print(name, "is there already")
            continue
        run_variant(VARIANTS[name], args.steps, args.seed, lines.append)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))  # whole or not at all
        print(name, f"{time.time() - started:.0f} s", json.dumps(lines[-1]), flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, help="folder: a file a variant; those that are there are kept")
    parser.add_argument("--variants", default="", help=f"comma-separated; all if not given: {', '.join(VARIANTS)}")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=main)
