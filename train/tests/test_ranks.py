"""Two processes that tune one model together, on a CPU."""

import argparse
import json
import os
import socket
from pathlib import Path

import torch
import torch.multiprocessing as mp

from blocksight_train.batches import Dataset
from blocksight_train.model import Model
from blocksight_train.ranks import Ranks, join_ranks
from blocksight_train.spec import ModelSpec
from blocksight_train.tune import Stage, Tuner

ARGS = argparse.Namespace(
    seed=1, weights="{}", sizes="5", questions=4, long=0, mined=0.0, rate=1e-3, focus_weight=0.5, cite_weight=0.3, removed=0.0, text_share=0.0, every=2, kernels="any", memory=0.7,
    index_sizes="", index_rows=512,
)  # fmt: skip


def tune_as(rank: int, port: int, dataset: Dataset, prefix: list[int], out: Path) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    ranks = join_ranks("cpu")
    torch.manual_seed(3)
    spec = ModelSpec("tiny", 3, 64, 4, 2, 16, 96, 1e4, 1e-5, 259, bias=True)
    model = Model(spec, None, "cpu", rank=4, index_dim=16)
    tuner = Tuner(model, dataset, prefix, [(0, 0)], out, ARGS, ranks)
    seen = []
    drawn = tuner._batch
    tuner._batch = lambda stage: seen.append(drawn(stage)) or seen[-1]
    tuner.run([Stage("dense", 1.0), Stage("joint", 0.5)])
    state = {name: value.detach() for name, value in model.named_parameters()}
    torch.save({"steps": tuner.steps, "state": state, "ids": [batch.ids for batch in seen[:2]]}, out / f"rank{rank}.pt")


def test_ranks_take_the_same_steps_on_packs_of_their_own_and_one_writes(dataset, prefix, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(tune_as, (port, dataset, prefix, tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    assert first["steps"] == second["steps"] >= 2
    assert all(torch.equal(value, second["state"][name]) for name, value in first["state"].items())
    assert not all(torch.equal(a, b) for a, b in zip(first["ids"], second["ids"]))
    lines = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert len(lines) == len({(line["stage"], line["step"], line["seconds"], line["answer"]) for line in lines})
    assert torch.load(tmp_path / "lora.pt")["stages"] == 2


def test_a_process_alone_keeps_its_gradients():
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.tensor([1.0, 2.0])
    Ranks().average([p])
    assert p.grad.tolist() == [1.0, 2.0]
    assert Ranks().agreed(2.5, "cpu") == 2.5
