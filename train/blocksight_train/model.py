"""A dense GQA transformer with an adapter beside it: LoRA on its projections and an index branch in every layer.

The base weights are frozen, in bf16 on a GPU. LoRA and index weights are fp32 parameters. Shapes: T tokens, D width, H heads,
G groups, E head width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import CONVERSATION
from .parts import Weights
from .spec import ModelSpec

PROJECTIONS = {
    "attn_q": "q", "attn_k": "k", "attn_v": "v", "attn_output": "o", "ffn_gate": "gate", "ffn_up": "up", "ffn_down": "down",
}  # fmt: skip
ATTENTION = ("attn_q", "attn_k", "attn_v", "attn_output")


class Linear(nn.Module):
    """y = x Wᵀ + c + scale (x Aᵀ) Bᵀ; W and c frozen, A and B only where the adapter has them."""

    def __init__(self, weight: Tensor, bias: Tensor | None, rank: int, scale: float):
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.scale = scale
        self.lora_a = self.lora_b = None
        if rank:
            out, width = weight.shape
            self.lora_a = nn.Parameter(torch.randn(rank, width, device=weight.device) / math.sqrt(width))
            self.lora_b = nn.Parameter(torch.zeros(out, rank, device=weight.device))

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight, self.bias)
        if self.lora_a is None:
            return y
        low = F.linear(x, self.lora_a.to(x.dtype) * self.scale)
        return torch.addmm(y, low, self.lora_b.to(x.dtype).T)


class Layer(nn.Module):
    def __init__(
        self,
        spec: ModelSpec,
        weights: Weights | None,
        i: int,
        lora: tuple[str, ...],
        rank: int,
        scale: float,
        index_dim: int,
        device: str,
    ):
        super().__init__()
        self.spec = spec
        dtype = dtype_of(device)
        q, kv = spec.heads * spec.head_dim, spec.groups * spec.head_dim
        shapes = {
            "attn_q": (q, spec.width), "attn_k": (kv, spec.width), "attn_v": (kv, spec.width), "attn_output": (spec.width, q),
            "ffn_gate": (spec.feed_forward, spec.width), "ffn_up": (spec.feed_forward, spec.width), "ffn_down": (spec.width, spec.feed_forward),
        }  # fmt: skip

        def get(name: str, shape: tuple[int, ...]) -> Tensor:
            if weights is None:
                ones = len(shape) == 1
                return (torch.ones(shape, device=device) if ones else torch.randn(shape, device=device) / math.sqrt(shape[-1])).to(dtype)
            return weights[f"blk.{i}.{name}"].reshape(shape).to(dtype)

        for name, short in PROJECTIONS.items():
            bias = None
            if spec.bias and short in ("q", "k", "v"):
                bias = get(f"{name}.bias", shapes[name][:1])
            setattr(self, short, Linear(get(f"{name}.weight", shapes[name]), bias, rank if name in lora else 0, scale))
        self.register_buffer("norm_1", get("attn_norm.weight", (spec.width,)), persistent=False)
        self.register_buffer("norm_2", get("ffn_norm.weight", (spec.width,)), persistent=False)
        for name in ("q_norm", "k_norm"):
            value = get(f"attn_{name}.weight", (spec.head_dim,)) if spec.qk_norm else None
            self.register_buffer(name, value, persistent=False)
        self.index_q = nn.Parameter(torch.randn(spec.groups * index_dim, spec.width, device=device) / math.sqrt(spec.width))
        self.index_k = nn.Parameter(torch.randn(index_dim, spec.width, device=device) / math.sqrt(spec.width))
        self.index_q_norm = nn.Parameter(torch.ones(index_dim, device=device))
        self.index_k_norm = nn.Parameter(torch.ones(index_dim, device=device))

    def normed(self, x: Tensor) -> Tensor:
        return norm(x, self.norm_1, self.spec.eps)

    def qkv(self, h: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normed input [T, D] -> q [T, H, E] and k [T, G, E], rotated, and v [T, G, E]."""
        q, k, v = (p(h).view(len(h), -1, self.spec.head_dim) for p in (self.q, self.k, self.v))
        if self.spec.qk_norm:
            q, k = norm(q, self.q_norm, self.spec.eps), norm(k, self.k_norm, self.spec.eps)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def index_queries(self, h: Tensor) -> Tensor:
        """[T, D] -> [T, G, dim], normed, not rotated: positions of different files mean nothing to each other."""
        q = F.linear(h, self.index_q.to(h.dtype)).view(len(h), self.spec.groups, -1)
        return norm(q, self.index_q_norm, self.spec.eps)

    def index_keys(self, h: Tensor) -> Tensor:
        return norm(F.linear(h, self.index_k.to(h.dtype)), self.index_k_norm, self.spec.eps)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual stream and attention output [T, H, E] -> the residual stream behind the layer."""
        x = x + self.o(attended.reshape(len(x), -1))
        y = norm(x, self.norm_2, self.spec.eps)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Model(nn.Module):
    def __init__(
        self, spec: ModelSpec, weights: Weights | None, device: str, lora: tuple[str, ...] = ATTENTION, rank: int = 16, scale: float = 2.0,
        index_dim: int = 64, positions: int = CONVERSATION + 2048,
    ):  # fmt: skip
        super().__init__()
        self.spec, self.device, self.lora_on, self.rank, self.lora_scale, self.index_dim = (
            spec,
            device,
            lora,
            rank,
            scale,
            index_dim,
        )
        dtype = dtype_of(device)
        embedding = weights.embedding if weights else torch.randn(spec.vocabulary, spec.width, device=device) * 0.3
        final = weights["output_norm.weight"].flatten() if weights else torch.ones(spec.width, device=device)
        self.register_buffer("embedding", embedding.to(dtype), persistent=False)
        untied = weights and "output.weight" in weights and "token_embd.weight" in weights
        self.register_buffer("output", weights["output.weight"].to(dtype) if untied else self.embedding, persistent=False)
        self.register_buffer("final_norm", final.to(dtype), persistent=False)
        self.layers = nn.ModuleList(Layer(spec, weights, i, lora, rank, scale, index_dim, device) for i in range(spec.layers))
        self.cos, self.sin = rope_table(spec, positions, device)

    def embed(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.embedding)

    def logits(self, x: Tensor) -> Tensor:
        return F.linear(norm(x, self.final_norm, self.spec.eps), self.output).float()

    def lora_parameters(self) -> list[nn.Parameter]:
        return [p for name, p in self.named_parameters() if "lora_" in name]

    def index_parameters(self) -> list[nn.Parameter]:
        return [p for name, p in self.named_parameters() if ".index_" in name]


def dtype_of(device: str) -> torch.dtype:
    return torch.bfloat16 if device.startswith("cuda") else torch.float32


def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm, in fp32 until it is rounded to the stream's own type."""
    return F.rms_norm(x, (x.shape[-1],), weight.to(x.dtype), eps)


def rope_table(spec: ModelSpec, length: int, device: str) -> tuple[Tensor, Tensor]:
    half = spec.head_dim // 2
    angle = torch.arange(length, device=device).float()[:, None] * spec.theta ** (-torch.arange(half, device=device).float() / half)
    angle = torch.cat([angle, angle], 1)
    return angle.cos().to(dtype_of(device)), angle.sin().to(dtype_of(device))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [T, heads, E], cos and sin [T, E]; halves rotate."""
    half = x.shape[-1] // 2
    return x * cos[:, None] + torch.cat([-x[..., half:], x[..., :half]], -1) * sin[:, None]
