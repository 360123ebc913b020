"""Files to segments. A segment is cut once, so that it fits every model that may read it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..layout import BLOCK, SEGMENT, SEGMENT_BLOCKS
from .codec import Codec

HEADER_ROOM = 64  # tokens kept free for a segment's header line
LONGEST_LINE = 3000  # characters; longer lines are data
MOST_PARTS = 99  # of a file, for the room of a header line that is longer than HEADER_ROOM


@dataclass(frozen=True)
class Part:
    """A file's segment: lines first to end - 1, 0-based."""

    segment: int
    first: int
    end: int


@dataclass
class Store:
    """All distinct segments of all trees; the same path and text is kept once. `block_header`: every block of a segment after its first
    begins with the path's tag."""

    codecs: dict[str, Codec]
    block_header: bool = False
    tokens: dict[str, list[list[int]]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tokens = {name: [] for name in self.codecs}

    def add(self, path: str, part: int, parts: int, body: str, bodies: dict[str, list[int]]) -> int:
        key = (path, f"{part}/{parts}\n{body}")
        if key not in self._known:
            self._known[key] = len(self.paths)
            self.paths.append(path)
            for name, codec in self.codecs.items():
                ids = codec.header(path, part, parts) + bodies[name]
                self.tokens[name].append((with_block_headers(ids, codec.tag(path)) if self.block_header else ids)[:SEGMENT])
        return self._known[key]

    def split(self, path: str, lines: list[str], cuts: set[int], gone: set[int] = frozenset()) -> list[Part]:
        """Segments of a file. `cuts`: lines before which a cut is welcome; `gone`: lines left out of the text."""
        kept = ["" if i in gone else line[:LONGEST_LINE] + "\n" for i, line in enumerate(lines)]
        whole = "".join(kept)
        encoded = {name: codec.plain.encode(whole, add_special_tokens=False) for name, codec in self.codecs.items()}
        budget = self._budget(path)
        if all(len(e.ids) <= budget for e in encoded.values()):
            segment = self.add(path, 1, 1, whole, {name: e.ids for name, e in encoded.items()})
            return [Part(segment, 0, len(lines))]
        spans = spans_of(_line_tokens(kept, [e.offsets for e in encoded.values()]), cuts, budget)
        parts = []
        for i, (first, end) in enumerate(spans):
            body = "".join(kept[first:end])
            bodies = {name: codec.encode(body) for name, codec in self.codecs.items()}
            parts.append(Part(self.add(path, i + 1, len(spans), body, bodies), first, end))
        return parts

    def _budget(self, path: str) -> int:
        """Tokens of a file's text that fit a segment in every tokenizer. A path whose tag is cut has a header line that is longer than
        HEADER_ROOM: with tags it gets the room that it needs. Without them segments are cut as they always were."""
        if not self.block_header:
            return SEGMENT - HEADER_ROOM
        tags = max((SEGMENT_BLOCKS - 1) * len(codec.tag(path)) for codec in self.codecs.values())
        header = max(len(codec.header(path, MOST_PARTS, MOST_PARTS)) for codec in self.codecs.values())
        return SEGMENT - tags - max(HEADER_ROOM, header)


def with_block_headers(ids: Sequence[int], tag: Sequence[int], block: int = BLOCK) -> list[int]:
    """A segment's tokens with the tag at the head of every block after the first. The tag must be shorter than a block."""
    out = list(ids[:block])
    room = block - len(tag)
    for at in range(block, len(ids), room):
        out += [*tag, *ids[at : at + room]]
    return out


def without_block_headers(ids: Sequence[int], tag: Sequence[int], block: int = BLOCK) -> list[list[int]]:
    """What `with_block_headers` was given, block by block."""
    return [list(ids[at + (len(tag) if at else 0) : at + block]) for at in range(0, len(ids), block)]


def has_block_headers(data: Mapping[str, np.ndarray]) -> bool:
    """Whether the segments of a `segments.npz` have tags. Folders made before there were any do not say."""
    return "block_header" in data and bool(data["block_header"])


def _line_tokens(kept: list[str], offsets: list[list[tuple[int, int]]]) -> list[int]:
    """Tokens that start in each line, the larger count of the tokenizers."""
    starts, at = [], 0
    for line in kept:
        starts.append(at)
        at += len(line)
    count = [0] * len(kept)
    for each in offsets:
        mine = [0] * len(kept)
        for start, _ in each:
            mine[bisect_right(starts, start) - 1] += 1
        count = [max(a, b) for a, b in zip(count, mine)]
    return count


def spans_of(count: list[int], cuts: set[int], budget: int) -> list[tuple[int, int]]:
    """Lines to spans that fit the budget; the last welcome cut after a third of it is preferred to a full span."""
    spans, i = [], 0
    while i < len(count):
        j, used, last = i, 0, None
        while j < len(count) and used + count[j] <= budget:
            if j in cuts and j > i and used > budget * 0.35:
                last = j
            used += count[j]
            j += 1
        j = max(j, i + 1)
        if j < len(count) and last:
            j = last
        spans.append((i, j))
        i = j
    return spans
