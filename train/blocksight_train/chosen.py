"""Attention of conversation rows over the blocks that each of them chose, without a mask: the sparse half of attention.py.

For every group and block, the rows that chose the block are one sequence of queries and the block's tokens one sequence of keys of the
variable-length kernel; a row's parts, one a chosen block and one of its own conversation, are joined by their log-sums. Reading 15
blocks of 128 tokens takes a row 15 * 128 products a head where the mask took one for every slot of the pack: 18 times fewer at 36K
slots, with the same arithmetic intensity, since some hundred rows share a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import attention
from .layout import BLOCK


@dataclass(frozen=True)
class Pairs:
    """Rows and the blocks that they chose, ordered by group and block. Sequences that no row chose are left out."""

    rows: Tensor  # [P]: row * groups + group
    row_starts: Tensor  # int32 [sequences + 1] into rows
    keys: Tensor  # [M]: place in the pack's tokens * groups + group
    key_starts: Tensor  # int32 [sequences + 1] into keys
    most_rows: int  # of a sequence


@torch.no_grad()
def pairs_of(choices: list[tuple[Tensor, Tensor]], valid: Tensor) -> Pairs:
    """choices: per group ids [R, n] and which of them count (`choose`); block 0 is read besides. valid: bool [slots]."""
    groups, device = len(choices), valid.device
    filled = valid.view(-1, BLOCK).sum(1)
    blocks, first = len(filled), filled.cumsum(0) - filled
    sequences, rows = [], []
    for g, (ids, real) in enumerate(choices):
        ids, real = (torch.cat([extra.expand(len(ids), 1), t], 1) for extra, t in ((ids.new_zeros(1, 1), ids), (real.new_ones(1, 1), real)))
        row = torch.arange(len(ids), device=device)[:, None].expand_as(ids)
        sequences.append(g * blocks + ids[real])
        rows.append(row[real] * groups + g)
    sequence, order = torch.cat(sequences).sort(stable=True)
    count = torch.bincount(sequence, minlength=groups * blocks)
    used = count.nonzero().flatten()
    tokens, starts = filled[used % blocks], first[used % blocks]
    key_starts = torch.cat([tokens.new_zeros(1), tokens.cumsum(0)])
    of = torch.repeat_interleave(torch.arange(len(used), device=device), tokens)
    place = starts[of] + torch.arange(len(of), device=device) - key_starts[of]
    row_starts = torch.cat([count.new_zeros(1), count[used].cumsum(0)])
    return Pairs(
        torch.cat(rows)[order], row_starts.to(torch.int32), place * groups + used[of] // blocks, key_starts.to(torch.int32), int(count.max())
    )  # fmt: skip


class _Chosen(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, own_k, own_v, pairs: Pairs, starts, longest):
        (count, heads, width), groups = q.shape, k.shape[1]
        flat = q.reshape(count * groups, heads // groups, width)
        picked = flat.index_select(0, pairs.rows)
        keys, values = (t.reshape(-1, 1, width).index_select(0, pairs.keys) for t in (k, v))
        lengths = pairs.row_starts, pairs.key_starts, pairs.most_rows, BLOCK
        out, log_sum, ctx.seed = attention.varlen_forward(picked, keys, values, *lengths, False)
        own_out, own_sum, ctx.own_seed = attention.varlen_forward(q, own_k, own_v, starts, starts, longest, longest, True)
        log_sum, own_sum = log_sum.T, own_sum.T.reshape(count * groups, -1)  # [P, heads of a group], [rows and groups, the same]
        at = pairs.rows[:, None].expand_as(log_sum)
        most = own_sum.scatter_reduce(0, at, log_sum, "amax")
        total = most + (own_sum - most).exp().index_add(0, pairs.rows, (log_sum - most[pairs.rows]).exp()).log()
        joined = own_out.reshape(flat.shape).float() * (own_sum - total).exp()[..., None]
        joined.index_add_(0, pairs.rows, out.float() * (log_sum - total[pairs.rows]).exp()[..., None])
        joined = joined.to(q.dtype)
        ctx.pairs, ctx.longest = pairs, longest
        ctx.save_for_backward(q, k, v, own_k, own_v, joined, total, starts)
        return joined.view(q.shape)

    @staticmethod
    def backward(ctx, grad):
        """A kernel's backward pass needs the whole softmax's log-sum and output, so each part is given the joined ones."""
        q, k, v, own_k, own_v, joined, total, starts = ctx.saved_tensors
        pairs, flat, width = ctx.pairs, joined.shape, q.shape[-1]
        grad = grad.contiguous()
        picked, out, given = (t.reshape(flat).index_select(0, pairs.rows) for t in (q, joined, grad))
        keys, values = (t.reshape(-1, 1, width).index_select(0, pairs.keys) for t in (k, v))
        lengths = pairs.row_starts, pairs.key_starts, pairs.most_rows, BLOCK
        sums = total[pairs.rows].T.contiguous()
        dq_picked, dk_picked, dv_picked = attention.varlen_backward(given, picked, keys, values, out, sums, *lengths, False, ctx.seed)
        sums, whole = total.reshape(len(q), -1).T.contiguous(), joined.view(q.shape)
        dq, dk_own, dv_own = attention.varlen_backward(
            grad, q, own_k, own_v, whole, sums, starts, starts, ctx.longest, ctx.longest, True, ctx.own_seed
        )
        dq = dq.reshape(flat).float().index_add(0, pairs.rows, dq_picked.float()).to(q.dtype).view(q.shape)
        spread = lambda t, d: torch.zeros_like(t).reshape(-1, 1, width).index_copy(0, pairs.keys, d).view(t.shape)
        return dq, spread(k, dk_picked), spread(v, dv_picked), dk_own, dv_own, None, None, None


def chosen_attention(q: Tensor, k: Tensor, v: Tensor, own_k: Tensor, own_v: Tensor, pairs: Pairs, starts: Tensor, longest: int) -> Tensor:
    """Each row reads its blocks and its own conversation, which is causal -> [R, H, E].

    q [R, H, E], k and v [N, G, E] without empty slots, own_k and own_v [R, G, E]; starts int32 [conversations + 1] into the rows.
    """
    return _Chosen.apply(q, k, v, own_k, own_v, pairs, starts, longest)


def masked(
    q: Tensor, k: Tensor, v: Tensor, own_k: Tensor, own_v: Tensor, choices: list[tuple[Tensor, Tensor]], valid: Tensor, starts: Tensor
):
    """The same under a mask for every group: the plain version."""
    order, each = torch.arange(len(q), device=q.device), q.shape[1] // k.shape[1]
    of = torch.bucketize(order, starts[1:].long(), right=True)
    own = (of[:, None] == of[None]) & (order[:, None] >= order[None])
    block = torch.arange(len(valid), device=q.device)[valid] // BLOCK
    outs = []
    for g, (ids, real) in enumerate(choices):
        sees = torch.zeros(len(q), len(valid) // BLOCK, dtype=torch.bool, device=q.device).scatter_(1, ids, real)
        sees[:, 0] = True
        mask = torch.cat([sees[:, block], own], 1)
        keys, values = torch.cat([k[:, g], own_k[:, g]]), torch.cat([v[:, g], own_v[:, g]])
        mine = q[:, g * each : (g + 1) * each].transpose(0, 1)
        same = lambda t: t[None].expand(each, -1, -1)
        outs.append(torch.nn.functional.scaled_dot_product_attention(mine, same(keys), same(values), attn_mask=mask[None]).transpose(0, 1))
    return torch.cat(outs, 1)


_works: bool | None = None


def chosen_works(device: torch.device, heads: int, groups: int, width: int) -> bool:
    """Whether this runs here and agrees with the plain version, its gradients too. Asked once."""
    global _works
    if _works is None:
        _works = False
        if device.type == "cuda":
            try:
                _works = _agrees(device, heads, groups, width)
            except (RuntimeError, TypeError) as error:
                print("attention over chosen blocks runs under a mask:", error)
        print("attention over chosen blocks without a mask:", _works, flush=True)
    return _works


@torch.enable_grad()
def _agrees(device: torch.device, heads: int, groups: int, width: int) -> bool:
    draw = lambda n, h: torch.randn(n, h, width, device=device, dtype=torch.bfloat16, requires_grad=True)
    valid = torch.ones(9 * BLOCK, dtype=torch.bool, device=device)
    valid[3 * BLOCK + 40 : 4 * BLOCK] = False
    count = int(valid.sum())
    tensors = draw(192, heads), draw(count, groups), draw(count, groups), draw(192, groups), draw(192, groups)
    choices = []
    for g in range(groups):
        ids = 1 + torch.rand(192, 7 if g else 8, device=device).argsort(1)[:, :5]  # one block may be chosen by no row of a group
        choices.append((ids, torch.rand(192, 5, device=device) < 0.8))
    starts = torch.tensor([0, 70, 101, 192], device=device, dtype=torch.int32)
    outs = chosen_attention(*tensors, pairs_of(choices, valid), starts, 91), masked(*tensors, choices, valid, starts)
    weight = torch.randn_like(outs[1])
    grads = [torch.autograd.grad((out * weight).sum(), tensors) for out in outs]
    far = [float((a - b).float().norm() / b.float().norm()) for a, b in zip((outs[0], *grads[0]), (outs[1], *grads[1]))]
    if max(far) >= 0.03:
        print("attention over chosen blocks differs from the plain version by", [round(f, 4) for f in far])
    return max(far) < 0.03
