"""Stages of tuning, and several folders of data as one."""

import argparse
import json
import random

import pytest
import torch

from blocksight_train import attention
from blocksight_train.batches import Dataset
from blocksight_train.data.join import join
from blocksight_train.tune import Stage, Tuner, of_types

ARGS = argparse.Namespace(
    seed=1, weights="{}", sizes="5", questions=4, long=0, mined=0.0, rate=1e-3, focus_weight=0.5, cite_weight=0.3, removed=0.0, text_share=0.0, every=2, kernels="any",
    index_sizes="", index_rows=512, memory=0.7,
)  # fmt: skip


def test_a_step_without_a_finite_gradient_is_taken_again_with_plainer_kernels(model, dataset, prefix, tmp_path):
    tuner = Tuner(model, dataset, prefix, [(0, 0)], tmp_path, ARGS)
    healthy = tuner._losses

    def losses(*step):
        found = healthy(*step)
        if torch.backends.cuda.cudnn_sdp_enabled():
            model.layers[1].q.lora_b.grad[0] = float("nan")
        return found

    tuner._losses = losses
    before = model.layers[1].q.lora_b.detach().clone()
    try:
        tuner.run([Stage("dense", 0.3)])
    finally:
        attention.use_kernels("any")
    lines = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert tuner.kernels == "no-cudnn"
    assert [line["badLast"] for line in lines if "kernels" in line] == ["layers.1.q.lora_b"], "tried once, then kept"
    assert lines[-1]["skipped"] == 0.0
    assert torch.isfinite(model.layers[1].q.lora_b).all() and not torch.equal(model.layers[1].q.lora_b, before)


def test_joined_folders_hold_what_each_of_them_held(folder, dataset, codec, tmp_path):
    join([folder, folder], ["tiny"], tmp_path)
    both, n = Dataset(tmp_path, "tiny", codec), len(dataset.paths)
    assert both.names == dataset.names * 2 and len(both.examples) == 2 * len(dataset.examples)
    for example in random.Random(1).sample(dataset.examples, 5):
        twin = both.examples[len(dataset.examples) + dataset.examples.index(example)]
        assert twin.pack == example.pack + len(dataset.packs)
        assert [both.paths[g] for g in twin.gold] == [dataset.paths[g] for g in example.gold]
        assert twin.gold == [g + n for g in example.gold] and set(twin.gold) <= set(both.packs[twin.pack])
        assert all((both.segment(b) == dataset.segment(a)).all() for a, b in zip(example.gold, twin.gold))


def test_index_stages_may_have_longer_packs_and_other_rows_than_the_rest(model, dataset, prefix, tmp_path):
    tuner = Tuner(model, dataset, prefix, [(0, 0)], tmp_path, argparse.Namespace(**vars(ARGS) | {"index_sizes": "7", "index_rows": 9}))
    shapes = {
        name: (b.segments, len(b.index_rows)) for name in ("index", "refresh", "blocks", "dense") if (b := tuner._batch(Stage(name, 0)))
    }
    assert shapes["index"] == shapes["refresh"] == shapes["blocks"] == (7, 9)
    assert shapes["dense"][0] == 5 and shapes["dense"][1] > 9


def test_a_run_may_learn_from_some_types_alone_and_refuses_a_type_that_nothing_asks(dataset):
    kept = of_types(dataset.examples, ["where", "absent"])
    assert {e.type for e in kept} == {"where", "absent"}
    assert len(kept) == sum(e.type in ("where", "absent") for e in dataset.examples)
    with pytest.raises(SystemExit, match="no question is of the type wherre"):
        of_types(dataset.examples, ["wherre"])
