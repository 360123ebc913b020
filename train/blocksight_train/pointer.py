"""Citations as pointers: where an answer opens a citation, the path is chosen among the files with the most focus."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from .asking import Cache, Measure, focus, rows
from .layout import MOST_CANDIDATES
from .model import Model
from .reading import Pack

LEAST_FOCUS = 1e-6


class Candidate(NamedTuple):
    path: str
    log_prob: float
    focus: float  # the mean of the two below, by the pointer's share
    of_question: float = 0.0
    of_row: float = 0.0  # measured only where the pointer has a share of it


def by_file(values: list[float], paths: list[str]) -> dict[str, float]:
    """A file's focus is that of its best segment."""
    best: dict[str, float] = {}
    for path, value in zip(paths, values):
        best[path] = max(best.get(path, 0.0), value)
    return best


def chosen(candidates: list[Candidate], weight: float) -> Candidate:
    """The highest log p(path) + weight · log focus; the order of the list breaks ties."""
    return max(candidates, key=lambda c: c.log_prob + weight * math.log(max(c.focus, LEAST_FOCUS)))


@dataclass
class Pointer:
    """Called by `ask` with the conversations that have just opened a citation."""

    model: Model
    pack: Pack
    paths: list[str]  # of every segment
    path_ids: dict[str, list[int]]  # a file's path and the line's end, as in a citation
    token: int
    heads: list[tuple[int, int]]
    weight: float
    source: str
    row: float = 0.0  # share of the citation token's own row in the focus, the rest is the question's
    sees: Tensor | None = None  # bool [conversations, blocks]: what each may read, and so cite (None: everything)
    seen: dict[int, list[list[Candidate]]] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, cache: Cache, opened: list[int], answers: list[list[int]], used: list[int], mass: Tensor) -> list[list[int]]:
        if not opened:
            return []
        device = mass.device
        asked: list[tuple[int, str, tuple[float, float, float]]] = []  # place in opened, path, focus with its two parts
        of_row = self._of_row(cache, opened, used, mass) if self.row else [[0.0] * len(self.paths)] * len(opened)
        for i, row in enumerate(focus(mass[:, :, opened], self.heads).tolist()):
            question, own = by_file(row, self.paths), by_file(of_row[i], self.paths)
            mixed = {p: (1 - self.row) * question[p] + self.row * own[p] for p in self._shown(opened[i], question)}
            best = sorted(mixed, key=lambda p: -mixed[p])[:MOST_CANDIDATES]
            asked += [(i, p, (mixed[p], question[p], own[p])) for p in best]
        ids = [[self.token, *self.path_ids[path]] for _, path, _ in asked]
        move = lambda v: torch.tensor(v, dtype=torch.long, device=device)
        fork = self._fork(cache)
        first_new = int(cache.conversation.max()) + 1
        conversation = move([first_new + n for n, t in enumerate(ids) for _ in t])
        parent = move([opened[i] for (i, _, _), t in zip(asked, ids) for _ in t])
        position = move([self.pack.conversation + used[i] + j for (i, _, _), t in zip(asked, ids) for j in range(len(t))])
        x = rows(
            self.model,
            self.pack,
            fork,
            move([t for path in ids for t in path]),
            conversation,
            position,
            self.source,
            parent,
            sees=self.sees,
        )
        log_probs, at = [], 0
        for t in ids:
            scores = self.model.logits(x[at : at + len(t) - 1]).log_softmax(-1)
            log_probs.append(float(scores.gather(1, move(t[1:])[:, None]).sum()))
            at += len(t)
        result = []
        for i, c in enumerate(opened):
            candidates = [Candidate(path, lp, *f) for (j, path, f), lp in zip(asked, log_probs) if j == i]
            self.seen.setdefault(c, []).append(candidates)
            result.append(self.path_ids[chosen(candidates, self.weight).path])
        return result

    def _shown(self, conversation: int, paths: Iterable[str]) -> list[str]:
        """Of `paths`, those of which the conversation may read a segment."""
        if self.sees is None:
            return list(paths)
        shown = {self.paths[s] for s in self.pack.block_segment[self.sees[conversation]].tolist() if s >= 0}
        return [p for p in paths if p in shown]

    def _fork(self, cache: Cache) -> Cache:
        return Cache(cache.conversation, cache.parent, list(cache.keys), list(cache.values))

    def _of_row(self, cache: Cache, opened: list[int], used: list[int], mass: Tensor) -> list[list[float]]:
        """Focus of the citation token's row of every conversation [opened, segments]."""
        move = lambda v: torch.tensor(v, dtype=torch.long, device=mass.device)
        measure = Measure(torch.zeros_like(mass))
        at = move([self.pack.conversation + used[i] for i in range(len(opened))])
        ids = move([self.token] * len(opened))
        rows(self.model, self.pack, self._fork(cache), ids, move(opened), at, self.source, measure=measure, sees=self.sees)
        return focus(measure.mass[:, :, opened], self.heads).tolist()
