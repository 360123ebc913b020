"""What is kept of a teacher's answers, and what a report counts."""

import torch

from blocksight_train.lexical import Bm25, terms
from blocksight_train.quants import dequantise
from blocksight_train.report import citation_right, interval, pointer_sweep, recall, signature_exact
from blocksight_train.teach import acceptable, generate, trimmed
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
