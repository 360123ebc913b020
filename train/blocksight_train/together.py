"""Packs as `evaluate` reads them: each as `data` made it; several repositories as one pack, to measure at a million tokens; or small
parts of a pack, to compare with models that read causally."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .batches import Dataset, Example


@dataclass(frozen=True)
class Material:
    """What is read at once, and asked about. A label names a file: its path, behind its repository where there are several."""

    names: list[str]  # of the packs in it
    segments: list[int]
    labels: list[str]  # of every segment
    examples: list[Example]
    number: int  # fixes which questions are picked

    @property
    def name(self) -> str:
        return " + ".join(self.names)

    def gold(self, dataset: Dataset, example: Example) -> list[str]:
        several = len(self.names) > 1
        labels = [label(dataset, example.pack, dataset.paths[g], several) for g in example.gold]
        return list(dict.fromkeys(labels))


def repository(name: str) -> str:
    """The repository of a pack `owner/name@tree`."""
    return name.split("@")[0]


def label(dataset: Dataset, pack: int, path: str, several: bool) -> str:
    return f"{repository(dataset.names[pack])}:{path}" if several else path


def path_of(name: str) -> str:
    """The path in a label with a repository; repositories have no colon."""
    return name.split(":", 1)[1]


def grouped(names: list[str], sizes: list[int], least: int) -> Iterator[tuple[list[int], int]]:
    """Packs in order, until a group has `least` tokens -> a group, and how many of it are asked about.

    A group has one tree of a repository: two trees hold the same files, and one the code that the other's questions are about. A last group
    that is too small is filled with packs of groups before, about which it does not ask again. What still is too small is left out.
    """
    waiting = list(range(len(names)))
    while waiting:
        group: list[int] = []

        def take(from_packs: list[int], group: list[int] = group) -> None:
            for p in from_packs:
                if sum(sizes[q] for q in group) >= least:
                    return
                if repository(names[p]) not in {repository(names[q]) for q in group}:
                    group.append(p)

        take(waiting)
        asked = len(group)
        waiting = [p for p in waiting if p not in group]
        take([p for p in range(len(names)) if p not in waiting])
        if sum(sizes[p] for p in group) >= least:
            yield group, asked
        else:
            print("too small, left out:", ", ".join(names[p] for p in group[:asked]), flush=True)


def materials(dataset: Dataset, least: int = 0) -> Iterator[Material]:
    """Every pack, or with `least` packs of at least so many tokens."""
    of_pack = dataset.of_pack()
    sizes = [sum(len(dataset.segment(s)) for s in segments) for segments in dataset.packs]
    groups = grouped(dataset.names, sizes, least) if least else (([p], 1) for p in range(len(sizes)))
    for number, (packs, asked) in enumerate(groups):
        several = len(packs) > 1
        yield Material(
            [dataset.names[p] for p in packs],
            [s for p in packs for s in dataset.packs[p]],
            [label(dataset, p, dataset.paths[s], several) for p in packs for s in dataset.packs[p]],
            [e for p in packs[:asked] for e in of_pack[p]],
            number,
        )


def cuts(dataset: Dataset, material: Material, examples: list[Example], most: int) -> Iterator[tuple[Material, list[Example]]]:
    """Packs of at most `most` tokens that hold what the questions are about, filled with other segments of the same pack.

    Four fifths are for the questions, so that each is asked among others. What is too large for that is left out.
    """
    rng, size = random.Random(material.number), lambda some: sum(len(dataset.segment(s)) for s in some)
    waiting = [e for e in examples if size(set(e.gold)) <= 0.8 * most]
    while waiting:
        chosen: set[int] = set()
        asked: list[Example] = []
        for e in waiting:
            if size(chosen | set(e.gold)) <= 0.8 * most:
                chosen |= set(e.gold)
                asked.append(e)
        waiting = [e for e in waiting if not any(e is a for a in asked)]
        for s in rng.sample(material.segments, len(material.segments)):
            if size(chosen | {s}) <= most:
                chosen.add(s)
        kept = [i for i, s in enumerate(material.segments) if s in chosen]
        segments, labels = ([part[i] for i in kept] for part in (material.segments, material.labels))
        yield replace(material, segments=segments, labels=labels, examples=asked), asked
