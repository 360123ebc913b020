"""Attention inside segments and of conversation rows: the arithmetic, without weights."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .layout import BLOCK, FREE_BLOCKS

NEG = float("-inf")
# Which of PyTorch's attention kernels may be used on a GPU, from the fastest choice to the plainest one. cuDNN's backward pass gave NaN
# for the coder's rows under a mask (PyTorch 2.11, H200, found by anomaly detection), so `tune` starts without it.
KERNELS: dict[str, tuple[str, ...]] = {"any": ("cudnn", "mem_efficient", "flash"), "no-cudnn": ("mem_efficient", "flash"), "math": ()}
_flash_works: bool | None = None


def use_kernels(name: str) -> None:
    for kernel in KERNELS["any"]:
        getattr(torch.backends.cuda, f"enable_{kernel}_sdp")(kernel in KERNELS[name])


def varlen_forward(q, k, v, q_starts, k_starts, q_longest: int, k_longest: int, causal: bool) -> tuple[Tensor, Tensor, tuple]:
    """The variable-length kernel: sequences of q [T, H, E] over those of k and v [N, G, E] -> output, log-sums [H, T], and what its
    backward pass wants besides."""
    out, log_sum, *seed = torch.ops.aten._flash_attention_forward(q, k, v, q_starts, k_starts, q_longest, k_longest, 0.0, causal, False)
    return out, log_sum, tuple(seed[:2])


def varlen_backward(grad, q, k, v, out, log_sum, q_starts, k_starts, q_longest: int, k_longest: int, causal: bool, seed: tuple):
    """-> gradients of q, k and v. `out` and `log_sum` may be those of a softmax over more than these keys."""
    given = grad, q, k, v, out, log_sum, q_starts, k_starts, q_longest, k_longest, 0.0, causal, *seed
    return torch.ops.aten._flash_attention_backward(*given)


def _flash(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int) -> Tensor:
    return torch.ops.aten._flash_attention_forward(q, k, v, starts, starts, longest, longest, 0.0, True, False)[0]


def _padded(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int) -> Tensor:
    """The same by padding every sequence to the longest: the plain version, which also runs on a CPU."""
    lengths = (starts[1:] - starts[:-1]).long()
    at = torch.arange(longest, device=q.device)[None].expand(len(lengths), -1)
    real = at < lengths[:, None]
    index = (starts[:-1].long()[:, None] + at).clamp(max=len(q) - 1)
    repeat = q.shape[1] // k.shape[1]
    qp, kp, vp = (t[index].transpose(1, 2) for t in (q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)))
    return F.scaled_dot_product_attention(qp, kp, vp, is_causal=True).transpose(1, 2)[real]


def _masked(q: Tensor, k: Tensor, v: Tensor, own_k: Tensor, own_v: Tensor, starts: Tensor, longest: int) -> Tensor:
    """Rows that all read one pack, and causally their own conversation, under one mask: the plain version."""
    order = torch.arange(len(q), device=q.device)
    of = torch.bucketize(order, starts[1:].long(), right=True)
    own = (of[:, None] == of[None]) & (order[:, None] >= order[None])
    sees = torch.cat([own.new_ones(len(q), len(k)), own], 1)
    heads = lambda t: t.repeat_interleave(q.shape[1] // k.shape[1], 1).transpose(0, 1)[None]
    keys, values = heads(torch.cat([k, own_k])), heads(torch.cat([v, own_v]))
    return F.scaled_dot_product_attention(q.transpose(0, 1)[None], keys, values, attn_mask=sees)[0].transpose(0, 1)


class _Joined(torch.autograd.Function):
    """The same without a mask, whose kernel took two fifths of a dense step: the pack and the own conversation in a kernel call each, joined
    by their log-sums. A kernel's backward pass needs only the softmax's whole log-sum and output, so each part is given the joined ones."""

    @staticmethod
    def forward(ctx, q, k, v, own_k, own_v, starts, longest):
        whole = lambda n: torch.tensor([0, n], dtype=torch.int32, device=q.device)
        ctx.parts = (whole(len(q)), whole(len(k)), len(q), len(k), False), (starts, starts, longest, longest, True)
        outs, sums, ctx.seeds = [], [], []
        for (sq, sk, nq, nk, causal), keys, values in zip(ctx.parts, (k, own_k), (v, own_v)):
            out, log_sum, seed = varlen_forward(q, keys, values, sq, sk, nq, nk, causal)
            outs.append(out)
            sums.append(log_sum)  # [H, R]
            ctx.seeds.append(seed)
        total = torch.logaddexp(*sums)
        out = sum(o.float() * (s - total).exp().T[..., None] for o, s in zip(outs, sums)).to(q.dtype)
        ctx.save_for_backward(q, k, v, own_k, own_v, out, total.contiguous())
        return out

    @staticmethod
    def backward(ctx, grad):
        q, k, v, own_k, own_v, out, total = ctx.saved_tensors
        found = []
        for (sq, sk, nq, nk, causal), seed, keys, values in zip(ctx.parts, ctx.seeds, (k, own_k), (v, own_v)):
            found.append(varlen_backward(grad.contiguous(), q, keys, values, out, total, sq, sk, nq, nk, causal, seed))
        (dq, dk, dv), (dq_own, dk_own, dv_own) = found
        return dq + dq_own, dk, dv, dk_own, dv_own, None, None


def flash_works(device: torch.device, heads: int, groups: int, width: int) -> bool:
    """Whether the variable-length kernel runs here and agrees with the plain versions, its gradients too. Asked once."""
    global _flash_works
    if _flash_works is None:
        _flash_works = False
        if device.type == "cuda":
            try:
                _flash_works = _agrees(device, heads, groups, width)
            except (RuntimeError, TypeError) as error:
                print("variable-length attention is not used:", error)
        print("variable-length attention:", _flash_works, flush=True)
    return _flash_works


@torch.enable_grad()
def _agrees(device: torch.device, heads: int, groups: int, width: int) -> bool:
    """Outputs and gradients of both kinds of attention, kernel against plain version, on random numbers."""
    draw = lambda n, h: torch.randn(n, h, width, device=device, dtype=torch.bfloat16, requires_grad=True)
    of_segments = draw(428, heads), draw(428, groups), draw(428, groups)
    of_rows = draw(192, heads), draw(500, groups), draw(500, groups), draw(192, groups), draw(192, groups)
    starts = lambda *at: torch.tensor(at, device=device, dtype=torch.int32)
    pairs = (_flash, _padded, of_segments, starts(0, 37, 300, 428), 263), (_Joined.apply, _masked, of_rows, starts(0, 70, 101, 192), 91)
    for fast, plain, tensors, at, longest in pairs:
        outs = [f(*tensors, at, longest) for f in (fast, plain)]
        weight = torch.randn_like(outs[1])
        grads = [torch.autograd.grad((out * weight).sum(), tensors) for out in outs]
        for mine, other in zip((outs[0], *grads[0]), (outs[1], *grads[1])):
            if not float((mine - other).float().norm() / other.float().norm()) < 0.03:
                return False
    return True


def _use_flash(q: Tensor, k: Tensor) -> bool:
    return q.is_cuda and flash_works(q.device, q.shape[1], k.shape[1], q.shape[2])


def segment_attention(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int) -> Tensor:
    """Causal attention of sequences that lie one behind the other. q [T, H, E], k and v [T, G, E], starts int32 [n + 1]."""
    return (_flash if _use_flash(q, k) else _padded)(q, k, v, starts, longest)


def row_attention(q: Tensor, k: Tensor, v: Tensor, own_k: Tensor, own_v: Tensor, starts: Tensor, longest: int) -> Tensor:
    """Dense attention of conversation rows: each sees all of the pack's tokens, and of its own conversation what is not behind it.

    q [R, H, E], k and v [N, G, E] without empty slots, own_k and own_v [R, G, E]; starts int32 [conversations + 1] into the rows.
    """
    return (_Joined.apply if _use_flash(q, k) else _masked)(q, k, v, own_k, own_v, starts, longest)


def block_scores(dots: Tensor, valid: Tensor) -> Tensor:
    """Scores [R, blocks]: the best dot product of each block's valid slots. dots [R, slots]."""
    return dots.float().masked_fill(~valid, NEG).view(len(dots), -1, BLOCK).amax(-1)


def choose(scores: Tensor, free: Tensor | int = FREE_BLOCKS, most: int = FREE_BLOCKS) -> tuple[Tensor, Tensor]:
    """The best blocks besides block 0 (ties to the lower id) -> ids [R, most], and which of them count. `free`: how many a row may choose.

    torch.sort with stable=True keeps the lower id first among equals; topk promises nothing.
    """
    scores = scores.clone()
    scores[:, 0] = NEG
    most = min(most, scores.shape[1])
    if scores.is_cuda:
        values, ids = scores.topk(most, -1)
    else:
        values, ids = scores.sort(stable=True, dim=-1, descending=True)
        values, ids = values[:, :most], ids[:, :most]
    rank = torch.arange(most, device=scores.device)
    limit = free[:, None] if isinstance(free, Tensor) else free
    return ids, (values > NEG) & (rank < limit)


def dots_of(source: str, q: Tensor, keys: Tensor, index_q: Tensor, index_keys: Tensor) -> Tensor:
    """What blocks are scored by, for one group. q [R, H/G, E] and keys [N, E] rotated; index_q [R, dim], index_keys [N, dim]."""
    return index_q @ index_keys.T if source == "trained" else q.mean(1) @ keys.T


def softmax_over(q: Tensor, pack_keys: Tensor, seen: Tensor, own_keys: Tensor, own_seen: Tensor) -> tuple[Tensor, Tensor]:
    """One softmax over pack and own keys -> weights of both, [R, H/G, N] and [R, H/G, own], fp32.

    pack_keys [N, E], or [R, N, E] where each row has its own choice; seen [N] or [R, N].
    """
    form = "nd" if pack_keys.dim() == 2 else "rnd"
    seen = seen[None, None] if seen.dim() == 1 else seen[:, None]
    pack = torch.einsum(f"rhd,{form}->rhn", q, pack_keys).float().masked_fill(~seen, NEG)
    own = torch.einsum("rhd,nd->rhn", q, own_keys).float().masked_fill(~own_seen[:, None], NEG)
    weights = (torch.cat([pack, own], -1) / math.sqrt(q.shape[-1])).softmax(-1)
    return weights[..., : pack.shape[-1]], weights[..., pack.shape[-1] :]
