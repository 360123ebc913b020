"""`parts`: a GGUF file to a spec, an index of tensors and raw weights in files small enough to be sent one by one.

A machine without the `gguf` package, or without a fast line, joins them again: `Weights` reads the folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .quants import dequantise
from .spec import ModelSpec


def spec_of(reader) -> ModelSpec:
    value = {name: field.contents() for name, field in reader.fields.items() if "tokenizer" not in name}
    arch = value["general.architecture"]
    tensors = {t.name: t for t in reader.tensors}
    heads, width = value[f"{arch}.attention.head_count"], value[f"{arch}.embedding_length"]
    output = tensors.get("output.weight", tensors["token_embd.weight"])
    return ModelSpec(
        name=str(value.get("general.name", arch)), layers=value[f"{arch}.block_count"], width=width, heads=heads,
        groups=value[f"{arch}.attention.head_count_kv"], head_dim=value.get(f"{arch}.attention.key_length", width // heads),
        feed_forward=value[f"{arch}.feed_forward_length"], theta=float(value[f"{arch}.rope.freq_base"]),
        eps=float(value[f"{arch}.attention.layer_norm_rms_epsilon"]), vocabulary=int(output.shape[-1]), bias="blk.0.attn_q.bias" in tensors,
        qk_norm="blk.0.attn_q_norm.weight" in tensors,
    )  # fmt: skip


def split(gguf: str, out: Path, mebibytes: int) -> None:
    """`token_embd` is left out where `output.weight` exists: its rows serve as input too (the adapter's metadata says so)."""
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    names = {t.name for t in reader.tensors}
    out.mkdir(parents=True, exist_ok=True)
    index, pieces, offset = {}, [], 0
    for tensor in reader.tensors:
        if tensor.name == "token_embd.weight" and "output.weight" in names:
            continue
        data = np.ascontiguousarray(tensor.data)
        raw = data.view(np.uint8).reshape(data.shape[0] if data.ndim > 1 else 1, -1)
        index[tensor.name] = [tensor.tensor_type.name, *raw.shape, offset]
        pieces.append(raw.tobytes())
        offset += raw.size
    weights, limit = b"".join(pieces), mebibytes << 20
    for i in range(0, len(weights), limit):
        folder = out / f"p{i // limit:02}"
        folder.mkdir(exist_ok=True)
        (folder / f"weights.{i // limit:02}").write_bytes(weights[i : i + limit])
    arch = str(reader.fields["general.architecture"].contents())
    (out / "index.json").write_text(json.dumps({"architecture": arch, "spec": spec_of(reader).record, "tensors": index}))
    print("parts", -(-len(weights) // limit), "bytes", len(weights))


class Weights:
    """The folder that `parts` wrote, all weights.NN files in it (not in their own folders)."""

    def __init__(self, folder: str | Path, device: str):
        folder = Path(folder)
        header = json.loads((folder / "index.json").read_text())
        self.spec = ModelSpec(**header["spec"])
        self._interleaved = header["architecture"] == "llama"
        self._tensors, self._device = header["tensors"], device
        files = sorted(folder.glob("weights.*")) or sorted(folder.glob("p*/weights.*"))
        self._raw = np.concatenate([np.fromfile(f, np.uint8) for f in files])

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> Tensor:
        kind, rows, width, offset = self._tensors[name]
        raw = torch.from_numpy(self._raw[offset : offset + rows * width]).to(self._device).view(rows, width)
        values = dequantise(raw, kind)
        if self._interleaved and (".attn_q." in name or ".attn_k." in name):
            # llama's q and k rows are stored in pairs; here RoPE rotates halves.
            heads = self.spec.heads if ".attn_q." in name else self.spec.groups
            values = values.view(heads, -1, 2, values.shape[-1]).transpose(1, 2).reshape(values.shape)
        return values

    @property
    def embedding(self) -> Tensor:
        return self["output.weight" if "output.weight" in self else "token_embd.weight"]


def main(args: argparse.Namespace) -> None:
    split(args.gguf, Path(args.out), args.mebibytes)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--mebibytes", type=int, default=60)
    parser.set_defaults(run=main)
