"""`teach`: prose answers by self-distillation.

The untuned base model answers free questions with all gold segments in sight, read causally in its own chat template. An answer is
kept where it is complete, long enough, not a refusal, and where every name that it quotes stands in what was in sight; the location
behind it becomes a citation. The result is training data of type "prose".

With `--instructions` it answers general instructions instead (data/instructions.py), with no repository in sight: type "chat", which
belongs to no segment. Each is given to a pack by chance, so that it is learnt with somebody's repository in sight.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

from .batches import CHAT, Dataset
from .data.codec import Codec
from .data.instructions import instructions
from .model import Model
from .parts import Weights
from .report import ABSENT

SYSTEM = "You are an expert programmer. Answer from the given source code in two to four plain sentences. Quote names in backticks. No lists, no code blocks, no headings."
CHAT_SYSTEM = "You are a helpful assistant for programmers. Answer briefly: a few sentences, or a short piece of code."
REFUSAL = re.compile(
    r"(as an ai|i cannot|i can't|not (explicitly )?(provided|shown|given|defined|mentioned)|without (seeing|more)|based on the provided|it is not clear)",
    re.I,
)


CHAT_REFUSAL = re.compile(r"as an ai\b|i can(no|['’])t\b|i('m|’m| am) (sorry|unable)", re.I)
MARKER = re.compile(r"<\|?(im_start|im_end|file_sep|endoftext)\|?>")


def chat_prompt(codec: Codec, system: str, user: str) -> list[int]:
    start, end, _ = codec.markers
    newline, assistant = codec.encode("\n"), codec.encode("assistant\n")
    turns = [start, *codec.encode("system\n" + system), end, *newline, start, *codec.encode("user\n" + user), end, *newline]
    return [*turns, start, *assistant]


def teacher_prompt(codec: Codec, question: str, sources: list[str]) -> list[int]:
    return chat_prompt(codec, SYSTEM, "\n\n".join(sources) + f"\n\nQuestion about this code: {question}")


def trimmed(answer: str, complete: bool) -> str:
    """The answer up to its last whole sentence; one paragraph."""
    answer = " ".join(answer.split("\n\n")[0].split())
    if not complete:
        cut = max(answer.rfind(". "), answer.rfind(".`"), len(answer) - 1 if answer.endswith(".") else -1)
        answer = answer[: cut + 1]
    return answer.strip()


def acceptable(answer: str, sources: str) -> bool:
    """Complete prose that invents no name."""
    if not 60 <= len(answer) <= 900 or not answer.endswith((".", "`", ")")) or "```" in answer or REFUSAL.search(answer):
        return False
    quoted = re.findall(r"`([^`]+)`", answer)
    names = {n for q in quoted for n in re.findall(r"[A-Za-z_]\w+", q)}
    return all(re.search(rf"\b{re.escape(n)}\b", sources) for n in names)


def acceptable_chat(answer: str, complete: bool) -> bool:
    """A whole answer that refuses nothing, denies nothing and leaves no code block open."""
    whole = complete and len(answer) > 1 and answer.count("```") % 2 == 0
    return whole and not any(pattern.search(answer) for pattern in (CHAT_REFUSAL, ABSENT, MARKER))


def _attend(q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """q [C, H, n, E], keys and values [C, G, N, E], mask [C, 1, n or 1, N] -> [C, H, n, E]. One new token: grouped, nothing repeated."""
    count, heads, n, width = q.shape
    each = heads // keys.shape[1]
    if n > 1:
        keys, values = keys.repeat_interleave(each, 1), values.repeat_interleave(each, 1)
        return torch.nn.functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
    grouped = q.reshape(count, keys.shape[1], each, width)
    scores = (grouped @ keys.transpose(-1, -2)).float() / width**0.5
    weights = scores.masked_fill(~mask, float("-inf")).softmax(-1).to(q.dtype)
    return (weights @ values).reshape(count, heads, 1, width)


@torch.no_grad()
def generate(
    model: Model, prompts: list[list[int]], steps: int, stop: set[int], temperature: float, generator: torch.Generator
) -> list[tuple[list[int], bool]]:
    """Plain dense decoding of a batch, left-padded -> tokens and whether the end token came."""
    device, spec = model.device, model.spec
    longest, count = max(map(len, prompts)), len(prompts)
    ids = torch.zeros(count, longest, dtype=torch.long, device=device)
    real = torch.zeros(count, longest + steps, dtype=torch.bool, device=device)
    for i, p in enumerate(prompts):
        ids[i, longest - len(p) :] = torch.tensor(p, device=device)
        real[i, longest - len(p) : longest] = True
    offset = torch.tensor([longest - len(p) for p in prompts], device=device)
    caches = [[model.embedding.new_zeros(count, spec.groups, longest + steps, spec.head_dim) for _ in "kv"] for _ in model.layers]

    def forward(tokens: torch.Tensor, at: int) -> torch.Tensor:
        """tokens [count, n] at places at..at+n -> the last residual row of each."""
        n = tokens.shape[1]
        position = (torch.arange(at, at + n, device=device)[None] - offset[:, None]).clamp(min=0)
        cos, sin = model.cos[position.flatten()], model.sin[position.flatten()]
        x = model.embed(tokens.flatten())
        mask = real[:, None, None, : at + n]
        if n > 1:
            mask = mask & torch.ones(n, at + n, dtype=torch.bool, device=device).tril(at)[None, None]
            mask = mask | torch.eye(n, at + n, dtype=torch.bool, device=device)[None, None]  # padding rows see themselves: no NaN
        for layer, (keys, values) in zip(model.layers, caches):
            q, k, v = layer.qkv(layer.normed(x), cos, sin)
            shape = lambda t: t.view(count, n, -1, spec.head_dim).transpose(1, 2)
            keys[:, :, at : at + n], values[:, :, at : at + n] = shape(k), shape(v)
            attended = _attend(shape(q), keys[:, :, : at + n], values[:, :, : at + n], mask)
            x = layer.finish(x, attended.transpose(1, 2).reshape(count * n, spec.heads, spec.head_dim))
        return x.view(count, n, -1)[:, -1]

    last, done = forward(ids, 0), torch.zeros(count, dtype=torch.bool, device=device)
    ends = torch.tensor(sorted(stop), device=device)
    out = []
    for step in range(steps):
        logits = model.logits(last)
        token = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0] if temperature else logits.argmax(-1)
        out.append(torch.where(done, ends[0], token))
        done = done | torch.isin(token, ends)
        if step % 8 == 7 and bool(done.all()):
            break
        real[:, longest + step] = True
        last = forward(token[:, None], longest + step)
    rows = torch.stack(out, 1).tolist()
    return [([t for t in row if t not in stop], any(t in stop for t in row)) for row in rows]


def _alike(order: list[int], batch: int, size) -> list[list[int]]:
    """A random order to batches of like size, so that little is padding; the first batches are still a fair sample."""
    batches = []
    for a in range(0, len(order), 8 * batch):
        some = sorted(order[a : a + 8 * batch], key=size)
        batches += [some[i : i + batch] for i in range(0, len(some), batch)]
    return batches


def main(args: argparse.Namespace) -> None:
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    weights = Weights(args.base, device)
    model = Model(weights.spec, weights, device, lora=())  # untuned
    codec = Codec.load(args.tokenizer)
    file = "questions.jsonl" if args.instructions else "asks.jsonl"
    dataset = Dataset(args.data, args.model, codec, (file,))
    generator = torch.Generator(device).manual_seed(args.seed)
    stop = {codec.markers.end, *args.stop}
    answer = lambda prompts: generate(model, prompts, args.steps, stop, args.temperature, generator)
    taught = chat(dataset, codec, args, answer) if args.instructions else prose(dataset, codec, args, answer)
    started, tried, kept = time.time(), 0, 0
    with Path(args.out).open("w") as f:
        for count, records in taught:
            f.write("".join(json.dumps(r) + "\n" for r in records))
            f.flush()
            tried, kept = tried + count, kept + len(records)
            print("taught", kept, "of", tried, round(time.time() - started), "s", flush=True)
            if time.time() - started > args.minutes * 60:
                break


def prose(dataset: Dataset, codec: Codec, args: argparse.Namespace, answer) -> Iterator[tuple[int, list[dict]]]:
    """Batches of asks -> how many were asked, and the records of those whose answers are kept."""
    asks = [e for e in dataset.examples if sum(len(dataset.plain(g)) for g in e.gold) <= args.longest]
    order = torch.randperm(len(asks), generator=torch.Generator().manual_seed(args.seed)).tolist()[: args.most]
    for batch in _alike(order, args.batch, lambda i: sum(len(dataset.plain(g)) for g in asks[i].gold)):
        examples = [asks[i] for i in batch]
        sources = [[codec.decode(dataset.plain(g)).replace("<|file_sep|>", "File: ") for g in e.gold] for e in examples]
        prompts = [teacher_prompt(codec, e.record["text"], s) for e, s in zip(examples, sources)]
        kept = []
        for e, s, (ids, complete) in zip(examples, sources, answer(prompts)):
            text = trimmed(codec.decode(ids), complete)
            if acceptable(text, "\n".join(s)):
                paths = dict.fromkeys(dataset.paths[g] for g in e.gold)
                kept.append({**e.record, "answer": [text + " ", *({"cite": path} for path in paths)]})
        yield len(batch), kept


def chat(dataset: Dataset, codec: Codec, args: argparse.Namespace, answer) -> Iterator[tuple[int, list[dict]]]:
    """As `prose`, of general instructions. A record's language is the one that most questions about its pack have."""
    texts, rng = instructions(args.seed, args.held_out)[: args.instructions], random.Random(args.seed)
    counted = [Counter(e.record["language"] for e in examples) for examples in dataset.of_pack()]
    languages = [count.most_common(1)[0][0] if count else "" for count in counted]
    for a in range(0, len(texts), args.batch):
        part = texts[a : a + args.batch]
        kept = []
        for text, (ids, complete) in zip(part, answer([chat_prompt(codec, CHAT_SYSTEM, t) for t in part])):
            said = codec.decode(ids).strip()
            if acceptable_chat(said, complete):
                pack = rng.randrange(len(dataset.packs))
                kept.append(
                    {
                        "type": CHAT,
                        "text": text,
                        "answer": [said],
                        "gold": [],
                        "pack": pack,
                        "language": languages[pack],
                        "name": "",
                        "facts": [],
                    }
                )
        yield len(part), kept


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True, help="taught.jsonl or chat.jsonl in the data folder")
    parser.add_argument("--instructions", type=int, default=0, help="answer so many general instructions instead of asks.jsonl")
    parser.add_argument("--held-out", action="store_true", help="instructions of the held-out topics")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--most", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=140, help="most tokens of an answer")
    parser.add_argument("--longest", type=int, default=3200, help="tokens of the gold segments together")
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--stop", type=int, nargs="*", default=[], help="further tokens that end an answer")
    parser.add_argument("--device", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=main)
