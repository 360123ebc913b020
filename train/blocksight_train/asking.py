"""Conversations over a pack that has been read: many at once, sparse or dense, greedy, with what every question row read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .attention import FREE_BLOCKS, NEG, block_scores, choose, dots_of, softmax_over
from .layout import BLOCK, CONVERSATION
from .model import Model
from .reading import Pack

ROWS_AT_ONCE = 256
# A choice of blocks of one's own: layer, group, rows, their normed input -> ids and which of them count [rows, any], or None: every block.
Choice = Callable[[int, int, slice, Tensor], tuple[Tensor, Tensor] | None]


@dataclass
class Cache:
    """Rows of all conversations so far. `parent`: a conversation whose rows a row sees besides its own (-1: none)."""

    conversation: Tensor
    parent: Tensor
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)


@dataclass
class Measure:
    """What question rows read: mass [layers, groups, conversations, segments] summed over rows, the mean over a group's heads."""

    mass: Tensor
    # Dense passes only, by layer and group: mass on the blocks that the index would have chosen, and on as many of the best ones.
    reached: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    def add(self, layer: int, group: int, conversation: Tensor, by_block: Tensor, block_segment: Tensor) -> None:
        """by_block [R, blocks]."""
        segments = self.mass.shape[-1]
        by_segment = by_block.new_zeros(len(by_block), segments).index_add_(1, block_segment[1:], by_block[:, 1:])
        self.mass[layer, group].index_add_(0, conversation, by_segment)

    def reach(self, layer: int, group: int, chosen: float, best: float) -> None:
        before = self.reached.get((layer, group), (0.0, 0.0))
        self.reached[layer, group] = (before[0] + chosen, before[1] + best)

    def covered(self) -> float | None:
        """Share of the best blocks' mass that the selection covers: all rows of a layer and group together, because a row that hardly
        reads the pack loses nothing by a poor choice; then the mean over layers and groups."""
        shares = [chosen / max(best, 1e-9) for chosen, best in self.reached.values()]
        return sum(shares) / len(shares) if shares else None


def own_blocks(position: Tensor, first: int = CONVERSATION) -> Tensor:
    """Conversation blocks that are forced for a row: the turn's first and the last two."""
    return ((position - first) // BLOCK + 1).clamp(max=3)


def rows(
    model: Model,
    pack: Pack,
    cache: Cache,
    ids: Tensor,
    conversation: Tensor,
    position: Tensor,
    source: str | Choice,
    parent: Tensor | None = None,
    measure: Measure | None = None,
    sees: Tensor | None = None,
) -> Tensor:
    """One pass of conversation rows, which are appended to the cache -> the residual stream [R, D].

    sees: bool [conversations, blocks], the blocks that each conversation may read (None: all); rows with a parent read what it may.
    Segments do not depend on each other, so hiding the blocks of some is the same as not having read them.

    source: "dense" (a row reads every block), "trained" or "keys" (16 blocks a row and group, the forced ones counted), or a choice
    of one's own.
    """
    spec, n = model.spec, len(ids)
    parent = torch.full_like(conversation, -1) if parent is None else parent
    cache.conversation, cache.parent = torch.cat([cache.conversation, conversation]), torch.cat([cache.parent, parent])
    total = len(cache.conversation)
    order = torch.arange(total, device=ids.device)
    mine = (conversation[:, None] == cache.conversation[None]) | (parent[:, None] == cache.conversation[None])
    own = mine & (order[-n:, None] >= order[None])
    free = FREE_BLOCKS + 1 - own_blocks(position, pack.conversation)
    shown = None if sees is None else sees[torch.where(parent >= 0, parent, conversation)]
    x, cos, sin = model.embed(ids), model.cos[position], model.sin[position]
    step = ROWS_AT_ONCE if source != "dense" else max(8, min(ROWS_AT_ONCE, (1 << 24) // (pack.blocks * BLOCK)))
    for i, layer in enumerate(model.layers):
        h = layer.normed(x)
        q, k, v = layer.qkv(h, cos, sin)
        if i == len(cache.keys):
            cache.keys.append(k)
            cache.values.append(v)
        else:
            cache.keys[i], cache.values[i] = torch.cat([cache.keys[i], k]), torch.cat([cache.values[i], v])
        q = q.view(n, spec.groups, spec.heads_per_group, spec.head_dim)
        index_q = layer.index_queries(h)
        out = torch.empty_like(q)
        for a in range(0, n, step):
            part = slice(a, a + step)
            valid = pack.valid if shown is None else pack.valid & shown[part].repeat_interleave(BLOCK, 1)
            for g in range(spec.groups):
                keys, values = pack.keys[i][:, g], pack.values[i][:, g]
                own_keys, own_values = cache.keys[i][:, g], cache.values[i][:, g]
                qg = q[part, g]
                picked = None
                if callable(source):
                    picked = source(i, g, part, h[part])
                    if picked is not None and shown is not None:
                        picked = picked[0], picked[1] & shown[part].gather(1, picked[0])
                elif source != "dense":
                    scores = block_scores(dots_of(source, qg, keys, index_q[part, g], pack.index_keys[i]), valid)
                    picked = choose(scores, free[part])
                if picked is None:
                    weights, own_weights = softmax_over(qg, keys, valid, own_keys, own[part])
                    attended = torch.einsum("rhn,nd->rhd", weights.to(qg.dtype), values)
                    by_block = weights.mean(1).view(len(qg), -1, BLOCK).sum(-1)
                    if measure is not None:
                        dots = dots_of("trained", qg, keys, index_q[part, g], pack.index_keys[i])
                        measure.reach(i, g, *_reached(by_block, dots, valid, free[part]))
                else:
                    ids_, real = picked
                    blocks = torch.cat([torch.zeros_like(ids_[:, :1]), ids_], 1)
                    real = torch.cat([torch.ones_like(real[:, :1]), real], 1)
                    seen = pack.valid.view(-1, BLOCK)[blocks] & real[..., None]
                    chosen = lambda t: t.reshape(-1, BLOCK, t.shape[-1])[blocks].flatten(1, 2)  # noqa: B023
                    weights, own_weights = softmax_over(qg, chosen(keys), seen.flatten(1), own_keys, own[part])
                    attended = torch.einsum("rhn,rnd->rhd", weights.to(qg.dtype), chosen(values))
                    by_block = weights.new_zeros(len(qg), pack.blocks)
                    by_block.scatter_add_(1, blocks, weights.mean(1).view(len(qg), -1, BLOCK).sum(-1))
                out[part, g] = attended + torch.einsum("rhn,nd->rhd", own_weights.to(qg.dtype), own_values)
                if measure is not None:
                    measure.add(i, g, conversation[part], by_block, pack.block_segment)
        x = layer.finish(x, out.view(n, spec.heads, spec.head_dim))
    return x


def _reached(by_block: Tensor, dots: Tensor, valid: Tensor, free: Tensor) -> tuple[float, float]:
    """Mass of rows on the free blocks that the index would have chosen, and on the best ones, as many of them."""
    ids, real = choose(block_scores(dots, valid), free)
    mass = by_block.clone()
    mass[:, 0] = 0
    return float((mass.gather(1, ids) * real).sum()), float((mass.topk(ids.shape[1], 1).values * real).sum())


@dataclass
class Answers:
    ids: list[list[int]]  # generated tokens, the end token left out
    mass: Tensor  # [layers, groups, conversations, segments]
    covered: float | None


@torch.no_grad()
def ask(
    model: Model,
    pack: Pack,
    segments: int,
    prompts: list[list[int]],
    source: str,
    steps: int,
    stop: set[int],
    point=None,
    sees: Tensor | None = None,
) -> Answers:
    """Ask all prompts side by side, greedy. `stop`: tokens that end an answer. `sees`: what each may read, as in `rows`.

    `point(cache, conversation, answer so far, Answers.mass)` is asked where an answer opens a citation and gives the tokens to append:
    see pointer.py.
    """
    device, count = model.device, len(prompts)
    move = lambda v: torch.tensor(v, dtype=torch.long, device=device)
    lengths = [len(p) for p in prompts]
    spec = model.spec
    measure = Measure(torch.zeros(spec.layers, spec.groups, count, segments, device=device))
    cache = Cache(move([]), move([]))
    conversation = move([c for c, n in enumerate(lengths) for _ in range(n)])
    position = move([pack.conversation + j for n in lengths for j in range(n)])
    x = rows(model, pack, cache, move([t for p in prompts for t in p]), conversation, position, source, measure=measure, sees=sees)
    last = x[move(lengths).cumsum(0) - 1]
    out: list[list[int]] = [[] for _ in prompts]
    live = list(range(count)) if steps else []
    used = list(lengths)
    while live:
        tokens = model.logits(last).argmax(-1).tolist()
        pieces: dict[int, list[int]] = {}
        for c, token in zip(live, tokens):
            if token not in stop and len(out[c]) < steps:
                pieces[c] = [token]
        if point is not None:
            opened = [c for c in pieces if pieces[c][0] == point.token]
            for c, path in zip(opened, point(cache, opened, [out[c] for c in opened], [used[c] for c in opened], measure.mass)):
                pieces[c] += path
        live = list(pieces)
        for c in live:
            out[c] += pieces[c]
        if not live:
            break
        flat = [t for c in live for t in pieces[c]]
        conversation = move([c for c in live for _ in pieces[c]])
        position = move([pack.conversation + used[c] + j for c in live for j in range(len(pieces[c]))])
        x = rows(model, pack, cache, move(flat), conversation, position, source, sees=sees)
        last = x[move([len(pieces[c]) for c in live]).cumsum(0) - 1]
        for c in live:
            used[c] += len(pieces[c])
    return Answers(out, measure.mass, measure.covered())


def focus(mass: Tensor, heads: list[tuple[int, int]]) -> Tensor:
    """Mass to focus [conversations, segments]: each question head's mass on file blocks scaled to sum to 1, then the mean over the heads."""
    picked = torch.stack([mass[layer, group] for layer, group in heads])
    return (picked / picked.sum(-1, keepdim=True).clamp(min=1e-9)).mean(0)


__all__ = ["NEG", "Answers", "Cache", "Measure", "ask", "focus", "rows"]
