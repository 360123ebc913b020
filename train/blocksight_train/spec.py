"""What a dense GQA model is: the numbers that its checkpoint states."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ModelSpec:
    name: str
    layers: int
    width: int
    heads: int
    groups: int  # KV heads; the query heads that share one are a group
    head_dim: int
    feed_forward: int
    theta: float
    eps: float
    vocabulary: int
    bias: bool = False  # on q, k and v
    qk_norm: bool = False  # RMSNorm of every head's q and k, before RoPE

    @property
    def heads_per_group(self) -> int:
        return self.heads // self.groups

    @property
    def record(self) -> dict[str, object]:
        return asdict(self)


TINY = ModelSpec("tiny", 3, 64, 4, 2, 16, 96, 1e4, 1e-5, 128)
