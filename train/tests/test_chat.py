"""General instructions: what is asked, what is kept of the base's answers, how they are learnt beside others and measured."""

import argparse
import json
import random
from pathlib import Path

import pytest
import torch

from blocksight_train import report, teach, textloss
from blocksight_train.batches import Dataset, Sampler, make_batch
from blocksight_train.data.instructions import by_topic, instructions, is_held_out
from blocksight_train.data.questions import Question
from blocksight_train.evaluate import Evaluation
from blocksight_train.teach import acceptable_chat, chat
from blocksight_train.textloss import answer_losses
from blocksight_train.training import Mode, forward
from blocksight_train.tune import WEIGHTS, Miner, Stage, Tuner

ARGS = argparse.Namespace(
    seed=1, weights="{}", sizes="5", questions=4, long=7, mined=0.5, rate=1e-3, focus_weight=0.5, cite_weight=0.3, removed=0.3, text_share=0.0, every=2,
    kernels="any", index_sizes="", index_rows=512, memory=0.7,
)  # fmt: skip
SOME = argparse.Namespace(instructions=40, held_out=False, seed=3, batch=16)


@pytest.fixture(scope="module")
def chatty(folder, codec, tmp_path_factory) -> Path:
    """The corpus with general instructions beside its questions."""
    out = tmp_path_factory.mktemp("chatty")
    for name in ("segments.npz", "questions.jsonl"):
        (out / name).write_bytes((folder / name).read_bytes())
    said = lambda prompts: [(codec.encode(f"It is number {len(p)}."), True) for p in prompts]
    made = [r for _, kept in chat(Dataset(out, "tiny", codec), codec, SOME, said) for r in kept]
    (out / "chat.jsonl").write_text("".join(json.dumps(r) + "\n" for r in made))
    return out


def test_there_are_many_instructions_and_each_stands_once():
    asked = instructions(1, held_out=False)
    assert len(asked) >= 1500 and len(set(asked)) == len(asked)
    assert all(text.strip() and "{t}" not in text and "{l}" not in text and "repositor" not in text for text in asked)
    assert sorted(asked) == sorted(instructions(2, held_out=False)) and asked != instructions(2, held_out=False)


def test_topics_are_held_out_whole_whatever_the_seed():
    asked, kept = set(instructions(1, held_out=False)), set(instructions(2, held_out=True))
    assert not asked & kept
    topics = by_topic()
    share = sum(map(is_held_out, topics)) / len(topics)
    assert 0.09 < share < 0.16
    assert all(set(texts) <= (kept if is_held_out(topic) else asked) for topic, texts in topics.items())


def test_braces_of_a_topic_are_no_blanks():
    assert any('{"retries": 3, "backoff": {"first": 0.5, "factor": 2}}' in text for texts in by_topic().values() for text in texts)


def test_whole_answers_are_kept_with_their_code():
    assert acceptable_chat("Hello! How can I help?", True)
    assert acceptable_chat("So:\n```python\nprint(1)\n```", True)
    assert not acceptable_chat("So:\n```python\nprint(1)", True), "an open code block"
    assert not acceptable_chat("A mutex lets one thread", False), "cut off"
    assert not acceptable_chat("I'm sorry, but I cannot help with that.", True)
    assert not acceptable_chat("`mutex` is not defined in this repository.", True)
    assert not acceptable_chat("See <|file_sep|>a.py", True)


def test_records_are_questions_that_cite_nothing(chatty):
    records = [json.loads(line) for line in (chatty / "chat.jsonl").read_text().splitlines()]
    assert len(records) == 40
    for r in records:
        assert r.keys() == Question("", "", [], [], 0, "").record.keys()
        assert r["type"] == "chat" and r["gold"] == r["facts"] == [] and r["name"] == "" and r["language"] == "python"
        assert len(r["answer"]) == 1 and isinstance(r["answer"][0], str)


def test_teach_writes_what_the_base_answers(model, codec, chatty, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(teach, "Weights", lambda *_: argparse.Namespace(spec=model.spec))
    monkeypatch.setattr(teach, "Model", lambda *_, **__: model)
    said = iter(range(1000))
    monkeypatch.setattr(
        teach, "generate", lambda _model, prompts, *_: [(codec.encode("A short answer."), next(said) % 2 == 0) for _ in prompts]
    )
    codec.save(tmp_path / "tokenizer.json")
    parser = argparse.ArgumentParser()
    teach.arguments(parser)
    paths = ["--tokenizer", str(tmp_path / "tokenizer.json"), "--data", str(chatty), "--out", str(tmp_path / "chat.jsonl")]
    args = parser.parse_args(["--base", "", "--model", "tiny", "--instructions", "10", "--batch", "4", "--held-out", *paths])
    args.run(args)
    records = [json.loads(line) for line in (tmp_path / "chat.jsonl").read_text().splitlines()]
    assert len(records) == 5, "every other answer came to its end"
    assert {r["text"] for r in records} <= set(instructions(1, held_out=True))
    assert "taught 5 of 10" in capsys.readouterr().out


def test_instructions_are_learnt_beside_questions_and_point_nowhere(model, chatty, codec, prefix, tmp_path):
    both = Dataset(chatty, "tiny", codec, ("questions.jsonl", "chat.jsonl"))
    sampler = Sampler(both, WEIGHTS | {"chat": 50.0}, random.Random(1), removed=1.0)
    segments, asked = sampler.draw(5, 12)
    chat = [e for e in asked if e.type == "chat"]
    assert chat and all(e.answer[:-1] == codec.encode(e.record["answer"][0]) for e in chat), "never turned into a denial"
    batch = make_batch(both, prefix, segments, asked, random.Random(1), "cpu")
    assert [bool(row.any()) for row in batch.target] == [bool(e.gold) for e in asked]
    Tuner(model, both, prefix, [(0, 0)], tmp_path, ARGS).run([Stage("joint", 0.2)])
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_a_batch_of_instructions_alone_has_no_focus_loss(model, chatty, codec, prefix):
    alone = Dataset(chatty, "tiny", codec, ("chat.jsonl",))
    batch = make_batch(alone, prefix, alone.packs[0], alone.examples[:4], random.Random(1), "cpu")
    losses = forward(model, batch, Mode(), [(1, 0)])
    figures = losses.figures()
    assert figures["focus"] == figures["cite"] == 0.0 and figures["answer"] > 0
    (losses.answer + losses.focus + losses.cite).backward()


def test_no_segment_is_mined_for_an_instruction(model, chatty, codec, prefix, monkeypatch):
    both = Dataset(chatty, "tiny", codec, ("questions.jsonl", "chat.jsonl"))
    chat, where = (next(e for e in both.examples if e.type == kind) for kind in ("chat", "where"))
    sampler = Sampler(both, WEIGHTS, random.Random(1))
    every = both.packs[0]
    others = [s for s in every if s not in where.gold]
    sampler.draw = lambda *_: (every, [chat, where])
    read_by = torch.zeros(2, len(every))
    read_by[0, every.index(others[0])], read_by[1, every.index(others[1])] = 1.0, 0.5
    monkeypatch.setattr("blocksight_train.tune.focus", lambda *_: read_by)
    segments, _ = Miner(model, both, sampler, prefix, [(0, 0)]).draw(7, len(where.gold) + 1, 2)
    assert set(segments) == {*where.gold, others[1]}


def test_the_loss_of_an_answer_is_that_of_its_tokens_behind_the_pack(model, chatty, codec, prefix):
    alone = Dataset(chatty, "tiny", codec, ("chat.jsonl",))
    some = alone.examples[:3]
    batches = [make_batch(alone, prefix, alone.packs[0][:3], [e], random.Random(1), "cpu") for e in some]
    in_training = [forward(model, batch, Mode(), []).figures()["answer"] for batch in batches]
    assert answer_losses(model, prefix, alone, some, 3) == pytest.approx(in_training, abs=1e-4)


def test_without_a_segment_it_does_not_matter_which_there_would_be(model, chatty, codec, prefix):
    alone = Dataset(chatty, "tiny", codec, ("chat.jsonl",))
    losses = lambda segments: answer_losses(model, prefix, alone, alone.examples[:3], segments)
    none, one = losses(0), losses(1)
    alone.packs[0] = alone.packs[0][::-1]
    assert losses(0) == pytest.approx(none, abs=1e-5)
    assert losses(1) != pytest.approx(one, abs=1e-5)


def test_textloss_prints_a_line_for_each_thing_that_it_asks(model, chatty, codec, prefix, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(textloss, "load_model", lambda _: (model, {"layout": {"prefix": prefix}}))
    codec.save(tmp_path / "tokenizer.json")
    parser = argparse.ArgumentParser()
    textloss.arguments(parser)
    given = ["--base", "", "--adapter", "", "--model", "tiny", "--tokenizer", str(tmp_path / "tokenizer.json"), "--data", str(chatty)]
    args = parser.parse_args([*given, "--segments", "2", "--chat", "chat.jsonl", "--in-sight", "3"])
    args.run(args)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["n"], line.get("segmentsInSight")) for line in lines] == [(2, None), (40, 0), (40, 3)]


def test_instructions_are_evaluated_as_questions_are(model, chatty, codec, prefix):
    args = argparse.Namespace(
        most="{}",
        per_type=3,
        minutes=0,
        together=0,
        cut=0,
        layout="independent",
        source="trained",
        pointer_row=0.0,
        steps=4,
        stop=[],
        read=0,
        ahead="",
        part="0/1",
        at_once=48,
    )
    alone = Dataset(chatty, "tiny", codec, ("chat.jsonl",))
    records = list(Evaluation(model, alone, codec, prefix, args, cites=True).records([(0, 0)], 20.0))
    assert [(r["type"], r["gold"]) for r in records] == [("chat", [])] * 3


def test_instructions_are_not_counted_as_absent_names(tmp_path, capsys):
    of = lambda kind, text, gold, answer: {
        "pack": "p", "type": kind, "language": "python", "text": text, "gold": gold, "files": [["a.py", 1.0]], "answer": answer, "expected": "",
    }  # fmt: skip
    denial = "`x` is not defined in this repository."
    records = [
        of("where", "1", ["a.py"], "Here."), of("absent", "2", [], denial), of("chat", "3", [], "Hello!"), of("chat", "4", [], denial),
        of("chat", "5", [], "`x` in <|file_sep|>a.py\n"), of("chat", "6", [], "Bye."),
    ]  # fmt: skip
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(r) + "\n" for r in [{"source": "x"}, *records]))
    report.main(argparse.Namespace(records=[str(tmp_path / "r.jsonl")], data=[], against=""))
    rows = {
        cells[0]: cells[1:] for line in capsys.readouterr().out.splitlines() if (cells := [c.strip() for c in line.strip("|").split("|")])
    }
    assert rows["absent, said so"] == ["1", "100.0 [100, 100]"]
    assert rows["chat, denied or cited"][0] == "4" and rows["chat, denied or cited"][1].startswith("50.0")
    assert rows["words of an answer, median"][0] == "2"
