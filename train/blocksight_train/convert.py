"""`convert`: an index for a dense GQA checkpoint, so that it reads with MiniMax Sparse Attention. The backbone is not touched.

Two stages, as in the paper: warm-up with full attention in both branches and KL over the whole prefix, then sparse attention with KL over the
chosen tokens. Layers learn from one pass: each has its own optimiser and its own loss, and nothing flows between them. The last sequences of the
text are held out: recall is measured on them. Progress stands in OUT/curve.jsonl, the index in OUT/index.pt: --resume goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from pathlib import Path

import torch
from torch import Tensor

from . import adapter
from .checkpoint import open_checkpoint
from .conversion import Choice, attend, behind, divergence, project, recalls
from .layout import BLOCK, CONVERSATION, PREFIX, SEGMENT_BLOCKS
from .model import Model

SYSTEM = "You answer questions about the source code of one repository. Answer from its files, briefly and exactly."
MEASURED_ROWS = 256


def sequences_of(codec_encode, texts: list[str], length: int, seed: int) -> Tensor:
    """All texts in a seeded order, one behind the other, cut to sequences [count, length]."""
    order = list(texts)
    random.Random(seed).shuffle(order)
    ids = [i for text in order for i in codec_encode(text)]
    count = len(ids) // length
    if count < 2:
        raise SystemExit(f"the text has {len(ids)} tokens; at least two sequences of {length} are needed")
    return torch.tensor(ids[: count * length]).view(count, length)


def texts_of(paths: list[str]) -> list[str]:
    """Files, and all files below folders that are UTF-8."""
    files = [f for p in map(Path, paths) for f in (sorted(p.rglob("*")) if p.is_dir() else [p]) if f.is_file()]
    texts = []
    for file in files:
        try:
            texts.append(file.read_text())
        except UnicodeDecodeError:
            continue
    return texts


class Converter:
    def __init__(self, model: Model, choice: Choice, rows: int, inner: int, rate: float, seed: int):
        self.model, self.choice, self.rows, self.inner = model, choice, rows, inner
        self.generator = torch.Generator().manual_seed(seed)
        for p in model.parameters():
            p.requires_grad_(False)
        self.indices = [[p for name, p in layer.named_parameters() if name.startswith("index_")] for layer in model.layers]
        for p in (p for index in self.indices for p in index):
            p.requires_grad_(True)
        self.optimisers = [torch.optim.AdamW(index, rate, betas=(0.9, 0.98), weight_decay=0.0) for index in self.indices]

    def step(self, ids: Tensor, sparse: bool, rate: float) -> list[float]:
        """One sequence [N] through all layers; each index takes `inner` steps on rows drawn anew -> the first loss of every layer."""
        x, losses = self.model.embed(ids[None]), []
        for layer, index, optimiser in zip(self.model.layers, self.indices, self.optimisers):
            optimiser.param_groups[0]["lr"] = rate
            for turn in range(self.inner):
                p = project(layer, x, self.model.cos, self.model.sin)
                rows = torch.randperm(len(ids), generator=self.generator)[: self.rows].sort().values.to(ids.device)
                loss = divergence(p, rows, self.choice if sparse else None)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(index, 1.0)
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
                if turn == 0:
                    losses.append(float(loss.detach()))
            with torch.no_grad():
                p = project(layer, x, self.model.cos, self.model.sin)
                x = behind(layer, x, attend(p, self.choice if sparse else None))
        return losses

    @torch.no_grad()
    def measure(self, held_out: Tensor, sparse: bool) -> tuple[list[dict[str, float]], float]:
        """Recall by layer, and the text's loss, over sequences [count, N]."""
        layers: list[list[dict[str, float]]] = [[] for _ in self.model.layers]
        loss = []
        for ids in held_out:
            x = self.model.embed(ids[None])
            rows = torch.linspace(self.choice.size * self.choice.top, len(ids) - 1, MEASURED_ROWS).long().unique().to(ids.device)
            for at, layer in enumerate(self.model.layers):
                p = project(layer, x, self.model.cos, self.model.sin)
                found = recalls(p, rows, self.choice)
                if found:
                    layers[at].append(found)
                x = behind(layer, x, attend(p, self.choice if sparse else None))
            loss.append(sum(float(torch.nn.functional.cross_entropy(self.model.logits(h), t)) * len(t) for h, t in
                            zip(x[0, :-1].split(512), ids[1:].split(512))) / (len(ids) - 1))  # fmt: skip
        mean = lambda found: {key: sum(one[key] for one in found) / len(found) for key in found[0]} if found else {}
        return [mean(found) for found in layers], sum(loss) / len(loss)


def prefix_of(encode, specials: dict[str, int]) -> list[int]:
    """Block 0: a system turn where the model has turns, filled with newlines to one block."""
    start, end, newline = specials.get("<|im_start|>"), specials.get("<|im_end|>"), encode("\n")
    if len(newline) != 1:
        raise SystemExit("the tokenizer has no single token for a newline")
    body = encode(f"system\n{SYSTEM}" if start is not None and end is not None else SYSTEM)
    head, tail = ([start], [end, *newline]) if start is not None and end is not None else ([], [])
    return head + body + newline * (BLOCK - len(head) - len(body) - len(tail)) + tail


def header_token(specials: dict[str, int], wanted: str) -> str:
    """The special token that opens a file's header."""
    names = [wanted] if wanted else ["<file_sep>", "<|file_sep|>"]
    for name in names:
        if name in specials and name.endswith(">") and name.count(">") == 1:
            return name
    raise SystemExit(f"the tokenizer has none of {', '.join(names)}: name a special token that ends in '>' with --header-token")


def metadata_of(model: Model, base: Path, prefix: list[int], token: str, sha256: str, heads: list[list[int]]) -> dict:
    spec = model.spec
    return {
        "version": 1,
        "base": {"name": spec.name, "file": base.name, "sha256": sha256},
        "layout": {
            "kind": "independent", "block": BLOCK, "prefix": prefix, "segmentBlocks": SEGMENT_BLOCKS, "segmentPosition": PREFIX,
            "conversationPosition": CONVERSATION, "conversationTokens": 2048, "header": token + "{path}{part}\n", "part": " (part {k} of {n})",
            "embedding": "token_embd.weight",
        },
        "index": {"source": "trained", "dim": model.index_dim, "heads": spec.groups, "normEps": spec.eps, "ropeDim": 0, "topK": 16},
        "lora": {"rank": 1, "scale": 1.0},  # no tensor of it: the backbone is the checkpoint's
        "questionHeads": heads,
    }  # fmt: skip


def load_tokenizer(path: Path, given: str):
    """-> encode (special tokens never parsed), special tokens by text."""
    from tokenizers import Tokenizer

    if given or path.is_dir():
        full = Tokenizer.from_file(given or str(path / "tokenizer.json"))
    else:
        from .data.codec import tokenizer_from_gguf

        full = tokenizer_from_gguf(str(path))
    described = json.loads(full.to_str())
    specials = {t["content"]: t["id"] for t in described["added_tokens"] if t["special"]}
    described["added_tokens"] = []
    plain = Tokenizer.from_str(json.dumps(described))
    return (lambda text: plain.encode(text, add_special_tokens=False).ids), specials


def base_sha256(base: Path) -> str:
    """Of the GGUF file, which the engine checks; of a folder's weights in order, which no engine opens."""
    digest = hashlib.sha256()
    for file in [base] if base.is_file() else sorted(base.glob("*.safetensors")):
        with file.open("rb") as f:
            while chunk := f.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def main(args: argparse.Namespace) -> None:
    base, out = Path(args.base), Path(args.out)
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(args.seed)
    weights = open_checkpoint(base, device)
    model = Model(weights.spec, weights, device, (), index_dim=args.dim, positions=args.length)
    encode, specials = load_tokenizer(base, args.tokenizer)
    sequences = sequences_of(encode, texts_of(args.text), args.length, args.seed).to(device)
    train, held_out = sequences[: -args.held_out], sequences[-args.held_out :]
    out.mkdir(parents=True, exist_ok=True)
    converter = Converter(model, Choice(), args.rows, args.inner, args.rate, args.seed)
    done = 0
    if args.resume and (out / "index.pt").exists():
        state = torch.load(out / "index.pt", map_location=device, weights_only=True)
        model.load_state_dict(state["index"], strict=False)
        done = state["done"]
    plan = [False] * args.warm_up + [True] * args.sparse
    started, curve = time.time(), (out / "curve.jsonl").open("a")
    note = lambda line: (print(json.dumps(line), flush=True), curve.write(json.dumps(line) + "\n"), curve.flush())

    def measured(at: int, sparse: bool) -> list[dict[str, float]]:
        layers, loss = converter.measure(held_out, sparse)
        mean = {key: round(sum(one[key] for one in layers) / len(layers), 4) for key in layers[0]}
        note({"measured": at, "attention": "sparse" if sparse else "full", "textLoss": round(loss, 4), **mean})
        return layers

    if done == 0:
        measured(0, False)
    for at in range(done, len(plan)):
        if time.time() - started > args.minutes * 60:
            break
        share = at / len(plan)
        losses = converter.step(train[at % len(train)], plan[at], args.rate * min(1.0, (at + 1) / 4) * (1 - 0.9 * share))
        stage = "sparse" if plan[at] else "warm-up"
        note({"step": at + 1, "stage": stage, "kl": round(sum(losses) / len(losses), 4), "seconds": round(time.time() - started)})
        done = at + 1
        index = {name: p.detach() for name, p in model.named_parameters() if ".index_" in name}
        torch.save({"done": done, "index": index}, out / "index.pt")
    layers = measured(done, False)
    measured(done, True)
    (out / "layers.json").write_text(json.dumps([{key: round(v, 4) for key, v in layer.items()} for layer in layers]))
    heads = [[i, g] for i in range(model.spec.layers // 2, model.spec.layers) for g in range(model.spec.groups)]
    token = header_token(specials, args.header_token)
    metadata = metadata_of(model, base, prefix_of(encode, specials), token, base_sha256(base), heads)
    adapter.save(model, out / "adapter.safetensors", metadata)
    print(out / "adapter.safetensors", (out / "adapter.safetensors").stat().st_size, "bytes,", done, "of", len(plan), "steps")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True, help="a GGUF file, or a Hugging Face folder; llama, qwen2 or qwen3")
    parser.add_argument("--text", nargs="+", required=True, help="files or folders to learn from: code, if it is to read code")
    parser.add_argument("--out", required=True)
    parser.add_argument("--tokenizer", default="", help="tokenizer.json; the base's own if not given")
    parser.add_argument(
        "--header-token", default="", help="special token that opens a file's header; <file_sep> or <|file_sep|> if not given"
    )
    parser.add_argument("--length", type=int, default=4096, help="tokens of a sequence; more than 2,048, or there is nothing to choose")
    parser.add_argument("--held-out", type=int, default=2, help="sequences that recall is measured on")
    parser.add_argument("--warm-up", type=int, default=40, help="sequences with full attention")
    parser.add_argument("--sparse", type=int, default=20, help="sequences with sparse attention")
    parser.add_argument("--rows", type=int, default=256, help="rows of a sequence that an index learns from at once")
    parser.add_argument("--inner", type=int, default=4, help="steps of an index on one sequence")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this long, between two steps")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--device", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=main)
