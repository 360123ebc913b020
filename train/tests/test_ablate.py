"""Indexes of other shapes are trained and asked as the product's own index is."""

import argparse
import json
import random

import pytest
import torch

from blocksight_train import ablate, training
from blocksight_train.ablate import ADAPTER, Chooser, Index, Scores, Shape, Variant, measure_questions, read_with, slot_positions, step
from blocksight_train.asking import ask, focus
from blocksight_train.batches import make_batch
from blocksight_train.layout import CONVERSATION
from blocksight_train.reading import lay_out, to_slots
from blocksight_train.training import Mode, index_step

HEADS = [(1, 0), (2, 1)]


@pytest.fixture
def batch(dataset, prefix):
    return make_batch(dataset, prefix, dataset.packs[0], dataset.examples[:4], random.Random(1), "cpu")


@pytest.fixture
def asked(dataset):
    return [e for e in dataset.examples if e.gold][:3]


def own(model):
    return Index(model, Shape(dim=model.index_dim), 1, own=True)


def figures_of(model, dataset, prefix, asked, indexes, variants):
    segments = dataset.packs[0]
    pack, keys = read_with(model, prefix, [dataset.segment(s) for s in segments], indexes)
    return pack, measure_questions(model, pack, keys, indexes, variants, asked, segments, [dataset.paths[s] for s in segments], HEADS)


def test_the_adapters_index_is_measured_as_asking_and_evaluate_use_it(model, dataset, prefix, asked):
    pack, found = figures_of(model, dataset, prefix, asked[:1], {ADAPTER: own(model)}, {"adapter": Variant(ADAPTER)})
    prompt, segments = [asked[0].prompt], len(dataset.packs[0])
    assert pack.blocks > 20, "or nothing would be left out"
    assert found["adapter"][0]["coverage"] == pytest.approx(ask(model, pack, segments, prompt, "dense", 0, set()).covered, abs=1e-4)
    share = focus(ask(model, pack, segments, prompt, "trained", 0, set()).mass, HEADS)[0]
    place = dataset.packs[0].index(asked[0].gold[0])
    assert found["adapter"][0]["top1"] == float(share.argmax() == place)


def test_indexes_beside_each_other_have_the_loss_of_the_stage_index(model, batch):
    alone = float(index_step(model, batch, Mode(index="all")).index)
    losses = step(model, batch, {"own": own(model), "dim8": Index(model, Shape(dim=8), 1)})
    assert float(losses["own"]) == pytest.approx(alone, rel=1e-4)
    assert float(losses["dim8"]) != pytest.approx(alone, rel=1e-3)


@pytest.mark.parametrize("shape", [Shape(dim=8), Shape(dim=16, rope=4), Shape(dim=16, serves=3)])
def test_an_index_of_any_shape_learns_and_moves_nothing_else(model, dataset, prefix, shape):
    batch = make_batch(dataset, prefix, dataset.packs[0][:3], dataset.examples[:2], random.Random(1), "cpu")
    for p in model.parameters():
        p.requires_grad_(False)
    before = {n: p.clone() for n, p in model.named_parameters()}
    index = Index(model, shape, 1)
    optimiser = torch.optim.AdamW(index.parameters, 1e-2)
    losses = []
    for _ in range(6):
        losses.append(float(step(model, batch, {"it": index})["it"]))
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < 0.85 * losses[0]
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_the_same_seed_gives_the_same_index(model):
    a, b, other = (Index(model, Shape(dim=8), seed).branches[1].index_q for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, other)


def test_slots_have_the_positions_of_the_main_branch(prefix):
    tokens = lay_out(prefix, [[5] * 130, [6] * 7, [7] * 300], "cpu")
    positions = slot_positions(tokens.block_segment)
    assert torch.equal(positions[tokens.valid], to_slots(tokens.positions, tokens)[tokens.valid])


def test_a_rotated_index_sees_how_far_two_places_lie_apart_and_leaves_the_other_dimensions_alone(model):
    index = Index(model, Shape(dim=16, rope=4), 1)
    q, k = torch.randn(1, 2, 16), torch.randn(1, 16)

    def dot(at: int, key_at: int):
        return index.turned(q, torch.tensor([at]))[0] @ index.turned(k, torch.tensor([key_at]))[0]

    torch.testing.assert_close(dot(40, 30), dot(110, 100), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(dot(40, 30), dot(40, 10), atol=1e-3)
    assert torch.equal(index.turned(k, torch.tensor([9]))[:, 4:], k[:, 4:])


def test_an_index_that_is_asked_has_the_keys_that_it_learnt_with(model, dataset, prefix, batch):
    indexes = {"rope": Index(model, Shape(dim=16, rope=4), 1), "third": Index(model, Shape(dim=8, serves=3), 1)}
    _, keys = read_with(model, prefix, [dataset.segment(s) for s in dataset.packs[0]], indexes)
    assert [t is None for t in keys["third"]] == [False, True, True]
    learnt = {}

    def keep(name, keys_of):
        def keys(i, h, positions):
            found = keys_of(i, h, positions)
            learnt[name, i] = found.detach()
            return found

        return keys

    for name, index in indexes.items():
        index.keys = keep(name, index.keys)
    step(model, batch, indexes)
    assert set(learnt) == {("rope", 0), ("rope", 1), ("rope", 2), ("third", 0)}
    for (name, i), found in learnt.items():
        torch.testing.assert_close(keys[name][i][batch.tokens.valid], found[batch.tokens.valid], atol=1e-4, rtol=1e-3)


class Choosing:
    """Choosers over a random pack, two rows of one conversation."""

    def __init__(self, model, dataset, prefix):
        self.index = own(model)
        self.pack, keys = read_with(model, prefix, [dataset.segment(s) for s in dataset.packs[0]], {ADAPTER: self.index})
        self.position = torch.tensor([CONVERSATION, CONVERSATION + 1])
        self.scores = Scores(self.index, keys[ADAPTER], self.pack, self.position)
        self.h = [torch.randn(2, model.spec.width) for _ in range(3)]

    def chooser(self, **shape) -> Chooser:
        gold = torch.zeros(1, self.pack.blocks, dtype=torch.bool)
        return Chooser(Variant(ADAPTER, **shape), self.scores, torch.tensor([0, 0]), gold, 6)

    def blocks(self, chooser: Chooser, i: int = 0) -> list[list[int]]:
        ids, real = chooser.pick(i, 1, slice(0, 2), self.h[i])
        return [row[keep].tolist() for row, keep in zip(ids, real)]


@pytest.fixture
def choosing(model, dataset, prefix):
    return Choosing(model, dataset, prefix)


def test_rows_choose_as_many_blocks_as_their_variant_says(choosing):
    for blocks in (8, 16, 24):  # the prefix and the row's own block are two of them
        assert [len(row) for row in choosing.blocks(choosing.chooser(blocks=blocks))] == [blocks - 2] * 2
    few, many = (choosing.blocks(choosing.chooser(blocks=n)) for n in (8, 24))
    assert many[0][:6] == few[0]


def test_layers_that_are_not_scored_take_over_the_last_choice(choosing):
    third, every = choosing.chooser(every=3), choosing.chooser()
    first = choosing.blocks(third)
    assert choosing.blocks(third, 1) == choosing.blocks(third, 2) == first == choosing.blocks(every)
    assert choosing.blocks(every, 1) != first


def test_first_blocks_are_chosen_last_or_never(choosing):
    first = set(choosing.chooser().first.nonzero().flatten().tolist())
    assert len(first) == 7
    others = choosing.pack.blocks - 1 - len(first)
    never = choosing.blocks(choosing.chooser(first="never", blocks=others + 6))
    last = choosing.blocks(choosing.chooser(first="last", blocks=others + 6))
    assert len(never[0]) == others and not set(never[0]) & first
    assert last[0][:others] == never[0] and set(last[0][others:]) <= first and len(last[0]) == others + 4
    assert set(choosing.blocks(choosing.chooser())[0]) & first


def test_layer_zero_may_read_all_blocks_or_none(choosing):
    part = slice(0, 2)
    everything, nothing = choosing.chooser(layer_0="all"), choosing.chooser(layer_0="none")
    assert everything(0, 0, part, choosing.h[0]) is None and everything(1, 0, part, choosing.h[1]) is not None
    assert not nothing(0, 0, part, choosing.h[0])[1].any()
    assert everything.hits[0].item() == 2 and nothing.hits[0].item() == 0


def test_more_blocks_find_more_and_a_layer_that_reads_all_misses_nothing(model, dataset, prefix, asked):
    variants = {"8": Variant(ADAPTER, blocks=8), "16": Variant(ADAPTER), "all": Variant(ADAPTER, blocks=100)}
    variants |= {"none": Variant(ADAPTER, layer_0="none"), "0": Variant(ADAPTER, layer_0="all")}
    _, found = figures_of(model, dataset, prefix, asked, {ADAPTER: own(model)}, variants)
    for c in range(len(asked)):
        of = {n: rows[c] for n, rows in found.items()}
        assert of["8"]["coverage"] < of["16"]["coverage"] < 1 < of["all"]["coverage"]
        assert of["all"]["layers"] == of["all"]["heads"] == of["all"]["segments"] == 1
        assert of["none"]["coverage"] < of["16"]["coverage"] < of["0"]["coverage"]
        assert of["none"]["layers"] <= 2 / 3 + 1e-6


def test_targets_in_parts_are_targets_at_once(model, batch, monkeypatch):
    once = [float(index_step(model, batch, Mode(index="all")).index)]
    monkeypatch.setattr(training, "TARGET_LOGITS", 30_000)
    parts = [float(index_step(model, batch, Mode(index="all")).index)]
    assert parts == pytest.approx(once, rel=1e-5)


def test_a_run_writes_a_line_a_variant_and_the_table(model, folder, dataset, codec, prefix, tmp_path, monkeypatch):
    metadata = {"layout": {"prefix": prefix}, "questionHeads": HEADS}
    monkeypatch.setattr(ablate, "load_model", lambda args: (model, metadata))
    monkeypatch.setattr(ablate.Codec, "load", lambda path: codec)
    monkeypatch.setattr(ablate, "SHAPES", {n: Shape(16, min(s.rope, 4), s.serves) for n, s in ablate.SHAPES.items()})
    parser = argparse.ArgumentParser()
    ablate.arguments(parser)
    paths = ["--base", "x", "--adapter", "x", "--tokenizer", "x", "--data", str(folder), "--test", str(folder), "--model", "tiny"]
    limits = ["--seconds", "1", "--sizes", "4,6", "--questions", "4", "--per-type", "1", "--every", "2"]
    args = parser.parse_args([*paths, *limits, "--out", str(tmp_path), "--variants", "base,third,adapter"])
    args.run(args)
    lines = [json.loads(line) for line in (tmp_path / "ablate.jsonl").read_text().splitlines()]
    assert [line["variant"] for line in lines] == ["base", "third", "adapter"]
    assert lines[0]["questions"] == lines[1]["questions"] > 3 and lines[0]["steps"] == lines[1]["steps"] > 0 == lines[2]["steps"]
    assert lines[1]["layersMinusBase"][0] == pytest.approx(lines[1]["layers"] - lines[0]["layers"], abs=0.02)
    assert lines[1]["scan"] == pytest.approx(lines[0]["scan"] / 3, abs=1e-3)
    assert len((tmp_path / "ablate.md").read_text().splitlines()) == 5
    assert "third" in json.loads((tmp_path / "curve.jsonl").read_text().splitlines()[0])
