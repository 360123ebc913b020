"""Names that an answer quotes and that stand neither in what it was asked about nor in the question."""

from __future__ import annotations

import re
from pathlib import Path

from .batches import Dataset
from .data.codec import Codec

FENCED = re.compile(r"```.*?(?:```|$)", re.S)
QUOTED = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"[A-Za-z_]\w+")


class Packs:
    """What stands in the packs of data folders, by their names."""

    def __init__(self, folders: list[Path], model: str, codec: Codec):
        self._texts: dict[str, str] = {}
        self._words: dict[str, set[str]] = {}
        self._paths: dict[str, set[str]] = {}
        self._where: dict[str, tuple[Dataset, int]] = {}
        self._codec = codec
        for folder in folders:
            dataset = Dataset(folder, model, codec, ())
            self._where.update({name: (dataset, number) for number, name in enumerate(dataset.names)})

    def _open(self, name: str) -> None:
        if name not in self._texts:
            dataset, number = self._where[name]
            segments = dataset.packs[number]
            self._texts[name] = "\n".join(self._codec.decode(dataset.plain(s)) for s in segments)
            self._words[name] = set(NAME.findall(self._texts[name]))
            self._paths[name] = {dataset.paths[s] for s in segments}

    def knows(self, record: dict) -> bool:
        return all(name in self._where for name in record.get("together", [record["pack"]]))

    def has_path(self, names: list[str], path: str) -> bool:
        return any(path in self._paths[name] for name in names)

    def quoted(self, record: dict) -> list[bool]:
        """For every name that the answer quotes whether it is invented. Paths of files and code blocks are left out."""
        names = record.get("together", [record["pack"]])
        for name in names:
            self._open(name)
        found = []
        for span in QUOTED.findall(FENCED.sub("", record["answer"])):
            if not self.has_path(names, span.strip()):
                found += NAME.findall(span)
        return [not (n in record["text"] or any(n in self._words[p] or n in self._texts[p] for p in names)) for n in found]
