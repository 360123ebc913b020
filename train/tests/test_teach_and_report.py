"""What is kept of a teacher's answers, and what a report counts."""

import argparse
import json
import random
import shutil

import torch

from blocksight_train.batches import Dataset, make_batch
from blocksight_train.data.instructions import instructions
from blocksight_train.inventions import Packs
from blocksight_train.lexical import Bm25, terms
from blocksight_train.quants import dequantise
from blocksight_train.report import (
    citation_right,
    differences,
    interval,
    load,
    named_file,
    pointer_sweep,
    recall,
    shown_share,
    signature_exact,
)
from blocksight_train.teach import acceptable, chat, generate, trimmed
from blocksight_train.textloss import answer_losses, compared
from blocksight_train.training import Mode, forward
from blocksight_train.tune import rate, stages_of


def test_answers_that_quote_unknown_names_are_dropped():
    good = "`load` reads the file and returns its lines as a list of strings, without the line ends."
    assert acceptable(good, "def load(path): ...")
    assert not acceptable(good.replace("load", "invented"), "def load(path): ...")
    assert not acceptable("Short.", "")
    assert not acceptable("It is not clear from the code what `load` does, because it is not shown anywhere here.", "load")


def test_cut_answers_end_at_a_sentence():
    assert trimmed("One sentence. And half of", complete=False) == "One sentence."
    assert trimmed("One sentence. Two.\n\nMore", complete=True) == "One sentence. Two."


def test_generation_does_not_depend_on_padding(model):
    prompts = [[5, 6, 7], [9] * 11]
    generator = torch.Generator().manual_seed(1)
    both = generate(model, prompts, 4, {258}, 0.0, generator)
    alone = generate(model, prompts[:1], 4, {258}, 0.0, generator)
    assert both[0] == alone[0]


def test_general_instructions_are_many_and_no_topic_is_both_learnt_and_held_out():
    learnt, held_out = instructions(1, False), instructions(1, True)
    assert len(learnt) + len(held_out) == len({*learnt, *held_out}) > 1500
    assert len(held_out) > 100
    assert sorted(instructions(2, True)) == sorted(held_out) and instructions(2, True) != held_out
    topics = {t.removeprefix("What is ") for t in learnt if t.startswith("What is ")} & {t.removeprefix("What is ") for t in held_out}
    assert topics == set()


def test_whole_answers_to_instructions_are_kept_as_chat_of_some_pack(dataset, codec):
    args = argparse.Namespace(seed=1, held_out=False, instructions=3, batch=2)
    said = [(codec.encode("A short answer."), True), (codec.encode("Half of an"), False), (codec.encode("I cannot do that."), True)]
    answer = lambda prompts: [said.pop(0) for _ in prompts]
    found = list(chat(dataset, codec, args, answer))
    assert [(count, len(kept)) for count, kept in found] == [(2, 1), (1, 0)]
    (record,) = found[0][1]
    assert record["text"] == instructions(1, False)[0] and record["answer"] == ["A short answer."] and record["gold"] == []
    assert 0 <= record["pack"] < len(dataset.packs)


def test_chat_is_learnt_beside_a_pack_and_its_loss_is_the_same_with_an_adapter_that_does_nothing(folder, codec, model, prefix, tmp_path):
    for name in ("segments.npz", "questions.jsonl"):
        shutil.copy(folder / name, tmp_path / name)
    record = {"type": "chat", "text": "Hello", "answer": ["Hi."], "gold": [], "pack": 0, "language": "text", "name": "", "facts": []}
    (tmp_path / "chat.jsonl").write_text(json.dumps(record) + "\n")
    both = Dataset(tmp_path, "tiny", codec, ("questions.jsonl", "chat.jsonl"))
    batch = make_batch(both, prefix, both.packs[0][:3], both.examples[-1:], random.Random(1), "cpu")
    assert int((batch.labels >= 0).sum()) == len(codec.answer(["Hi."])) and batch.target.sum() == 0
    losses = forward(model, batch, Mode(), [(0, 0)])
    assert float(losses.focus) == 0 and float(losses.answer) > 0
    for name, parameter in model.named_parameters():
        if name.endswith("lora_b"):
            torch.nn.init.zeros_(parameter)
    found = compared(model, lambda: answer_losses(model, prefix, both, both.examples[-1:], 3))
    assert found["n"] == 1 and found["base"] > 0 and found["difference"] == 0
    for name, parameter in model.named_parameters():
        if name.endswith("lora_b"):
            torch.nn.init.normal_(parameter)
    assert compared(model, lambda: answer_losses(model, prefix, both, both.examples[-1:], 3))["difference"] != 0


def test_rates_rise_and_fall():
    assert rate(0, 0.0, 1.0) == 0.05
    assert rate(100, 0.0, 1.0) == 1.0
    assert abs(rate(100, 1.0, 1.0) - 0.05) < 1e-9
    assert [s.name for s in stages_of("dense:6,index:1.5")] == ["dense", "index"]


def test_formats_dequantise():
    half = torch.tensor([2.0], dtype=torch.float16).view(torch.uint8)
    q8 = torch.cat([half, torch.arange(-16, 16, dtype=torch.int8).view(torch.uint8)])[None]
    assert dequantise(q8, "Q8_0")[0, :3].tolist() == [-32.0, -30.0, -28.0]
    q4 = torch.cat([half, torch.tensor([-1.0], dtype=torch.float16).view(torch.uint8), torch.full((16,), 0x31, dtype=torch.uint8)])[None]
    assert dequantise(q4, "Q4_1")[0, [0, 16]].tolist() == [1.0, 5.0]


def test_lexical_search_knows_the_words_in_names():
    assert terms("parseHeader x") == ["parseheader", "parse", "header"]
    scores = Bm25(["def parse_header(): pass", "def write_body(): pass", "x"]).scores("Where is the header parsed?")
    assert scores.argmax() == 0


def test_measures():
    record = {
        "gold": ["a.py", "b.py"],
        "files": [["a.py", 0.5], ["c.py", 0.3]],
        "answer": "`x` in <|file_sep|>a.py\n",
        "expected": "`f(x, y)` in",
        "pointed": [],
    }
    assert recall(record, 1) == 0.5
    assert citation_right(record) == 1.0
    assert signature_exact({**record, "answer": "It is `f(x,  y)`."}) == 1.0
    low, high = interval([0.0, 1.0] * 50)[1:]
    assert 35 < low < 50 < high < 65


def test_the_sweep_finds_where_focus_is_right():
    record = {"gold": ["b"], "pointed": [[["a", -1.0, 0.1], ["b", -4.0, 0.9]]]}
    sweep = pointer_sweep([record])
    assert sweep["0.0"] == 0.0 and sweep["5.0"] == 100.0 and sweep["focus"] == 100.0 and sweep["n"] == 1


def test_a_path_named_in_any_way_is_a_citation():
    record = {"gold": ["src/attr/_cmp.py"], "shown": ["src/attr/_make.py", "docs/api.rst"], "files": [["tests/test_cmp.py", 0.5]]}
    right = lambda answer: citation_right({**record, "answer": answer})
    assert right("It is in `src/attr/_cmp.py`, not in `src/attr/_make.py`.") == 1.0
    assert right("Look at src/attr/_cmp.py: it calls self.items.") == 1.0
    assert right("`total_ordering` does (see **_cmp.py**).") == 1.0
    assert right("`self.items` of e.g. Node.js, in ./src/attr/_cmp.py.") == 1.0
    assert right("In `src/attr/_make.py`, and `src/attr/_cmp.py`.") == 0.0
    assert right("In `src/attr/invented.py`, and `src/attr/_cmp.py`.") == 0.0
    assert right("In `total_ordering`.") == 0.0


def test_an_end_that_several_files_share_tells_none():
    record = {"gold": ["a/index.js"], "files": [["b/index.js", 0.5]], "answer": "In `index.js`."}
    assert named_file(record) is None


def test_what_was_cited_of_several_repositories_is_judged_with_its_repository():
    record = {"gold": ["o/a:x.py"], "pointed": [[["o/b:x.py", -1.0, 0.9]]], "answer": "In <|file_sep|>x.py\n", "files": []}
    assert citation_right({**record, "cited": ["o/a:x.py"]}) == 1.0
    assert citation_right({**record, "cited": ["o/b:x.py"]}) == 0.0


def test_quoted_names_are_inventions_where_they_stand_nowhere(folder, codec):
    packs = Packs([folder], "tiny", codec)
    record = {"pack": "owner/name@HEAD", "text": "What does `frobnicate` do?"}
    answer = "`Store1.read_item1(key)` in `src/file1.py` is like `frobnicate` and `made_up`.\n```\n`not_counted`\n```"
    assert packs.quoted({**record, "answer": answer}) == [False, False, False, False, True]
    assert not packs.knows({**record, "pack": "another/name@HEAD"})


def test_shares_are_resampled_by_answer():
    assert shown_share([(1, 4), (0, 4)]).startswith("12.5 [0.0, 25.0] of 8")
    assert shown_share([]).startswith("0.0")


def test_differences_are_taken_question_by_question(tmp_path):
    of = lambda path: {("p", "hand", str(i)): {"type": "hand", "language": "py", "gold": ["a"], "files": [[path, 1.0]]} for i in range(4)}
    rows = differences(sorted(of("a")), {"coder": of("a"), "search": of("b")}, "coder")
    assert rows[0] == ["coder minus, recall@1 / @3", "n", "search"]
    assert rows[1] == ["all", "4", "100.0 [100, 100] / 100.0 [100, 100]"]


def test_records_of_several_runs_may_stand_one_behind_the_other(tmp_path):
    line = '{"pack": "%s", "type": "hand", "text": "?"}\n'
    (tmp_path / "both.jsonl").write_text('{"source": "x"}\n' + line % "a" + '{"source": "x"}\n' + line % "b")
    assert [key[0] for key in load(tmp_path / "both.jsonl")[1]] == ["a", "b"]
