"""Several processes that tune one model, each on packs of its own: gradients are averaged, rank 0 writes.

RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT say who takes part, as torchrun sets them; without them a process is alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Ranks:
    rank: int = 0
    count: int = 1

    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Every rank's gradients to their mean. What is not finite on one rank is so on all, so that all skip the same steps."""
        if self.count == 1:
            return
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        for p, part in zip(parameters, (flat / self.count).split([g.numel() for g in grads])):
            p.grad = part.view_as(p)

    def agreed(self, value: float, device: str) -> float:
        """Rank 0's value on every rank."""
        if self.count == 1:
            return value
        shared: Tensor = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(shared, 0)
        return float(shared)


def join_ranks(device: str) -> Ranks:
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if count == 1:
        return Ranks()
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(rank % torch.cuda.device_count())
    dist.init_process_group("nccl" if on_gpu else "gloo", rank=rank, world_size=count)
    return Ranks(rank, count)
