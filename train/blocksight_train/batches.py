"""Training packs: which segments and questions, and the masks and targets that the losses need."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .data import phrasings
from .data.codec import Codec
from .data.segments import has_block_headers, without_block_headers
from .layout import CONVERSATION
from .reading import Tokens, lay_out

IGNORED = -100
MOST_ROWS = 2304  # conversation rows of a pack
MOST_QUESTIONS = 28
CHAT = "chat"  # the type of general instructions, which have no gold and are not denied
REMOVABLE = ("where", "what", "signature", "prose")
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
    cited: list[tuple[int, list[int]]] = field(default_factory=list)  # where in the answer a citation opens, the gold segments of its file


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
        self._tagged = has_block_headers(data)
        packs, offsets = data["pack"].tolist(), data["pack_off"].tolist()
        self.packs = [packs[a:b] for a, b in pairwise(offsets)]
        self.examples: list[Example] = []
        self.codec = codec
        for name in files:
            for line in (folder / name).read_text().splitlines():
                self._add(json.loads(line), codec, longest_answer)

    def _add(self, record: dict, codec: Codec, longest_answer: int) -> None:
        prompt, answer = codec.prompt(record["text"]), codec.answer(record["answer"])
        if len(answer) <= longest_answer and len(prompt) < 400:
            places = [i for i, token in enumerate(answer) if token == self.codec.markers.file]
            paths = [part["cite"] for part in record["answer"] if not isinstance(part, str)]
            cited = [(i, [g for g in record["gold"] if self.paths[g] == path]) for i, path in zip(places, paths, strict=True)]
            self.examples.append(Example(record["type"], record["pack"], prompt, answer, record["gold"], record, cited))

    def removed(self, example: Example) -> Example:
        """The same question where its gold segments are left out."""
        return replace(example, type="absent", gold=[], cited=[], answer=[])

    def denied(self, example: Example, segments: list[int]) -> Example:
        """The answer to a question whose gold is left out: whether the name still stands in what is read decides its wording."""
        name = example.record["name"]
        text = self.codec.decode([t for s in segments for t in self.plain(s)])
        used = re.search(rf"(?<!\w){re.escape(name.rsplit('.', 1)[-1])}(?!\w)", text)
        return replace(example, answer=self.codec.answer([(phrasings.USED_ONLY if used else phrasings.ABSENT).format(n=name)]))

    def segment(self, number: int) -> np.ndarray:
        """What a model reads of it, with the tags of its blocks where it has any."""
        return self._tokens[self._offsets[number] : self._offsets[number + 1]]

    def plain_blocks(self, number: int) -> list[list[int]]:
        """Its header line and the file's text, block by block, without tags."""
        return without_block_headers(self.segment(number).tolist(), self.codec.tag(self.paths[number]) if self._tagged else ())

    def plain(self, number: int) -> list[int]:
        """Its header line and the file's text, where no tag parts a name. Whoever looks for text in a segment looks here."""
        if not self._tagged:
            return self.segment(number).tolist()
        return [token for block in self.plain_blocks(number) for token in block]

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
    starts: Tensor  # int32 [conversations + 1] into the rows; the padding is one more conversation
    longest: int  # rows of the longest conversation
    question_rows: Tensor  # rows of prompts
    question_of: Tensor  # their question
    index_rows: Tensor
    target: Tensor  # [questions, segments]: 1 where gold
    cite_rows: Tensor  # rows of answers that open a citation
    cite_target: Tensor  # [citations, segments]: 1 where a gold segment of the cited file is

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
    cite_rows, cite_target = [], []
    marked = lambda gold: [float(i in {place[g] for g in gold if g in place}) for i in range(len(segments))]
    for example in examples:
        example = example if example.answer else dataset.denied(example, segments)
        whole, asked = example.prompt + example.answer, len(example.prompt)
        if len(ids) + len(whole) > MOST_ROWS:
            break
        conversation += [len(target)] * len(whole)
        positions += range(CONVERSATION, CONVERSATION + len(whole))
        labels += [IGNORED] * (asked - 1) + example.answer + [IGNORED]
        is_question += [True] * asked + [False] * len(example.answer)
        cite_rows += [len(ids) + asked + at for at, _ in example.cited]
        cite_target += [marked(gold) for _, gold in example.cited]
        ids += whole
        target.append(marked(example.gold))
    real = len(ids)
    padding = -real % 64
    move = lambda v, fill: torch.tensor(v + [fill] * padding, dtype=torch.long, device=device)
    conversation_t = move(conversation, -1)
    order = torch.arange(real + padding, device=device)
    own = (conversation_t[:, None] == conversation_t[None]) & (order[:, None] >= order[None])
    sees = torch.cat([tokens.valid[None].expand(len(order), -1), own], 1)
    question_rows = [r for r in range(real) if is_question[r]]
    learnt = sorted(rng.sample(range(real), min(real, index_rows)))
    starts = [0, *(i for i in range(1, real) if conversation[i] != conversation[i - 1]), *([real] if padding else []), real + padding]
    return Batch(
        tokens, len(segments), move(ids, 0), move(positions, CONVERSATION), move(labels, IGNORED), sees,
        torch.tensor(starts, dtype=torch.int32, device=device), max(b - a for a, b in pairwise(starts)),
        torch.tensor(question_rows, device=device), torch.tensor([conversation[r] for r in question_rows], device=device),
        torch.tensor(learnt, device=device), torch.tensor(target, device=device),
        torch.tensor(cite_rows, dtype=torch.long, device=device), torch.tensor(cite_target, device=device).view(len(cite_rows), len(segments)),
    )  # fmt: skip


class Sampler:
    """Draws packs: a tree, questions by the weight of their type, their gold segments, neighbours of those, and others.

    Every question is drawn without replacement until its tree is used up, so that none is seen again before the others. `removed`: of so
    many of the questions about one definition that definition is left out, and the answer says that it is not there: the nearest
    that a name which is not there can be to one that is.
    """

    def __init__(self, dataset: Dataset, weights: dict[str, float], rng: random.Random, least_questions: int = 6, removed: float = 0.0):
        self.removed = removed
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
        asked, left_out = self._remove(asked)
        chosen = {g: None for g in chosen if g not in left_out}
        every = [s for s in every if s not in left_out]
        at = {s: i for i, s in enumerate(every)}
        segments = min(segments, len(every))
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

    def _remove(self, asked: list[Example]) -> tuple[list[Example], set[int]]:
        """-> the questions, some without their gold, and the segments that are left out for them."""
        if not self.removed:  # no number is drawn then, so that older seeds give the packs that they gave
            return asked, set()
        of = [{g for e in asked if e is not one for g in e.gold} for one in asked]  # what the others need
        out: set[int] = set()
        kept = []
        for e, others in zip(asked, of):
            may = e.type in REMOVABLE and len(e.gold) == 1 and e.record["name"] in e.record["text"] and not others & set(e.gold)
            drawn = may and self.rng.random() < self.removed
            out |= set(e.gold) if drawn else set()
            kept.append(self.dataset.removed(e) if drawn else e)
        return kept, out
