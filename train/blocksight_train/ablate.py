"""`ablate`: which shape of index finds the gold blocks.

Every index is made anew from the same seed and learns what the stage `index` of `tune` learns, backbone and LoRA frozen. All learn side by
side: one pass over a batch gives the targets of all of them, so that they have the same batches and the same number of steps. Variants
that differ only in what is chosen (blocks a row, layer 0, first blocks) measure the base's index. All are then asked the same questions
over the same packs, which are read once: a dense pass for coverage, a sparse pass each for what is chosen and what is found.

A row chooses in every layer and group. `layers` is the share of the choices of question rows that hold a block of a gold segment, `heads`
the same in the question heads alone, `segments` the share of questions with a gold block in any choice of the question heads.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from .asking import Cache, Measure, focus, own_blocks, rows
from .attention import NEG, block_scores, choose, use_kernels
from .batches import INDEX_ROWS, Batch, Dataset, Example, Sampler, make_batch
from .data.codec import Codec
from .evaluate import picked
from .layout import BLOCK, CONVERSATION, FREE_BLOCKS, PREFIX, TOP_BLOCKS
from .model import Layer, Model, rope_table, rotate
from .pointer import by_file
from .reading import Pack, read, to_slots
from .report import interval, table
from .training import dense_rows_behind, divergence, index_target, projected, tables_of
from .tune import WEIGHTS, base_arguments, load_model, rate

LAST = 1e4  # taken off a score so that its block comes behind all others; fp32 keeps their order to a thousandth
CONVERSATIONS = 48  # side by side
FIGURES = ("layers", "heads", "segments", "coverage", "top1", "top3")


@dataclass(frozen=True)
class Shape:
    """An index that is trained. `rope`: rotated dimensions. `serves`: layers in a row that the index of the first of them chooses for; it
    learns what all of them read."""

    dim: int = 64
    rope: int = 0
    serves: int = 1


SHAPES = {"base": Shape(), "dim32": Shape(dim=32), "rope16": Shape(rope=16), "third": Shape(serves=3)}
ADAPTER = "adapter"  # the index that the adapter has, which is not trained here


@dataclass(frozen=True)
class Variant:
    index: str = "base"
    every: int = 1  # every so many layers one is scored, and those behind it take over its choice
    blocks: int = TOP_BLOCKS
    layer_0: str = "chosen"  # or "all": it reads every block, or "none": it reads the prefix and its own conversation
    first: str = "scored"  # first blocks of segments; or "last": chosen where nothing else is left, or "never"


VARIANTS = {
    "base": Variant(),
    "adapter": Variant(ADAPTER),
    "dim32": Variant("dim32"),
    "third": Variant("third", every=3),
    "third-own": Variant(every=3),  # the base's index, which learnt for its own layer alone
    "rope16": Variant("rope16"),
    "blocks8": Variant(blocks=8),
    "blocks32": Variant(blocks=32),
    "layer0-all": Variant(layer_0="all"),
    "layer0-none": Variant(layer_0="none"),
    "first-last": Variant(first="last"),
    "first-never": Variant(first="never"),
}


class Branch(nn.Module):
    """The index of one layer, with the product's arithmetic."""

    index_queries, index_keys = Layer.index_queries, Layer.index_keys

    def __init__(self, layer: Layer, dim: int):
        super().__init__()
        self.spec = spec = layer.spec
        device = layer.index_q.device
        self.index_q = nn.Parameter(torch.randn(spec.groups * dim, spec.width, device=device) / spec.width**0.5)
        self.index_k = nn.Parameter(torch.randn(dim, spec.width, device=device) / spec.width**0.5)
        self.index_q_norm = nn.Parameter(torch.ones(dim, device=device))
        self.index_k_norm = nn.Parameter(torch.ones(dim, device=device))


class Index:
    """An index of all layers. Layers that it does not score have no branch."""

    def __init__(self, model: Model, shape: Shape, seed: int, own: bool = False):
        torch.manual_seed(seed)
        self.shape = shape
        branch = lambda layer: layer if own else Branch(layer, shape.dim)
        self.branches = [branch(layer) if i % shape.serves == 0 else None for i, layer in enumerate(model.layers)]
        self.parameters = [] if own else [p for b in self.branches if b is not None for p in b.parameters()]
        spec = replace(model.spec, head_dim=shape.rope)
        self.tables = rope_table(spec, len(model.cos), model.device) if shape.rope else None

    def turned(self, t: Tensor, positions: Tensor) -> Tensor:
        """Queries [N, G, dim] or keys [N, dim] with their first dimensions rotated, where the shape says so."""
        if self.tables is None:
            return t
        cos, sin = (table[positions] for table in self.tables)
        head, n = t.view(len(t), -1, t.shape[-1]), self.shape.rope
        return torch.cat([rotate(head[..., :n], cos, sin), head[..., n:]], -1).view(t.shape)

    def queries(self, i: int, h: Tensor, positions: Tensor) -> Tensor:
        return self.turned(self.branches[i].index_queries(h), positions)

    def keys(self, i: int, h: Tensor, positions: Tensor) -> Tensor:
        return self.turned(self.branches[i].index_keys(h), positions)


def slot_positions(block_segment: Tensor) -> Tensor:
    """The main branch's position of every slot: segments begin behind the prefix, whichever blocks they have."""
    _, lengths = block_segment.unique_consecutive(return_counts=True)
    starts = lengths.cumsum(0) - lengths
    blocks = torch.arange(len(block_segment), device=lengths.device) - starts.repeat_interleave(lengths)
    slots = blocks[:, None] * BLOCK + torch.arange(BLOCK, device=lengths.device)
    return (slots + (block_segment >= 0)[:, None] * PREFIX).flatten()


def step(model: Model, batch: Batch, indexes: dict[str, Index]) -> dict[str, Tensor]:
    """Losses of all indexes on one batch, the mean over layers; their gradients are left in the parameters."""
    tables, losses = tables_of(model, batch), dict.fromkeys(indexes, 0.0)
    picked_rows, groups, slots = batch.index_rows, model.spec.groups, batch.slots
    seen, position, slot_position = batch.sees[picked_rows], batch.positions[picked_rows], slot_positions(batch.tokens.block_segment)
    inputs: dict[str, tuple[int, Tensor, Tensor]] = {}
    with torch.no_grad():
        x, r = model.embed(batch.tokens.ids), model.embed(batch.ids)
    for i, layer in enumerate(model.layers):
        with torch.no_grad():
            p = projected(layer, x, r, batch, tables)
            keys, _ = p.in_slots(batch)
            grouped = p.q.view(len(p.q), groups, -1, p.q.shape[-1])
            targets = [index_target(seen, grouped[picked_rows, g], keys[:, g], slots) for g in range(groups)]
            x, r = p.x, dense_rows_behind(layer, r, p, batch)
            here = (i, p.hr[picked_rows], to_slots(p.h, batch.tokens))
        for name, index in indexes.items():
            if index.branches[i] is not None:
                inputs[name] = here
            at, rows_in, slots_in = inputs[name]
            index_q, index_k = index.queries(at, rows_in, position), index.keys(at, slots_in, slot_position)
            loss = sum(divergence(targets[g], seen, index_q[:, g], index_k) for g in range(groups)) / (groups * len(model.layers))
            loss.backward()
            losses[name] = losses[name] + loss.detach()
    return losses


def train(model: Model, dataset: Dataset, prefix: list[int], indexes: dict[str, Index], args: argparse.Namespace, note: Callable) -> int:
    """-> steps that every index took."""
    if not indexes:
        return 0
    rng, shape_rng = random.Random(args.seed), random.Random(args.seed)
    sampler, sizes = Sampler(dataset, WEIGHTS, rng), [int(s) for s in args.sizes.split(",")]
    fused = model.device.startswith("cuda")
    optimisers = {n: torch.optim.AdamW(ix.parameters, betas=(0.9, 0.98), weight_decay=0.0, fused=fused) for n, ix in indexes.items()}
    started, steps, sums = time.time(), 0, []
    while (spent := time.time() - started) < args.seconds:
        segments, asked = sampler.draw(shape_rng.choice(sizes), args.questions)
        batch = make_batch(dataset, prefix, segments, asked, rng, model.device, args.index_rows)
        sums.append({n: float(loss) for n, loss in step(model, batch, indexes).items()})
        for name, optimiser in optimisers.items():
            optimiser.param_groups[0]["lr"] = rate(steps, spent / args.seconds, 3 * args.rate)  # as the stage `index` has it
            if torch.isfinite(torch.nn.utils.clip_grad_norm_(indexes[name].parameters, 1.0)):
                optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        steps += 1
        if steps % args.every == 0 or steps == 3:
            note(training_line(model, steps, time.time() - started, sums))
            sums = []
    if sums:
        note(training_line(model, steps, time.time() - started, sums))
    return steps


def training_line(model: Model, steps: int, seconds: float, sums: list[dict[str, float]]) -> dict:
    line = {"step": steps, "seconds": round(seconds), **{n: round(sum(s[n] for s in sums) / len(sums), 4) for n in sums[0]}}
    return line | ({"gigabytes": round(torch.cuda.max_memory_allocated() / 2**30, 1)} if model.device.startswith("cuda") else {})


class Scores:
    """Block scores of one index over one pack. The last ones are kept, because several variants ask for the same."""

    def __init__(self, index: Index, keys: list[Tensor | None], pack: Pack, position: Tensor):
        self.index, self.keys, self.pack, self.position = index, keys, pack, position
        self._last: tuple = (None,)

    def __call__(self, i: int, g: int, part: slice, h: Tensor) -> Tensor:
        asked = (i, g, part.start)
        if self._last[0] is not h or self._last[1] != asked:
            dots = self.index.queries(i, h, self.position[part])[:, g] @ self.keys[i].T
            self._last = (h, asked, block_scores(dots, self.pack.valid))
        return self._last[2]


class Chooser:
    """What a variant's rows choose (a choice of `asking.rows`), and how often a gold block is among it."""

    def __init__(self, variant: Variant, scores: Scores, conversation: Tensor, gold: Tensor, heads: int):
        """gold: bool [questions, blocks]; heads: layers and groups."""
        self.variant, self.scores, self.conversation, self.gold = variant, scores, conversation, gold
        own = own_blocks(scores.position)
        self.free, self.base_free = ((blocks - 1 - own).clamp(min=0) for blocks in (variant.blocks, TOP_BLOCKS))
        segment = scores.pack.block_segment
        self.first = torch.cat([segment[:1] >= 0, segment[1:] != segment[:-1]])
        self.hits = torch.zeros(heads, len(gold), device=gold.device)
        self._kept: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def pick(self, i: int, g: int, part: slice, h: Tensor) -> tuple[Tensor, Tensor] | None:
        v = self.variant
        if i == 0 and v.layer_0 == "all":
            return None
        if i == 0 and v.layer_0 == "none":
            nothing = torch.zeros(len(h), 1, dtype=torch.long, device=h.device)
            return nothing, nothing.bool()
        if i % v.every == 0:
            scores = self.scores(i, g, part, h)
            if v.first != "scored":
                scores = torch.where(self.first, scores - LAST if v.first == "last" else NEG, scores)
            self._kept[g, part.start] = choose(scores, self.free[part], v.blocks - 2)
        return self._kept[g, part.start]

    def __call__(self, i: int, g: int, part: slice, h: Tensor) -> tuple[Tensor, Tensor] | None:
        found, conversation = self.pick(i, g, part, h), self.conversation[part]
        if found is None:
            hit = torch.ones(len(h), device=h.device)
        else:
            ids, real = found
            hit = (self.gold[conversation].gather(1, ids) & real).any(1).float()
        groups = len(self.hits) // len(self.scores.keys)
        self.hits[i * groups + g].index_add_(0, conversation, hit)
        return found


class Coverage(Measure):
    """A dense pass that asks all variants what they would have chosen: the mass on that over the mass on the best blocks, as many of them
    as a row of the product may choose. A variant that reads more blocks than the product may pass 1."""

    def __init__(self, choosers: dict[str, Chooser], groups: int, questions: int, mass: Tensor):
        super().__init__(mass)
        self.choosers, self.groups = choosers, groups
        heads = mass.shape[0] * groups
        self.chosen = {name: torch.zeros(heads, questions, device=mass.device) for name in choosers}
        self.best = {name: torch.zeros(heads, questions, device=mass.device) for name in choosers}

    def shares(self, name: str) -> list[float]:
        """By question: all its rows of a layer and group together, then the mean over these."""
        return (self.chosen[name] / self.best[name].clamp(min=1e-9)).mean(0).tolist()

    def every_block(self, i: int, g: int, part: slice, h: Tensor) -> None:
        self._part, self._h = part, h

    def add(self, layer: int, group: int, conversation: Tensor, by_block: Tensor, block_segment: Tensor) -> None:
        mass = by_block.clone()
        mass[:, 0] = 0
        best = mass.topk(min(FREE_BLOCKS, mass.shape[1]), 1).values
        rank = torch.arange(best.shape[1], device=mass.device)
        for name, chooser in self.choosers.items():
            found = chooser.pick(layer, group, self._part, self._h)
            reachable = (best * (rank < chooser.base_free[self._part][:, None])).sum(1)
            covered = reachable if found is None else (mass.gather(1, found[0]) * found[1]).sum(1)
            head = layer * self.groups + group
            self.chosen[name][head].index_add_(0, conversation, covered)
            self.best[name][head].index_add_(0, conversation, reachable)


def read_with(model: Model, prefix: list[int], segments: list, indexes: dict[str, Index]) -> tuple[Pack, dict[str, list[Tensor | None]]]:
    """A pack, and the keys of all indexes by layer. The pack's own are those of the adapter."""
    places = [[n for n, ix in indexes.items() if ix.branches[i] is not None] for i in range(len(model.layers))]

    def side_by_side(i: int, h: Tensor) -> Tensor:
        return torch.cat([model.layers[i].index_keys(h)] + [indexes[n].branches[i].index_keys(h) for n in places[i]], -1)

    pack = read(model, prefix, segments, index_keys_of=side_by_side)
    positions = slot_positions(pack.block_segment)
    keys: dict[str, list[Tensor | None]] = {n: [None] * len(model.layers) for n in indexes}
    for i, both in enumerate(pack.index_keys):
        own, *others = both.split([model.index_dim] + [indexes[n].shape.dim for n in places[i]], -1)
        pack.index_keys[i] = own.contiguous()
        for name, t in zip(places[i], others):
            keys[name][i] = indexes[name].turned(t.contiguous(), positions)
    return pack, keys


@torch.no_grad()
def measure_questions(
    model: Model, pack: Pack, keys: dict[str, list], indexes: dict[str, Index], variants: dict[str, Variant], asked: list[Example],
    segments: list[int], paths: list[str], question_heads: list[tuple[int, int]],
) -> dict[str, list[dict[str, float]]]:  # fmt: skip
    """Questions side by side -> figures of every question for every variant. `paths`: those of the pack's segments."""
    spec, device = model.spec, model.device
    prompts = [e.prompt for e in asked]
    ids = torch.tensor([t for p in prompts for t in p], device=device)
    conversation = torch.tensor([c for c, p in enumerate(prompts) for _ in p], device=device)
    position = torch.tensor([CONVERSATION + j for p in prompts for j in range(len(p))], device=device)
    place = {s: i for i, s in enumerate(segments)}
    target = torch.zeros(len(asked), len(segments), dtype=torch.bool, device=device)
    for c, e in enumerate(asked):
        target[c, [place[g] for g in e.gold if g in place]] = True
    gold = target[:, pack.block_segment.clamp(min=0)] & (pack.block_segment >= 0)
    scores = {n: Scores(ix, keys[n], pack, position) for n, ix in indexes.items()}
    heads = spec.layers * spec.groups
    choosers = {n: Chooser(v, scores[v.index], conversation, gold, heads) for n, v in variants.items()}
    nothing = torch.zeros(0, dtype=torch.long, device=device)
    mass = lambda: torch.zeros(spec.layers, spec.groups, len(asked), len(segments), device=device)

    coverage = Coverage(choosers, spec.groups, len(asked), mass())
    rows(model, pack, Cache(nothing, nothing), ids, conversation, position, coverage.every_block, measure=coverage)
    length = torch.tensor([len(p) for p in prompts], device=device)
    in_heads = [layer * spec.groups + group for layer, group in question_heads]
    found: dict[str, list[dict[str, float]]] = {}
    for name, chooser in choosers.items():
        read_mass = Measure(mass())
        rows(model, pack, Cache(nothing, nothing), ids, conversation, position, chooser, measure=read_mass)
        share = focus(read_mass.mass, question_heads).tolist()
        hits = chooser.hits / length
        layers, by_heads = hits.mean(0).tolist(), hits[in_heads].mean(0).tolist()
        any_head, covered = (hits[in_heads].amax(0) > 0).float().tolist(), coverage.shares(name)
        found[name] = []
        for c, e in enumerate(asked):
            ranked = [path for path, _ in sorted(by_file(share[c], paths).items(), key=lambda item: -item[1])]
            wanted = {paths[place[g]] for g in e.gold if g in place}
            top = [len(wanted & set(ranked[:k])) / len(wanted) for k in (1, 3)]
            found[name].append(dict(zip(FIGURES, (layers[c], by_heads[c], any_head[c], covered[c], *top))))
    return found


def summaries(variants: dict[str, Variant], indexes: dict[str, Index], found: dict[str, list[dict]], layers: int, steps: int) -> list[dict]:
    """One record a variant: means in percent, and the differences to the base, paired by question, with their 95 % intervals."""
    lines = []
    for name, v in variants.items():
        scored = len(range(0, layers, v.every)) - (v.layer_0 != "chosen")
        line = {"variant": name, "index": v.index, "steps": 0 if v.index == ADAPTER else steps, "questions": len(found[name])}
        line["scan"] = round(indexes[v.index].shape.dim * scored / (64 * layers), 3)  # index bytes that a row reads, the base's are 1
        for figure in FIGURES:
            line[figure] = round(100 * sum(q[figure] for q in found[name]) / len(found[name]), 2)
        if name != "base" and "base" in found:
            for figure in ("layers", "coverage", "top1"):
                line[f"{figure}MinusBase"] = [
                    round(x, 2) for x in interval([q[figure] - b[figure] for q, b in zip(found[name], found["base"])])
                ]
        lines.append(line)
    return lines


def markdown(lines: list[dict]) -> str:
    difference = lambda values: f"{values[0]:+.1f} [{values[1]:.1f}, {values[2]:.1f}]" if values else ""
    shown = [
        [line["variant"], f"{line['scan']:.2f}", *(f"{line[f]:.1f}" for f in FIGURES)]
        + [difference(line.get(f"{f}MinusBase")) for f in ("layers", "coverage", "top1")]
        for line in lines
    ]
    head = ["variant", "scan", "gold block chosen", "in question heads", "gold segment seen", "coverage", "recall at 1", "at 3"]
    return table([[*head, "chosen − base", "coverage − base", "recall at 1 − base"], *shown])


def main(args: argparse.Namespace) -> None:
    wanted = args.variants.split(",") if args.variants else list(VARIANTS)
    if unknown := [n for n in wanted if n not in VARIANTS]:
        raise SystemExit(f"unknown variants {unknown}: {', '.join(VARIANTS)}")
    variants = {n: VARIANTS[n] for n in wanted}
    use_kernels(args.kernels)
    model, metadata = load_model(args)
    for p in model.parameters():
        p.requires_grad_(False)
    codec, prefix = Codec.load(args.tokenizer), metadata["layout"]["prefix"]
    heads = [tuple(h) for h in metadata["questionHeads"]]
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    used = {v.index for v in variants.values()}
    indexes = {n: Index(model, shape, args.seed) for n, shape in SHAPES.items() if n in used}

    def note(line: dict) -> None:
        print(json.dumps(line), flush=True)
        with (out / "curve.jsonl").open("a") as f:
            f.write(json.dumps(line) + "\n")

    files = tuple(f for f in args.files.split(",") if (Path(args.data) / f).exists())
    steps = train(model, Dataset(args.data, args.model, codec, files), prefix, indexes, args, note)
    if ADAPTER in used:
        indexes[ADAPTER] = Index(model, Shape(dim=model.index_dim), args.seed, own=True)

    test, most, started = Dataset(args.test, args.model, codec), json.loads(args.most), time.time()
    found: dict[str, list[dict]] = {n: [] for n in variants}
    lines: list[dict] = []
    for number, examples in enumerate(test.of_pack()):
        segments = test.packs[number]
        examples = picked([e for e in examples if set(e.gold) & set(segments)], args.per_type, number, most)
        if not examples:
            continue
        if args.measure_seconds and time.time() - started > args.measure_seconds:
            print("time is up before", test.names[number], flush=True)
            break
        pack, keys = read_with(model, prefix, [test.segment(s) for s in segments], indexes)
        paths = [test.paths[s] for s in segments]
        for a in range(0, len(examples), CONVERSATIONS):
            part = examples[a : a + CONVERSATIONS]
            for name, figures in measure_questions(model, pack, keys, indexes, variants, part, segments, paths, heads).items():
                found[name] += figures
        tokens = int(pack.valid.sum())
        print(test.names[number], "tokens", tokens, "questions", len(examples), f"{time.time() - started:.0f} s", flush=True)
        del pack, keys  # before the next pack is read
        lines = summaries(variants, indexes, found, model.spec.layers, steps)
        (out / "ablate.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (out / "ablate.md").write_text(markdown(lines) + "\n")
    for line in lines:
        print(json.dumps(line))
    if lines:
        print(markdown(lines))


def arguments(parser: argparse.ArgumentParser) -> None:
    base_arguments(parser)
    parser.add_argument("--test", required=True, help="folder that `data` wrote, of repositories that nothing learns from")
    parser.add_argument("--out", required=True, help="folder for curve.jsonl, ablate.jsonl and ablate.md")
    parser.add_argument("--variants", default="", help=f"some of {','.join(VARIANTS)}; all if not given")
    parser.add_argument("--seconds", type=float, default=200, help="of training, for all indexes together")
    parser.add_argument("--measure-seconds", type=float, default=0, help="measure no pack that would begin later (0: all)")
    parser.add_argument("--files", default="questions.jsonl,taught.jsonl", help="question files in --data; missing ones are left out")
    parser.add_argument("--sizes", default="64,96,128", help="segments of a step")
    parser.add_argument("--questions", type=int, default=28, help="most questions of a step")
    parser.add_argument("--index-rows", type=int, default=INDEX_ROWS, help="rows that the indexes learn from in a step")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak rate as of `tune`, which gives its index stage three times as much")
    parser.add_argument("--per-type", type=int, default=3, help="most questions of a type in a pack")
    parser.add_argument("--most", default="{}", help='JSON: other limits by type, for example {"commit": 10}')
    parser.add_argument("--every", type=int, default=25, help="steps between lines of the curve")
    parser.add_argument("--kernels", choices=("any", "no-cudnn", "math"), default="no-cudnn", help="attention kernels")
    parser.set_defaults(run=main)
