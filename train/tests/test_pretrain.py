"""The toy of the paper's recipe: its text can only be predicted as it says, and its parts do what they are for."""

import json
import sys
import xml.etree.ElementTree as ET

import pytest
import torch

from blocksight_train.__main__ import main as run
from blocksight_train.curves import picture
from blocksight_train.model import Model
from blocksight_train.pretrain import BATCH, CHAIN, KEYS, LENGTH, SPEC, VALUES, VARIANTS, Toy, losses, run_variant, trainable


def toy_model() -> Model:
    torch.manual_seed(1)
    return trainable(Model(SPEC, None, "cpu", (), index_dim=16, positions=LENGTH))


def test_every_question_is_answered_by_a_definition_before_it():
    ids, asked = Toy(3).batch(4)
    for row in range(4):
        held = {(t - CHAIN) // VALUES: (t - CHAIN) % VALUES for t in ids[row].tolist() if CHAIN <= t < CHAIN + KEYS * VALUES}
        assert len(held) == KEYS
        for at in asked[row].nonzero().flatten().tolist():
            key, value = ids[row, at] - CHAIN - KEYS * VALUES, ids[row, at + 1] - CHAIN - KEYS * VALUES - KEYS
            assert held[int(key)] == int(value)
            assert at > LENGTH // 2 - 1
    again, _ = Toy(3).batch(4)
    assert torch.equal(ids, again)


def test_the_kl_moves_the_backbone_only_without_detach():
    for name, moves in (("recipe", False), ("without detach", True)):
        model = toy_model()
        losses(model, *Toy(1).batch(2), VARIANTS[name], True)["kl"].backward()
        assert model.layers[0].index_q.grad is not None
        assert (model.embedding.grad is not None and float(model.embedding.grad.abs().sum()) > 0) == moves


def test_embedding_and_output_stay_one():
    model = toy_model()
    assert model.output is model.embedding
    assert sum(p.numel() for p in model.parameters()) > SPEC.vocabulary * SPEC.width


def test_the_recipe_learns():
    lines = []
    run_variant(VARIANTS["recipe"], 60, 1, lines.append, every=30)
    assert [line["sparse"] for line in lines] == [False, True, True]
    assert lines[-1]["chain"] < lines[0]["chain"] - 0.2
    assert BATCH > 1


def test_finished_variants_are_kept_and_drawn(tmp_path, monkeypatch, capsys):
    command = ["x", "pretrain", "--out", str(tmp_path), "--variants", "full attention", "--steps", "0"]
    for said in ("full attention", "is there already"):
        monkeypatch.setattr(sys, "argv", command)
        run()
        assert said in capsys.readouterr().out
    file = tmp_path / "full-attention.jsonl"
    file.write_text(file.read_text() + json.dumps({"step": 20, "chain": 1.0, "right": 0.5}) + "\n")
    svg = ET.fromstring(picture([file], "step", ["chain", "right"]))
    assert len([e for e in svg if e.tag.endswith("polyline")]) == 2
    with pytest.raises(SystemExit, match="nothing"):
        picture([file], "step", ["nothing"])
