"""Packs as folders of files, which the engine reads."""

import argparse
import json
from dataclasses import replace

import pytest
from test_data import LONG
from test_data import written as long_file
from test_evaluate import two  # noqa: F401

from blocksight_train import trees
from blocksight_train.batches import Dataset
from blocksight_train.evaluate import picked
from blocksight_train.order import packs_of
from blocksight_train.together import materials
from blocksight_train.trees import question_of, write_tree


def test_a_tree_holds_every_file_of_the_pack_as_its_segments_have_it(dataset, codec, tmp_path):
    [material] = materials(dataset)
    write_tree(dataset, codec, material, tmp_path)
    written = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*.py")}
    assert set(written) == set(material.labels)
    assert "def read_item1(self, key: str, limit: int = 10) -> bytes:\n" in written["src/file1.py"]
    assert "<|file_sep|>" not in "".join(written.values())
    assert "Reads one item" in written["src/file1.py"]
    assert "Reads one item" not in written["src/file0.py"], "a comment that is asked by stays gone"


@pytest.mark.parametrize("block_header", [False, True])
def test_a_file_of_several_parts_is_whole_and_without_tags_in_whatever_order_its_parts_stand(codec, tmp_path, block_header):
    data = Dataset(long_file(codec, tmp_path / "data", block_header), "tiny", codec)
    [material] = materials(data)
    assert len(material.segments) > 2
    turned = replace(material, segments=material.segments[::-1], labels=material.labels[::-1])
    write_tree(data, codec, turned, tmp_path / "tree")
    assert (tmp_path / "tree/src/long.py").read_text() == LONG + "\n"


def test_several_repositories_have_a_folder_each(two, codec, tmp_path):  # noqa: F811
    material = next(materials(two, sum(map(len, map(two.segment, two.packs[0]))) + 1))
    write_tree(two, codec, material, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {name.split("@")[0].replace("/", "+") for name in material.names}
    asked = [question_of(two, codec, material, e) for e in material.examples]
    assert all((tmp_path / gold).is_file() for q in asked for gold in q["gold"])
    assert all(q["together"] == material.names for q in asked)


def test_a_path_that_leaves_the_folder_is_refused(dataset, codec, tmp_path):
    [material] = materials(dataset)
    bad = replace(material, labels=["../outside.py", *material.labels[1:]])
    with pytest.raises(ValueError, match=r"'\.\./outside\.py' leaves"):
        write_tree(dataset, codec, bad, tmp_path / "tree")
    assert not (tmp_path / "outside.py").exists()


def test_the_command_takes_the_questions_that_evaluate_takes(folder, dataset, codec, tmp_path):
    codec.save(tmp_path / "tiny.json")
    args = argparse.Namespace(
        data=folder,
        tokenizer=tmp_path / "tiny.json",
        model="tiny",
        files=["questions.jsonl"],
        per_type=2,
        most="{}",
        together=0,
        out=tmp_path / "out",
    )
    trees.main(args)
    with pytest.raises(SystemExit, match="is not empty"):
        trees.main(args)
    [lines] = [p.read_text().splitlines() for p in (tmp_path / "out").glob("*/questions.jsonl")]
    [material] = materials(dataset)
    assert [json.loads(line)["text"] for line in lines] == [e.record["text"] for e in picked(material.examples, 2, material.number, {})]


def test_an_order_names_places_in_the_pack_and_leaves_out_what_has_no_right_file(dataset, codec):
    first, absent = (next(e for e in dataset.examples if bool(e.gold) == has) for has in (True, False))
    segments = dataset.packs[0]
    record = lambda e: {"text": e.record["text"], "type": e.type, "gold": [dataset.paths[g] for g in e.gold], "segments": segments[::-1]}
    records = {(dataset.names[0], e.type, e.record["text"]): record(e) for e in (first, absent)}
    [pack] = packs_of(dataset, codec, records)
    assert [q["text"] for q in pack["questions"]] == [first.record["text"]]
    assert pack["questions"][0]["order"] == list(range(len(segments)))[::-1]
    assert pack["paths"] == [dataset.paths[s] for s in segments] and all(path in text for path, text in zip(pack["paths"], pack["texts"]))
