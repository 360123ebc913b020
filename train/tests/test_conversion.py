"""Conversion of dense checkpoints: files are read right, the index learns and nothing else does, rows see what they should."""

import json
import math
import sys

import pytest
import torch
from safetensors.torch import save_file

from blocksight_train import adapter
from blocksight_train.__main__ import main as run
from blocksight_train.checkpoint import HUGGING_FACE, FolderWeights, GgufWeights, open_checkpoint
from blocksight_train.conversion import Choice, attend, behind, chosen, divergence, group_distribution, project, recalls, select, tokens_of
from blocksight_train.convert import Converter, header_token, prefix_of, sequences_of
from blocksight_train.model import Model
from blocksight_train.spec import ModelSpec

SMALL = Choice(size=4, top=3)


def small(bias=False, qk_norm=False) -> ModelSpec:
    return ModelSpec("small", 2, 32, 4, 2, 8, 48, 1e4, 1e-5, 259, bias, qk_norm)


def random_tensors(spec: ModelSpec) -> dict[str, torch.Tensor]:
    """Under GGUF's names, q and k rows in halves."""
    torch.manual_seed(5)
    q, kv, wide = spec.heads * spec.head_dim, spec.groups * spec.head_dim, spec.feed_forward
    shapes = {
        "attn_q": (q, spec.width), "attn_k": (kv, spec.width), "attn_v": (kv, spec.width), "attn_output": (spec.width, q),
        "ffn_gate": (wide, spec.width), "ffn_up": (wide, spec.width), "ffn_down": (spec.width, wide), "attn_norm": (spec.width,),
        "ffn_norm": (spec.width,),
    }  # fmt: skip
    if spec.qk_norm:
        shapes |= {"attn_q_norm": (spec.head_dim,), "attn_k_norm": (spec.head_dim,)}
    tensors = {
        f"blk.{i}.{name}.weight": torch.randn(shape) * 0.2 + (len(shape) == 1) for i in range(spec.layers) for name, shape in shapes.items()
    }
    if spec.bias:
        tensors |= {f"blk.{i}.attn_{n}.bias": torch.randn(q if n == "q" else kv) for i in range(spec.layers) for n in "qkv"}
    tensors["token_embd.weight"] = torch.randn(spec.vocabulary, spec.width)
    tensors["output_norm.weight"] = torch.rand(spec.width) + 0.5
    return tensors


def write_folder(folder, kind: str, spec: ModelSpec, tensors) -> None:
    stored = {}
    for name, value in tensors.items():
        if name.startswith("blk."):
            _, layer, part, what = name.split(".")
            stored[f"model.layers.{layer}.{HUGGING_FACE[part]}.{what}"] = value
        else:
            stored[{"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]] = value
    save_file({k: v.contiguous() for k, v in stored.items()}, str(folder / "model.safetensors"))
    config = {
        "model_type": kind, "num_attention_heads": spec.heads, "num_key_value_heads": spec.groups, "hidden_size": spec.width, "head_dim": spec.head_dim,
        "num_hidden_layers": spec.layers, "intermediate_size": spec.feed_forward, "rope_theta": spec.theta, "rms_norm_eps": spec.eps,
        "vocab_size": spec.vocabulary,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


def write_gguf(path, kind: str, spec: ModelSpec, tensors) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(str(path), kind)
    writer.add_block_count(spec.layers)
    writer.add_embedding_length(spec.width)
    writer.add_feed_forward_length(spec.feed_forward)
    writer.add_head_count(spec.heads)
    writer.add_head_count_kv(spec.groups)
    writer.add_key_length(spec.head_dim)
    writer.add_rope_freq_base(spec.theta)
    writer.add_layer_norm_rms_eps(spec.eps)
    for name, value in tensors.items():
        if kind == "llama" and name.endswith(("attn_q.weight", "attn_k.weight")):
            heads = spec.heads if "attn_q" in name else spec.groups
            value = value.view(heads, 2, -1, value.shape[-1]).transpose(1, 2).reshape(value.shape)
        writer.add_tensor(name, value.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def forward(model: Model, ids: torch.Tensor, choice: Choice | None = None) -> torch.Tensor:
    x = model.embed(ids)
    for layer in model.layers:
        x = behind(layer, x, attend(project(layer, x, model.cos, model.sin), choice))
    return model.logits(x)


@pytest.mark.parametrize(("kind", "bias", "qk_norm"), [("llama", False, False), ("qwen2", True, False), ("qwen3", False, True)])
def test_a_folder_and_a_gguf_file_of_the_same_model_are_the_same_model(tmp_path, kind, bias, qk_norm):
    spec = small(bias, qk_norm)
    tensors = random_tensors(spec)
    write_folder(tmp_path, kind, spec, tensors)
    write_gguf(tmp_path / "m.gguf", kind, spec, tensors)
    folder, file = open_checkpoint(tmp_path, "cpu"), open_checkpoint(tmp_path / "m.gguf", "cpu")
    assert isinstance(folder, FolderWeights) and isinstance(file, GgufWeights)
    assert (folder.spec.bias, folder.spec.qk_norm) == (file.spec.bias, file.spec.qk_norm) == (bias, qk_norm)
    ids = torch.randint(0, 259, (1, 24))
    one, other = (forward(Model(w.spec, w, "cpu", ()), ids) for w in (folder, file))
    torch.testing.assert_close(one, other)
    for name, value in tensors.items():
        torch.testing.assert_close(file[name].flatten(), value.flatten())


def test_other_architectures_are_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gemma3"}))
    with pytest.raises(SystemExit, match="gemma3"):
        open_checkpoint(tmp_path, "cpu")


def test_rows_choose_their_own_block_and_nothing_behind_them():
    rows = torch.tensor([0, 5, 19])
    picked = chosen(torch.tensor([[9.0, 1, 1, 8, -5]] * 3), rows, SMALL)
    assert picked.tolist() == [[True, False, False, False, False], [True, True, False, False, False], [True, False, False, True, True]]
    free = chosen(torch.tensor([[9.0, 1, 1, 8, -5]]), rows[2:], Choice(4, 3, local=False))
    assert free.tolist() == [[True, True, False, True, False]], "ties go to the lower block"
    assert tokens_of(picked[None, None], rows, 4)[0, 0, 1].sum() == 6


def test_all_blocks_are_full_attention():
    torch.manual_seed(1)
    model = Model(small(), None, "cpu", (), index_dim=8)
    ids = torch.randint(0, 259, (2, 24))
    torch.testing.assert_close(forward(model, ids, Choice(4, 6)), forward(model, ids))
    assert not torch.allclose(forward(model, ids, SMALL), forward(model, ids))


def test_targets_average_probabilities_not_logits():
    torch.manual_seed(2)
    model = Model(small(), None, "cpu", (), index_dim=8)
    p = project(model.layers[0], model.embed(torch.randint(0, 259, (1, 16))), model.cos, model.sin)
    rows = torch.tensor([15])
    wanted = group_distribution(p, rows, torch.ones(1, 16, dtype=torch.bool))
    by_head = torch.stack([(p.q[0, 15, 1, h] @ p.k[0, :, 1].T / math.sqrt(8)).softmax(-1) for h in range(2)])
    torch.testing.assert_close(wanted[0, 1, 0], by_head.mean(0))


def test_the_index_that_is_the_main_branch_has_no_divergence():
    torch.manual_seed(3)
    spec = ModelSpec("one", 1, 32, 2, 2, 8, 48, 1e4, 1e-5, 259)
    model = Model(spec, None, "cpu", (), index_dim=8)
    p = project(model.layers[0], model.embed(torch.randint(0, 259, (1, 16))), model.cos, model.sin)
    rows = torch.arange(16)
    assert float(divergence(p, rows, None)) > 0.01
    p.k[:, :, 1] = p.k[:, :, 0]  # the index has one key for all groups
    p.index_q, p.index_k = p.q[:, :, :, 0], p.k[:, :, 0]
    assert abs(float(divergence(p, rows, None))) < 1e-5
    assert abs(float(divergence(p, rows, SMALL))) < 1e-5
    found = recalls(p, rows, SMALL)
    assert found["mass"] <= found["best"] + 1e-6 and found["blocks"] > 0.5


@pytest.mark.parametrize("sparse", [False, True])
def test_the_index_learns_and_the_backbone_stays(sparse):
    torch.manual_seed(4)
    model = Model(small(), None, "cpu", (), index_dim=8)
    before = {n: b.clone() for n, b in model.named_buffers()}
    converter = Converter(model, SMALL, rows=24, inner=2, rate=1e-2, seed=1)
    ids = torch.randint(0, 259, (48,))
    losses = [sum(converter.step(ids, sparse, 1e-2)) for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(before[n], b) for n, b in model.named_buffers())
    layers, loss = converter.measure(ids[None], sparse)
    assert all(0 < layer["mass"] <= layer["best"] + 1e-6 for layer in layers) and loss > 0


def test_nothing_of_the_index_loss_reaches_the_hidden_states():
    model = Model(small(), None, "cpu", (), index_dim=8)
    x = model.embed(torch.randint(0, 259, (1, 16))).requires_grad_(True)
    rows = torch.arange(16)
    divergence(project(model.layers[0], x, model.cos, model.sin), rows, None).backward()
    assert x.grad is None and model.layers[0].index_q.grad is not None
    divergence(project(model.layers[0], x, model.cos, model.sin, detach=False), rows, None).backward()
    assert float(x.grad.abs().sum()) > 0


def test_selection_is_per_group():
    torch.manual_seed(6)
    model = Model(small(), None, "cpu", (), index_dim=8)
    p = project(model.layers[0], model.embed(torch.randint(0, 259, (1, 48))), model.cos, model.sin)
    picked = select(p, torch.arange(48), SMALL)
    assert picked.shape == (1, 2, 48, 12) and not torch.equal(picked[:, 0], picked[:, 1])
    assert picked.sum(-1).max() == 3


def test_the_prefix_is_one_block_and_the_header_opens_with_a_special_token():
    encode = lambda text: list(text.encode())
    ids = prefix_of(encode, {"<|im_start|>": 300, "<|im_end|>": 301})
    assert len(ids) == 128 and ids[0] == 300 and ids[-2:] == [301, 10]
    assert len(prefix_of(encode, {})) == 128
    assert header_token({"<file_sep>": 5}, "") == "<file_sep>"
    with pytest.raises(SystemExit, match="header-token"):
        header_token({"</s>": 2}, "")
    assert header_token({"</s>": 2}, "</s>") == "</s>"
    with pytest.raises(SystemExit, match="at least two"):
        sequences_of(encode, ["abc"], 2, 1)


def test_a_folder_becomes_an_adapter_and_a_stopped_run_goes_on(tmp_path, codec, monkeypatch, capsys):
    spec = small()
    base = tmp_path / "base"
    base.mkdir()
    write_folder(base, "llama", spec, random_tensors(spec))
    codec.save(base / "tokenizer.json")
    (tmp_path / "text.txt").write_text("def parse(line):\n    return line\n" * 600)
    command = ["x", "convert", "--base", str(base), "--text", str(tmp_path / "text.txt"), "--out", str(tmp_path / "out"), "--length", "2560",
               "--held-out", "1", "--rows", "16", "--inner", "1", "--dim", "8", "--warm-up", "2", "--sparse", "1"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", [*command, "--minutes", "0"])
    run()
    assert "0 of 3 steps" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "--resume"])
    run()
    assert "3 of 3 steps" in capsys.readouterr().out
    metadata = adapter.metadata_of(tmp_path / "out/adapter.safetensors")
    assert metadata["index"] == {"source": "trained", "dim": 8, "heads": 2, "normEps": 1e-5, "ropeDim": 0, "topK": 16}
    assert adapter.lora_on(tmp_path / "out/adapter.safetensors") == ()
    lines = [json.loads(line) for line in (tmp_path / "out/curve.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines if "step" in line] == ["warm-up", "warm-up", "sparse"]
