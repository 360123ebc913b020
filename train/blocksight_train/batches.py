"""Training packs: which segments and questions, and the masks and targets that the losses need."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .data.codec import Codec
from .layout import CONVERSATION
from .reading import Tokens, lay_out

IGNORED = -100
MOST_ROWS = 2304  # conversation rows of a pack
MOST_QUESTIONS = 28
INDEX_ROWS = 512  # rows that the index learns from in one step


@dataclass(frozen=True)
class Example:
    """A question as tokens: prompt and answer, its gold segments."""

    type: str
    pack: int
    prompt: list[int]
    answer: list[int]
    gold: list[int]
    record: dict


class Dataset:
    """Segments and questions of one model: segments.npz, questions.jsonl and what `teach` added."""

    def __init__(
        self,
        folder: str | Path,
        model: str,
        codec: Codec,
        files: tuple[str, ...] = ("questions.jsonl",),
        longest_answer: int = 220,
    ):
        folder = Path(folder)
        data = np.load(folder / "segments.npz")
        self.paths, self.names = data["paths"].tolist(), data["names"].tolist()
        self._tokens, self._offsets = data[model], data[f"{model}_off"]
        packs, offsets = data["pack"].tolist(), data["pack_off"].tolist()
        self.packs = [packs[a:b] for a, b in pairwise(offsets)]
        self.examples: list[Example] = []
        for name in files:
            for line in (folder / name).read_text().splitlines():
                self._add(json.loads(line), codec, longest_answer)

    def _add(self, record: dict, codec: Codec, longest_answer: int) -> None:
        prompt, answer = codec.prompt(record["text"]), codec.answer(record["answer"])
        if len(answer) <= longest_answer and len(prompt) < 400:
            self.examples.append(Example(record["type"], record["pack"], prompt, answer, record["gold"], record))

    def segment(self, number: int) -> np.ndarray:
        return self._tokens[self._offsets[number] : self._offsets[number + 1]]

    def of_pack(self) -> list[list[Example]]:
        found: list[list[Example]] = [[] for _ in self.packs]
        for example in self.examples:
            found[example.pack].append(example)
        return found


@dataclass
class Batch:
    """A training pack on the device. Rows R are padded to a multiple of 64."""

    tokens: Tokens
    segments: int
    ids: Tensor  # [R]
    positions: Tensor  # [R]
    labels: Tensor  # [R], the next token where it belongs to an answer
    sees: Tensor  # bool [R, slots + R]: the whole pack, the own conversation up to the row
    question_rows: Tensor  # rows of prompts
    question_of: Tensor  # their question
    index_rows: Tensor
    target: Tensor  # [questions, segments]: 1 where gold

    @property
    def slots(self) -> int:
        return len(self.tokens.valid)


def make_batch(
    dataset: Dataset,
    prefix: list[int],
    segments: list[int],
    examples: list[Example],
    rng: random.Random,
    device: str,
    index_rows: int = INDEX_ROWS,
) -> Batch:
    tokens = lay_out(prefix, [dataset.segment(s) for s in segments], device)
    place = {s: i for i, s in enumerate(segments)}
    ids, conversation, positions, labels, is_question, target = [], [], [], [], [], []
    for example in examples:
        whole, asked = example.prompt + example.answer, len(example.prompt)
        if len(ids) + len(whole) > MOST_ROWS:
            break
        conversation += [len(target)] * len(whole)
        positions += range(CONVERSATION, CONVERSATION + len(whole))
        labels += [IGNORED] * (asked - 1) + example.answer + [IGNORED]
        is_question += [True] * asked + [False] * len(example.answer)
        ids += whole
        target.append([float(i in {place[g] for g in example.gold if g in place}) for i in range(len(segments))])
    real = len(ids)
    padding = -real % 64
    move = lambda v, fill: torch.tensor(v + [fill] * padding, dtype=torch.long, device=device)
    conversation_t = move(conversation, -1)
    order = torch.arange(real + padding, device=device)
    own = (conversation_t[:, None] == conversation_t[None]) & (order[:, None] >= order[None])
    sees = torch.cat([tokens.valid[None].expand(len(order), -1), own], 1)
    question_rows = [r for r in range(real) if is_question[r]]
    learnt = sorted(rng.sample(range(real), min(real, index_rows)))
    return Batch(
        tokens, len(segments), move(ids, 0), move(positions, CONVERSATION), move(labels, IGNORED), sees,
        torch.tensor(question_rows, device=device), torch.tensor([conversation[r] for r in question_rows], device=device),
        torch.tensor(learnt, device=device), torch.tensor(target, device=device),
    )  # fmt: skip


class Sampler:
    """Draws packs: a tree, questions by the weight of their type, their gold segments, neighbours of those, and others.

    Every question is drawn without replacement until its tree is used up, so that none is seen again before the others.
    """

    def __init__(self, dataset: Dataset, weights: dict[str, float], rng: random.Random, least_questions: int = 6):
        self.dataset, self.weights, self.rng = dataset, weights, rng
        self.questions = dataset.of_pack()
        self.usable = [p for p, qs in enumerate(self.questions) if len(qs) >= least_questions and len(dataset.packs[p]) >= 6]
        self.pack_weights = [sum(weights.get(e.type, 1.0) for e in self.questions[p]) ** 0.5 for p in self.usable]
        self.waiting: dict[int, list[Example]] = {}

    def _order(self, pack: int) -> list[Example]:
        """A weighted random order of the questions that wait."""
        waiting = self.waiting.get(pack)
        if not waiting:
            waiting = list(self.questions[pack])
        keyed = sorted(waiting, key=lambda e: self.rng.random() ** (1 / self.weights.get(e.type, 1.0)), reverse=True)
        self.waiting[pack] = keyed
        return keyed

    def draw(self, segments: int, questions: int = MOST_QUESTIONS) -> tuple[list[int], list[Example]]:
        """-> segments of a pack, in random order, and questions about them."""
        pack = self.rng.choices(self.usable, self.pack_weights)[0]
        every = self.dataset.packs[pack]
        at = {s: i for i, s in enumerate(every)}
        segments = min(segments, len(every))
        chosen: dict[int, None] = {}
        asked: list[Example] = []
        for example in self._order(pack):
            gold = [g for g in example.gold if g in at]
            if len(chosen.keys() | set(gold)) > segments * 0.8 and not set(gold) <= chosen.keys():
                continue
            chosen.update(dict.fromkeys(gold))
            asked.append(example)
            if len(asked) == questions:
                break
        taken = set(map(id, asked))
        self.waiting[pack] = [e for e in self.waiting[pack] if id(e) not in taken]
        near = [every[j] for g in chosen for j in (at[g] - 1, at[g] + 1) if 0 <= j < len(every)]
        self.rng.shuffle(near)
        for s in near[: segments // 4] + self.rng.sample(every, len(every)):
            if len(chosen) >= segments:
                break
            chosen.setdefault(s)
        order = list(chosen)
        self.rng.shuffle(order)
        self.rng.shuffle(asked)
        return order, asked
