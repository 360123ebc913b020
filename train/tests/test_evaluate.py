"""Packs of several repositories, and the search and the prompt that a user would build instead."""

import argparse
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from blocksight_train import peer
from blocksight_train.asking import ask
from blocksight_train.batches import Dataset
from blocksight_train.data.join import join
from blocksight_train.evaluate import Evaluation
from blocksight_train.layout import BLOCK
from blocksight_train.lexical import Remembered, best_blocks
from blocksight_train.model import rope_table
from blocksight_train.pointer import Pointer
from blocksight_train.reading import read, read_causal
from blocksight_train.report import load
from blocksight_train.teach import generate
from blocksight_train.together import cuts, grouped, materials
from blocksight_train.vectors import MiniLm

ARGS = argparse.Namespace(
    most="{}", per_type=2, minutes=0, together=0, cut=0, layout="independent", source="trained", pointer_row=0.5, steps=6, stop=[], read=0, ahead="",
    part="0/1", at_once=48,
)  # fmt: skip
HEADS = [(0, 0), (1, 1)]


@pytest.fixture(scope="module")
def two(folder, codec, tmp_path_factory) -> Dataset:
    """The same tree as two repositories, so that every path stands twice."""
    out = tmp_path_factory.mktemp("two")
    join([folder, folder], ["tiny"], out)
    data = dict(np.load(out / "segments.npz"))
    data["names"] = np.array(["owner/first@HEAD", "owner/second@HEAD"])
    np.savez(out / "segments.npz", **data)
    return Dataset(out, "tiny", codec)


def size(dataset: Dataset, pack: int) -> int:
    return sum(len(dataset.segment(s)) for s in dataset.packs[pack])


def records(model, dataset, codec, prefix, **given) -> list[dict]:
    args = argparse.Namespace(**{**vars(ARGS), **given})
    return list(Evaluation(model, dataset, codec, prefix, args, cites=True).records(HEADS, 20.0))


def test_parts_side_by_side_are_the_whole_however_many_conversations_run_at_once(model, two, codec, prefix):
    whole = records(model, two, codec, prefix)
    parts = [r for part in ("0/2", "1/2") for r in records(model, two, codec, prefix, part=part, at_once=3)]
    bare = lambda rs: sorted((r["pack"], r["type"], r["text"], r["answer"], r["files"][0][0]) for r in rs)
    assert bare(parts) == bare(whole) and len({r["pack"] for r in whole}) == 2


@pytest.mark.parametrize("part", ["2/2", "1", "a/b", "-1/2"])
def test_a_part_that_is_none_is_refused(model, two, codec, prefix, part):
    with pytest.raises(SystemExit, match="give I/N"):
        records(model, two, codec, prefix, part=part)


def test_groups_hold_one_tree_of_a_repository_and_are_filled_with_what_was_asked_before():
    names = ["a@1", "a@2", "b@1", "c@1"]
    assert list(grouped(names, [6, 6, 6, 6], 10)) == [([0, 2], 2), ([1, 3], 2)]
    assert list(grouped(names[1:], [6, 6, 6], 10)) == [([0, 1], 2), ([2, 0], 1)]


def test_a_group_that_stays_too_small_is_left_out(capsys):
    assert list(grouped(["a@1", "a@2"], [6, 6], 10)) == []
    assert "left out: a@1" in capsys.readouterr().out


def test_files_of_several_repositories_are_told_apart_and_cited_by_path(model, two, codec, prefix):
    model.logits = opening_citations(model, codec)
    found = records(model, two, codec, prefix, together=size(two, 0) + 1)
    assert {r["pack"] for r in found} == {"owner/first@HEAD", "owner/second@HEAD"}
    for r in found:
        own = r["pack"].split("@")[0] + ":"
        assert r["together"] == two.names
        assert all(g.startswith(own) for g in r["gold"]), "another repository's file of that name is not gold"
        assert len(dict(map(tuple, r["files"]))) == len(r["files"]) and r["ofFiles"] == 2 * len(set(two.paths))
        assert r["cited"][0] in [c[0] for c in r["pointed"][0]]
        assert f"<|file_sep|>{r['cited'][0].split(':')[1]}\n" in r["answer"]
    assert {path.split(":")[0] for r in found for path, _ in r["files"]} == {"owner/first", "owner/second"}


@pytest.mark.parametrize("source", ["trained", "keys", "dense"])
def test_hidden_segments_are_as_if_they_had_not_been_read(model, dataset, codec, prefix, source):
    """Answers, focus and citations of two questions, one of which sees five segments of seven and the other one, side by side, are those
    over packs of these segments."""
    model.logits = opening_citations(model, codec)
    seen_of, prompts = [[0, 1, 2, 4, 5], [3]], [codec.prompt("Where is `Store2`?"), codec.prompt("What does `load` do?")]
    whole = read(model, prefix, [dataset.segment(s) for s in range(7)])
    sees = torch.stack([torch.isin(whole.block_segment, torch.tensor([-1, *shown])) for shown in seen_of])
    assert sees[0].sum() > 16 > sees[1].sum(), "more blocks than a row reads, and fewer"

    def asked(pack, segments, prompts, mask=None):
        paths = [dataset.paths[s] for s in segments]
        ids = {p: codec.citation(p)[1:] for p in paths}
        pointer = Pointer(model, pack, paths, ids, codec.markers.file, HEADS, 1.0, source, 0.5, mask)
        return ask(model, pack, len(paths), prompts, source, 6, {257}, pointer, mask), pointer.seen

    answers, pointed = asked(whole, range(7), prompts, sees)
    for c, shown in enumerate(seen_of):
        few = read(model, prefix, [dataset.segment(s) for s in shown])
        alone, pointed_alone = asked(few, shown, prompts[c : c + 1])
        assert answers.ids[c] == alone.ids[0]
        hidden = [s for s in range(7) if s not in shown]
        torch.testing.assert_close(answers.mass[:, :, c, shown], alone.mass[:, :, 0])
        assert not answers.mass[:, :, c, hidden].any(), "nothing hidden is read"
        for mine, other in zip(pointed[c], pointed_alone[0], strict=True):
            assert [x.path for x in mine] == [x.path for x in other] and {x.path for x in mine} == {dataset.paths[s] for s in shown}
            torch.testing.assert_close(torch.tensor([x[1:] for x in mine]), torch.tensor([x[1:] for x in other]), atol=1e-4, rtol=1e-4)


def test_a_hidden_block_does_not_count_whoever_chooses(model, dataset, codec, prefix):
    pack = read(model, prefix, [dataset.segment(s) for s in range(7)])
    sees = torch.isin(pack.block_segment, torch.tensor([-1, 3]))[None]
    every = lambda layer, group, part, h: (torch.arange(1, pack.blocks).repeat(len(h), 1), torch.ones(len(h), pack.blocks - 1).bool())
    by_choice, dense = (ask(model, pack, 7, [codec.prompt("Where?")], source, 0, set(), sees=sees).mass for source in (every, "dense"))
    torch.testing.assert_close(by_choice, dense)


def test_a_record_names_the_segments_read_most_and_read_sees_the_first_of_them_alone(model, dataset, codec, prefix, tmp_path):
    model.logits = opening_citations(model, codec)
    first = records(model, dataset, codec, prefix)
    assert all(sorted(r["segments"]) == sorted(dataset.packs[0]) for r in first)
    assert all(dataset.paths[r["segments"][0]] == r["files"][0][0] for r in first)
    scout = tmp_path / "scout.jsonl"
    scout.write_text("".join(json.dumps(line) + "\n" for line in [{"source": "trained"}, *first[:-1]]))
    found = records(model, dataset, codec, prefix, read=2, ahead=str(scout))
    assert len(found) == len(first) - 1, "a question without a record is left out"
    for r, ahead in zip(found, first):
        shown = {dataset.paths[s] for s in ahead["segments"][:2]}
        assert {path for path, _ in r["files"]} == shown and set(r["cited"]) <= shown, "what was hidden has no rank"
        assert sorted(r["segments"]) == sorted(ahead["segments"][:2]) and r["ofFiles"] == ahead["ofFiles"]


def test_reading_in_the_scouts_order_needs_whole_packs_and_an_order(model, dataset, codec, prefix, tmp_path):
    old = tmp_path / "old.jsonl"
    old.write_text('{"source": "trained"}\n{"pack": "a", "type": "where", "text": "b", "gold": []}\n')
    for given, said in (
        ({"read": 8}, "give --ahead RECORDS"),
        ({"read": 8, "ahead": str(old)}, "run `evaluate` of the scout again"),
        ({"read": 99, "ahead": str(old)}, "first 32 segments"),
        ({"read": 8, "ahead": str(old), "cut": 16384}, "leave out --together and --cut"),
        ({"read": 8, "ahead": str(old), "layout": "causal"}, "leave out .* --layout causal"),
        ({"ahead": str(old)}, "give --read N"),
        ({"read": -1, "ahead": str(old)}, "give --read N"),
    ):
        with pytest.raises(SystemExit, match=said):
            records(model, dataset, codec, prefix, **given)


def test_records_of_other_data_are_refused(model, dataset, codec, prefix, tmp_path):
    first = records(model, dataset, codec, prefix)
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(line) + "\n" for line in [{"source": "trained"}, *({**r, "segments": [900]} for r in first)]))
    with pytest.raises(SystemExit, match="does not have"):
        records(model, dataset, codec, prefix, read=1, ahead=str(other))


def test_one_repository_is_read_as_before(model, dataset, codec, prefix):
    model.logits = opening_citations(model, codec)
    found = records(model, dataset, codec, prefix)
    assert all("together" not in r and set(r["gold"]) <= set(dataset.paths) for r in found)
    assert all(r["cited"][0] in dataset.paths for r in found)


def opening_citations(model, codec):
    """Logits that make every answer open a citation first."""
    plain = type(model).logits

    def logits(x):
        out = plain(model, x)
        out[..., codec.markers.file] += 1e4
        return out

    return logits


def test_every_pack_alone_has_its_own_questions(two):
    alone = list(materials(two))
    assert [m.names for m in alone] == [["owner/first@HEAD"], ["owner/second@HEAD"]]
    assert [len(m.examples) for m in alone] == [len(e) for e in two.of_pack()]


def test_small_parts_hold_what_their_questions_are_about(dataset):
    (whole,) = materials(dataset)
    most = size(dataset, 0) // 2
    parts = list(cuts(dataset, whole, whole.examples, most))
    assert len(parts) > 1
    assert sorted(id(e) for _, asked in parts for e in asked) == sorted(map(id, whole.examples))
    for part, asked in parts:
        assert all(set(e.gold) <= set(part.segments) for e in asked)
        assert sum(len(dataset.segment(s)) for s in part.segments) <= most
        assert part.segments == [s for s in whole.segments if s in part.segments] and len(part.segments) > 1


def test_both_layouts_are_asked_the_same_about_the_same_parts(model, dataset, codec, prefix):
    apart, causal = (records(model, dataset, codec, prefix, cut=2000, layout=layout) for layout in ("independent", "causal"))
    assert [r["text"] for r in apart] == [r["text"] for r in causal] and [r["ofFiles"] for r in apart] == [r["ofFiles"] for r in causal]
    assert any(a["files"] != c["files"] for a, c in zip(apart, causal))


def test_causal_reading_is_the_dense_model_over_one_text(model, dataset, prefix):
    segments = [dataset.segment(s).tolist() for s in dataset.packs[0][:2]]
    question = [5, 6, 7, 8]
    model.cos, model.sin = rope_table(model.spec, 4096, "cpu")
    pack = read_causal(model, prefix, segments)
    assert pack.conversation == len(prefix) + sum(map(len, segments))
    answer = ask(model, pack, 2, [question], "dense", 4, set()).ids[0]
    whole = [*prefix, *segments[0], *segments[1], *question]
    assert answer == generate(model, [whole], 4, {258}, 0.0, torch.Generator())[0][0]


def test_best_blocks_are_enough_for_the_prompt_and_no_more():
    places, sizes = [(7, 0), (7, 1), (9, 0)], [100, 28, 128]
    assert best_blocks(np.array([0.1, 0.9, 0.5]), places, sizes, 129) == [[7, 1], [9, 0]]
    assert best_blocks(np.array([0.1, 0.9, 0.5]), places, sizes, 10_000) == [[7, 1], [9, 0], [7, 0]]


@pytest.fixture
def minilm(codec, tmp_path) -> MiniLm:
    """The embedding network in small, of random weights, over bytes."""
    torch.manual_seed(1)
    width, wide = 16, 32
    weights = {"embeddings.word_embeddings.weight": torch.randn(300, width)}
    weights |= {
        "embeddings.position_embeddings.weight": torch.randn(512, width),
        "embeddings.token_type_embeddings.weight": torch.randn(2, width),
    }
    linear = {"attention.self.query": (width, width), "attention.self.key": (width, width), "attention.self.value": (width, width)}
    linear |= {"attention.output.dense": (width, width), "intermediate.dense": (wide, width), "output.dense": (width, wide)}
    for layer in ("encoder.layer.0.", "encoder.layer.1."):
        for name, shape in linear.items():
            weights |= {f"{layer}{name}.weight": torch.randn(shape) / 4, f"{layer}{name}.bias": torch.randn(shape[0])}
    for name in ("embeddings", *(f"encoder.layer.{i}.{part}" for i in range(2) for part in ("attention.output", "output"))):
        weights |= {f"{name}.LayerNorm.weight": torch.ones(width), f"{name}.LayerNorm.bias": torch.zeros(width)}
    save_file(weights, tmp_path / "model.safetensors")
    codec.save(tmp_path / "tokenizer.json")
    config = {"num_attention_heads": 2, "num_hidden_layers": 2, "layer_norm_eps": 1e-12}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return MiniLm(str(tmp_path), "cpu")


def test_a_text_has_the_same_vector_beside_longer_ones(minilm):
    texts = ["def read(path): ...", "x", "y" * 500]
    together = minilm.embed(texts)
    assert np.allclose(together, np.concatenate([minilm.embed([t]) for t in texts]), atol=1e-5)
    assert np.allclose((together**2).sum(1), 1, atol=1e-5) and not np.allclose(together[0], together[1], atol=1e-2)
    assert np.allclose(minilm.embed(["y" * 256]), together[2:], atol=1e-5), "the rest of a long text is cut off"
    assert minilm.embed([]).shape == (0, 16)


def test_a_text_that_was_embedded_is_not_embedded_again(minilm, monkeypatch):
    remembered, plain, seen = Remembered(minilm), minilm.embed, []
    monkeypatch.setattr(minilm, "embed", lambda texts: seen.extend(texts) or plain(texts))
    first = remembered.embed(["a", "b", "a"])
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(remembered.embed(["b", "c"])[0], first[1])
    assert seen == ["a", "b", "c"]


def test_excerpts_come_in_the_order_of_the_pack_with_adjacent_blocks_joined(dataset, codec):
    first, second = dataset.packs[0][:2]
    text = lambda s, a, b: codec.decode(dataset.segment(s).tolist()[a * BLOCK : b * BLOCK])
    found = peer.excerpts(dataset, codec, 0, [[second, 1], [first, 3], [first, 0], [first, 1]], 4 * BLOCK)
    assert [path for path, _ in found] == [dataset.paths[first], dataset.paths[second]]
    header, body = text(first, 0, 2).split("\n", 1)
    assert header.endswith(dataset.paths[first])
    assert found[0][1] == body.rstrip("\n") + "\n[...]\n" + text(first, 3, 4).rstrip("\n") + "\n"
    assert found[1][1] == text(second, 1, 2).rstrip("\n") + "\n"
    assert [path for path, _ in peer.excerpts(dataset, codec, 0, [[second, 1], [first, 3]], BLOCK)] == [dataset.paths[second]]


def test_the_peer_answers_the_questions_of_the_search_records(model, folder, dataset, codec, tmp_path, monkeypatch):
    asked = [e for e in dataset.examples if e.gold][:3]
    lines = [{"source": "minilm-blocks"}]
    for e in asked:
        key = {"pack": dataset.names[0], "type": e.type, "text": e.record["text"]}
        lines.append({**key, "gold": ["src/file0.py"], "files": [["src/file1.py", 0.5]], "blocks": [[e.gold[0], 0]]})
    (tmp_path / "minilm.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(peer, "Weights", lambda base, device: argparse.Namespace(spec=model.spec))
    monkeypatch.setattr(peer, "Model", lambda spec, weights, device, lora, positions: longer(model, positions))
    monkeypatch.setattr(peer.Codec, "load", lambda path: codec)
    args = argparse.Namespace(
        base="", tokenizer="", data=folder, model="tiny", minilm=tmp_path / "minilm.jsonl", types=[], tokens=4096, may_deny=False, steps=4,
        stop=[], batch=2, device="cpu", out=tmp_path / "out.jsonl",
    )  # fmt: skip
    peer.main(args)
    found = load(tmp_path / "out.jsonl")[1]
    assert {r["text"] for r in found.values()} == {e.record["text"] for e in asked}
    for r in found.values():
        assert r["answer"] and r["shown"] == [dataset.paths[next(e for e in asked if e.record["text"] == r["text"]).gold[0]]]
        assert r["files"] == [["src/file1.py", 0.5]] and "pointed" not in r


def longer(model, positions: int):
    from blocksight_train.model import rope_table

    model.cos, model.sin = rope_table(model.spec, positions, "cpu")
    return model


def test_the_prompt_shows_files_by_name_before_the_question(codec):
    prompt = codec.decode(peer.peer_prompt(codec, "Be brief.", "Where is it?", [("a/b.py", "x = 1\n")]))
    assert prompt == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nFile: a/b.py\n```\nx = 1\n```\n\nQuestion: Where is it?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
