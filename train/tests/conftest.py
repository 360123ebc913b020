"""A tiny tokenizer (bytes), a tiny corpus and a tiny model: everything runs in seconds on a CPU."""

from __future__ import annotations

import random

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from blocksight_train.batches import Dataset
from blocksight_train.data.build import Builder
from blocksight_train.data.codec import Codec
from blocksight_train.data.questions import Asker, Tree, read_file
from blocksight_train.model import Model
from blocksight_train.spec import ModelSpec

torch.set_num_threads(1)  # the matrices are tiny; more threads only wait for each other
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|file_sep|>"]

SOURCE = '''"""Helpers."""

MOST_ITEMS = 40


class Store(Base):
    def read_item(self, key: str, limit: int = 10) -> bytes:
        """Reads one item of the store and checks its length."""
        if limit > MOST_ITEMS:
            raise ValueError("limit is larger than the store allows")
        return self.items[key]


def load_everything(path):
    """Loads all items that stand in the folder."""
    return parse_header_line(path)


def parse_header_line(line):
    return line.split(":")
'''


@pytest.fixture(scope="session")
def codec() -> Codec:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    return Codec(tokenizer)


@pytest.fixture(scope="session")
def folder(codec: Codec, tmp_path_factory: pytest.TempPathFactory):
    """A corpus of seven files, as `data` writes it."""
    builder = Builder({"tiny": codec}, 1, None)
    rng = random.Random(1)
    tree = Tree(0)
    for i in range(7):
        text = (
            SOURCE.replace("Store", f"Store{i}")
            .replace("item", f"item{i}")
            .replace("everything", f"everything{i}")
            .replace("header", f"header{i}")
        )
        tree.add(read_file(builder.store, f"src/file{i}.py", text, rng, strip=i % 2 == 0))
    asker = Asker(tree, rng, held_out=False)
    for _ in range(3):
        asker.definitions()
    asker.lines()
    asker.absent(["frobnicate_all"], 8)
    builder._keep("owner/name@HEAD", tree.segments, asker.questions)
    out = tmp_path_factory.mktemp("corpus")
    builder.asks = asker.prose(4)
    builder.save(out)
    return out


@pytest.fixture(scope="session")
def dataset(folder, codec: Codec) -> Dataset:
    return Dataset(folder, "tiny", codec)


@pytest.fixture
def model() -> Model:
    torch.manual_seed(3)
    spec = ModelSpec("tiny", 3, 64, 4, 2, 16, 96, 1e4, 1e-5, 259, bias=True)
    return Model(spec, None, "cpu", rank=4, index_dim=16)


@pytest.fixture(scope="session")
def prefix() -> list[int]:
    return [256, *[10] * 126, 257]
