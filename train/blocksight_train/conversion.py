"""The paper's recipe for one layer of a causal model: which blocks the index chooses, attention over them, the KL that trains it, recall.

Shapes: B sequences, N tokens (a multiple of the block), R rows, H heads, G groups, E head width, d index width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .attention import NEG
from .layout import BLOCK, TOP_BLOCKS
from .model import Layer

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Choice:
    """How a row chooses: the best `top` blocks of `size` tokens, the row's own one counted and, where `local`, forced."""

    size: int = BLOCK
    top: int = TOP_BLOCKS
    local: bool = True


@dataclass
class Projected:
    """A layer's input and what it makes of it."""

    q: Tensor  # [B, N, G, H/G, E], rotated
    k: Tensor  # [B, N, G, E], rotated
    v: Tensor
    index_q: Tensor  # [B, N, G, d]
    index_k: Tensor  # [B, N, d]


def project(layer: Layer, x: Tensor, cos: Tensor, sin: Tensor, detach: bool = True) -> Projected:
    """x [B, N, D]. `detach`: the index learns from the hidden states and never moves them."""
    spec, (count, length, _) = layer.spec, x.shape
    h = layer.normed(x).flatten(0, 1)
    q, k, v = layer.qkv(h, cos[:length].repeat(count, 1), sin[:length].repeat(count, 1))
    seen = h.detach() if detach else h
    shaped = lambda t, *ends: t.view(count, length, *ends)
    return Projected(
        shaped(q, spec.groups, spec.heads_per_group, spec.head_dim), shaped(k, spec.groups, -1), shaped(v, spec.groups, -1),
        shaped(layer.index_queries(seen), spec.groups, -1), shaped(layer.index_keys(seen), -1),
    )  # fmt: skip


def causal(rows: Tensor, length: int) -> Tensor:
    """bool [R, N]: what rows may see."""
    return torch.arange(length, device=rows.device)[None] <= rows[:, None]


def chosen(scores: Tensor, rows: Tensor, choice: Choice) -> Tensor:
    """Scores of blocks [..., R, blocks] -> bool of the same shape: at most `top`, ties to the lower block, nothing behind the row."""
    own = rows // choice.size
    block = torch.arange(scores.shape[-1], device=scores.device)
    scores = scores.masked_fill(block > own[:, None], NEG)
    if choice.local:
        scores = scores.masked_fill(block == own[:, None], math.inf)
    values, ids = scores.sort(stable=True, dim=-1, descending=True)
    values, ids = values[..., : choice.top], ids[..., : choice.top]
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, ids, values > NEG)


@torch.no_grad()
def select(p: Projected, rows: Tensor, choice: Choice) -> Tensor:
    """Blocks that the index chooses: bool [B, G, R, blocks]. A block's score is its best token's, no softmax, no scale."""
    length = p.index_k.shape[1]
    scores = torch.einsum("brgd,bnd->bgrn", p.index_q[:, rows], p.index_k).float()
    scores = scores.masked_fill(~causal(rows, length), NEG)
    return chosen(scores.unflatten(-1, (-1, choice.size)).amax(-1), rows, choice)


def tokens_of(blocks: Tensor, rows: Tensor, size: int) -> Tensor:
    """Blocks [B, G, R, blocks] -> tokens [B, G, R, N], nothing behind the row."""
    return blocks.repeat_interleave(size, -1) & causal(rows, blocks.shape[-1] * size)


def attend(p: Projected, choice: Choice | None) -> Tensor:
    """Attention output [B, N, H, E]: over everything before a row, or over the chosen blocks."""
    _, length, _, each, _ = p.q.shape
    heads = lambda t: t.repeat_interleave(each, 2).transpose(1, 2)
    q, k, v = p.q.flatten(2, 3).transpose(1, 2), heads(p.k), heads(p.v)
    if choice is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
    parts = []
    for first in range(0, length, ROWS_AT_ONCE):
        rows = torch.arange(first, min(first + ROWS_AT_ONCE, length), device=q.device)
        seen = tokens_of(select(p, rows, choice), rows, choice.size).repeat_interleave(each, 1)
        parts.append(F.scaled_dot_product_attention(q[:, :, rows], k, v, attn_mask=seen))
    return torch.cat(parts, 2).transpose(1, 2)


@torch.no_grad()
def group_distribution(p: Projected, rows: Tensor, seen: Tensor) -> Tensor:
    """What the main branch reads: softmax of every head over `seen` [.., R, N], probabilities averaged over the group: [B, G, R, N]."""
    logits = torch.einsum("brghe,bnge->bghrn", p.q[:, rows], p.k).float() / math.sqrt(p.q.shape[-1])
    seen = seen.expand(logits.shape[0], logits.shape[1], *seen.shape[-2:])
    return logits.masked_fill(~seen[:, :, None], NEG).softmax(-1).mean(2)


def divergence(p: Projected, rows: Tensor, choice: Choice | None) -> Tensor:
    """KL from the main branch's distribution to the index's softmax, the mean over rows and groups. Over the whole prefix (warm-up), or over
    the tokens of the chosen blocks. The target carries no gradient."""
    length = p.k.shape[1]
    seen = causal(rows, length) if choice is None else tokens_of(select(p, rows, choice), rows, choice.size)
    wanted = group_distribution(p, rows, seen)
    given = torch.einsum("brgd,bnd->bgrn", p.index_q[:, rows], p.index_k).float() / math.sqrt(p.index_k.shape[-1])
    given = given.masked_fill(~seen, NEG).log_softmax(-1).masked_fill(~seen, 0.0)
    entropy = -(wanted * wanted.clamp(min=1e-12).log()).sum(-1)
    return (-(wanted * given).sum(-1) - entropy).mean()


@torch.no_grad()
def recalls(p: Projected, rows: Tensor, choice: Choice) -> dict[str, float]:
    """How well the index chooses, of rows that see more than `top` blocks: the share of the best blocks that it has, the share of the whole
    mass that its blocks cover, and what the best blocks would cover."""
    rows = rows[rows // choice.size >= choice.top]
    if len(rows) == 0:
        return {}
    mass = group_distribution(p, rows, causal(rows, p.k.shape[1])).unflatten(-1, (-1, choice.size)).sum(-1)
    mine, best = select(p, rows, choice), chosen(mass, rows, choice)
    return {
        "blocks": float((mine & best).sum() / best.sum()), "mass": float((mass * mine).sum(-1).mean()), "best": float((mass * best).sum(-1).mean()),
    }  # fmt: skip


def behind(layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
    """The residual stream behind the layer."""
    return layer.finish(x.flatten(0, 1), attended.flatten(0, 1)).view_as(x)
