"""The tokenizers of the base models, rebuilt from the tokens and merges in their GGUF files.

File text never parses special tokens and is never normalised: a pack keeps bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from ..layout import BLOCK

QWEN_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTROL = 3  # GGUF token type


def _pre_tokenizer(kind: str):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "smollm")
    if kind == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    if kind == "qwen2":
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"), byte_level])
    raise ValueError(f"no pre-tokenizer for {kind!r}: known are smollm and qwen2")


def tokenizer_from_gguf(path: str) -> Tokenizer:
    """The tokenizer of a GGUF file, with its control tokens as added (special) tokens."""
    from gguf import GGUFReader  # only where GGUF files are; training machines get the result as JSON

    fields = GGUFReader(path).fields

    def strings(name: str) -> list[str]:
        field = fields[name]
        return [bytes(field.parts[i]).decode("utf8") for i in field.data]

    tokens = strings("tokenizer.ggml.tokens")
    merges = [tuple(m.split(" ", 1)) for m in strings("tokenizer.ggml.merges")]
    types_field = fields["tokenizer.ggml.token_type"]
    types = [int(types_field.parts[i][0]) for i in types_field.data]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = _pre_tokenizer(strings("tokenizer.ggml.pre")[0])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, types) if kind == CONTROL])
    return tokenizer


class Markers(NamedTuple):
    """Ids of the tokens that are never text."""

    start: int
    end: int
    file: int


class Codec:
    """Text to ids and back. `encode` treats every marker in the text as text."""

    def __init__(self, tokenizer: Tokenizer):
        self._full = tokenizer
        plain = json.loads(tokenizer.to_str())
        plain["added_tokens"] = []
        self.plain = Tokenizer.from_str(json.dumps(plain))
        file_token = next(t for t in ("<|file_sep|>", "<file_sep>") if tokenizer.token_to_id(t) is not None)
        ids = [tokenizer.token_to_id(t) for t in ("<|im_start|>", "<|im_end|>", file_token)]
        self.markers = Markers(*ids)

    @classmethod
    def load(cls, path: str | Path) -> Codec:
        return cls(Tokenizer.from_file(str(path)))

    def save(self, path: str | Path) -> None:
        self._full.save(str(path))

    def encode(self, text: str) -> list[int]:
        return self.plain.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        return self._full.decode(ids, skip_special_tokens=False)

    def header(self, path: str, part: int = 1, parts: int = 1) -> list[int]:
        suffix = f" (part {part} of {parts})" if parts > 1 else ""
        return [self.markers.file, *self.encode(f"{path}{suffix}\n")]

    def citation(self, path: str) -> list[int]:
        return self.header(path)

    def tag(self, path: str) -> list[int]:
        """What `data --block-header` puts at the head of a block: the citation. One that is longer than half a block loses tokens behind
        its marker, so that the end of the path and half of the block's room for text stay."""
        marker, *rest = self.citation(path)
        return [marker, *rest[-(BLOCK // 2 - 1) :]]

    def prompt(self, question: str) -> list[int]:
        """The user turn and the opening of the assistant's, as the engine writes them behind the pack."""
        start, end, _ = self.markers
        return [start, *self.encode("user\n" + question), end, *self.encode("\n"), start, *self.encode("assistant\n")]

    def answer(self, parts: list[str | dict[str, str]]) -> list[int]:
        """Text and citations ({"cite": path}), ended by the end-of-turn token."""
        ids: list[int] = []
        for part in parts:
            ids += self.encode(part) if isinstance(part, str) else self.citation(part["cite"])
        return [*ids, self.markers.end]
