"""Dense GQA checkpoints as they are published: a Hugging Face folder or a GGUF file, of the architectures llama, qwen2 and qwen3.

Both give the same tensors under GGUF's names, with q and k rows in the order in which RoPE rotates halves.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from .parts import spec_of
from .quants import dequantise
from .spec import ModelSpec

ARCHITECTURES = ("llama", "qwen2", "qwen3")
HUGGING_FACE = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}


def supported(architecture: str) -> str:
    if architecture not in ARCHITECTURES:
        raise SystemExit(f"architecture {architecture!r} is not supported: {', '.join(ARCHITECTURES)} are")
    return architecture


def halves_from_pairs(rows: Tensor, heads: int) -> Tensor:
    """llama's GGUF files store q and k rows in pairs."""
    return rows.view(heads, -1, 2, rows.shape[-1]).transpose(1, 2).reshape(rows.shape)


class GgufWeights:
    def __init__(self, path: str | Path, device: str):
        from gguf import GGUFReader

        reader = GGUFReader(str(path))
        self._interleaved = supported(str(reader.fields["general.architecture"].contents())) == "llama"
        self.spec, self._device = spec_of(reader), device
        self._tensors = {t.name: t for t in reader.tensors}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> Tensor:
        stored = self._tensors[name]
        data = torch.from_numpy(stored.data.copy())
        raw = data.view(torch.uint8).reshape(data.shape[0] if data.dim() > 1 else 1, -1)
        values = dequantise(raw.to(self._device), stored.tensor_type.name)
        if self._interleaved and name.endswith(("attn_q.weight", "attn_k.weight")):
            values = halves_from_pairs(values, self.spec.heads if "attn_q" in name else self.spec.groups)
        return values

    @property
    def embedding(self) -> Tensor:
        return self["token_embd.weight"]


class FolderWeights:
    """config.json and *.safetensors."""

    def __init__(self, folder: str | Path, device: str):
        from safetensors import safe_open

        folder = Path(folder)
        config = json.loads((folder / "config.json").read_text())
        kind = supported(config["model_type"])
        self._files, self._device = {}, device
        for path in sorted(folder.glob("*.safetensors")):
            opened = safe_open(str(path), "pt")
            self._files |= dict.fromkeys(opened.keys(), opened)
        heads, width = config["num_attention_heads"], config["hidden_size"]
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        if rope.get("rope_type", rope.get("type", "default")) != "default":
            raise SystemExit(f"RoPE of type {rope.get('rope_type', rope.get('type'))!r} is not supported: only the plain one is")
        self.spec = ModelSpec(
            name=str(config.get("_name_or_path") or folder.name), layers=config["num_hidden_layers"], width=width, heads=heads,
            groups=config.get("num_key_value_heads", heads), head_dim=config.get("head_dim") or width // heads,
            feed_forward=config["intermediate_size"], theta=float(config.get("rope_theta") or rope.get("rope_theta", 1e4)),
            eps=float(config["rms_norm_eps"]), vocabulary=config["vocab_size"], bias="model.layers.0.self_attn.q_proj.bias" in self._files,
            qk_norm=kind == "qwen3",
        )  # fmt: skip

    def _name(self, name: str) -> str:
        if name in WHOLE:
            return WHOLE[name]
        _, layer, part, what = name.split(".")
        return f"model.layers.{layer}.{HUGGING_FACE[part]}.{what}"

    def __contains__(self, name: str) -> bool:
        return self._name(name) in self._files

    def __getitem__(self, name: str) -> Tensor:
        stored = self._name(name)
        values = self._files[stored].get_tensor(stored).to(self._device).float()
        return values[None] if values.dim() == 1 else values

    @property
    def embedding(self) -> Tensor:
        return self["token_embd.weight"]


def open_checkpoint(path: str | Path, device: str) -> GgufWeights | FolderWeights:
    return FolderWeights(path, device) if Path(path).is_dir() else GgufWeights(path, device)
