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


def _flash(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int) -> Tensor:
    out = torch.ops.aten._flash_attention_forward(q, k, v, starts, starts, longest, longest, 0.0, True, False)
    return out[0]


def _padded(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int) -> Tensor:
    """The same by padding every sequence to the longest: the plain version, which also runs on a CPU."""
    lengths = (starts[1:] - starts[:-1]).long()
    at = torch.arange(longest, device=q.device)[None].expand(len(lengths), -1)
    real = at < lengths[:, None]
    index = (starts[:-1].long()[:, None] + at).clamp(max=len(q) - 1)
    repeat = q.shape[1] // k.shape[1]
    qp, kp, vp = (t[index].transpose(1, 2) for t in (q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)))
    return F.scaled_dot_product_attention(qp, kp, vp, is_causal=True).transpose(1, 2)[real]


def flash_works(device: torch.device, heads: int, groups: int, width: int) -> bool:
    """Whether the variable-length kernel runs here and agrees with the plain version. Asked once."""
    global _flash_works
    if _flash_works is None:
        _flash_works = False
        if device.type == "cuda":
            starts = torch.tensor([0, 37, 300, 428], device=device, dtype=torch.int32)
            q, k, v = (torch.randn(428, h, width, device=device, dtype=torch.bfloat16) for h in (heads, groups, groups))
            try:
                fast, plain = _flash(q, k, v, starts, 263), _padded(q, k, v, starts, 263)
                _flash_works = bool(float((fast - plain).norm() / plain.norm()) < 0.03)
            except (RuntimeError, TypeError) as error:
                print("variable-length attention is not used:", error)
        print("variable-length attention:", _flash_works, flush=True)
    return _flash_works


def segment_attention(q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int) -> Tensor:
    """Causal attention of sequences that lie one behind the other. q [T, H, E], k and v [T, G, E], starts int32 [n + 1].

    Steps with gradient use the plain version: the kernel gave the same losses and finite gradients there, but the gradients were not
    compared.
    """
    use = q.is_cuda and not torch.is_grad_enabled() and flash_works(q.device, q.shape[1], k.shape[1], q.shape[2])
    return (_flash if use else _padded)(q, k, v, starts, longest)


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
