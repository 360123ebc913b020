"""Adapter files: int8 rows with fp32 scales in safetensors, the layout and the index as JSON in the metadata."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .model import PROJECTIONS, Model


def file_name(parameter: str) -> str:
    """A parameter's name in the file: layers.3.q.lora_a -> layers.3.attn_q.lora_a, layers.3.index_q -> layers.3.index_q.weight."""
    _, layer, rest = parameter.split(".", 2)
    if rest.startswith("index_"):
        return f"layers.{layer}.{rest}.weight"
    short, which = rest.split(".")
    long = next(name for name, s in PROJECTIONS.items() if s == short)
    return f"layers.{layer}.{long}.{which}"


def quantise(t: Tensor) -> tuple[Tensor, Tensor]:
    """Rows to int8 with one scale each, the largest value at 127."""
    t = t.detach().float().cpu()
    scale = t.abs().amax(1).clamp(min=1e-12) / 127
    return (t / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def metadata_of(path: str | Path) -> dict:
    with safe_open(str(path), "pt") as f:
        return json.loads(f.metadata()["blocksight"])


def lora_on(path: str | Path) -> tuple[str, ...]:
    """The projections that an adapter file has LoRA for."""
    with safe_open(str(path), "pt") as f:
        names = f.keys()
    return tuple(sorted({name.split(".")[2] for name in names if name.endswith("lora_a")}))


def load(model: Model, path: str | Path) -> dict:
    """Fill the model's adapter parameters from a file -> its metadata. Parameters that the file lacks keep their values."""
    with safe_open(str(path), "pt") as f:
        names = set(f.keys())
        for parameter, value in model.named_parameters():
            name = file_name(parameter)
            if name not in names:
                continue
            t = f.get_tensor(name)
            if t.dtype == torch.int8:
                t = t.float() * f.get_tensor(name + ".scale")[:, None]
            value.data.copy_(t.to(value.device).float())
        return json.loads(f.metadata()["blocksight"])


def save(model: Model, path: str | Path, metadata: dict) -> None:
    tensors: dict[str, Tensor] = {}
    for parameter, value in model.named_parameters():
        name = file_name(parameter)
        if value.dim() == 1:
            tensors[name] = value.detach().float().cpu().contiguous()
        else:
            tensors[name], tensors[name + ".scale"] = quantise(value)
    save_file(tensors, str(path), {"blocksight": json.dumps(metadata)})
