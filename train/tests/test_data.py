"""Definitions, segments, questions and their answers."""

import argparse
import json
import random
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from blocksight_train.batches import Dataset
from blocksight_train.data import phrasings
from blocksight_train.data.asks import asks
from blocksight_train.data.build import Builder
from blocksight_train.data.codec import Codec
from blocksight_train.data.definitions import NOT_PLAIN, SOURCE, definitions, first_sentence
from blocksight_train.data.git import MOST_BYTES, clean, tree
from blocksight_train.data.join import join
from blocksight_train.data.questions import CONSTANT, Asker, Tree, near_name, read_file, skeletons, touched, without_name
from blocksight_train.data.segments import HEADER_ROOM, Store, has_block_headers, spans_of, with_block_headers, without_block_headers
from blocksight_train.inventions import Packs
from blocksight_train.layout import BLOCK, SEGMENT
from blocksight_train.peer import excerpts

SOURCES = {
    "python": ('class A(B):\n    def run(self, x: int = 3) -> str:\n        """Runs the whole thing once for x."""\n        return x\n', "A.run", "def run(self, x: int = 3) -> str"),
    "typescript": ("export class A {\n  /** Runs the whole thing once for x. */\n  run(x: number = 3): string {\n    return `${x}`;\n  }\n}\n", "A.run", "run(x: number = 3): string"),
    "javascript": ("/**\n * Runs the whole thing once for x.\n */\nexport const run = (x) => {\n  return x;\n};\n", "run", "run = (x)"),
    "go": ("package a\n\n// run runs the whole thing once for x.\nfunc (a *A) run(x int) string {\n\treturn \"\"\n}\n", "A.run", "func (a *A) run(x int) string"),
    "rust": ("impl A {\n    /// Runs the whole thing once for x.\n    #[inline]\n    pub fn run(&self, x: u32) -> Option<String> {\n        None\n    }\n}\n", "A.run", "pub fn run(&self, x: u32) -> Option<String>"),
    "java": ("class A {\n  /** Runs the whole thing once for x. */\n  @Override\n  public String run(int x) {\n    return null;\n  }\n}\n", "A.run", "public String run(int x)"),
}  # fmt: skip


@pytest.mark.parametrize("language", SOURCES)
def test_definitions_have_name_signature_and_comment(language):
    source, dotted, signature = SOURCES[language]
    found = next(d for d in definitions(source, language) if d.name == "run")
    assert found.dotted == dotted
    assert found.signature == signature
    assert found.doc.lower().endswith("runs the whole thing once for x.")
    assert all("whole thing" in line or line.strip() in ("/**", "*/") for line in (source.split("\n")[i] for i in found.doc_lines))


def test_functions_that_javascript_assigns_are_definitions_of_their_owner():
    source = (
        "/**\n * Dispatches a request into the application.\n */\napp.handle = function handle(req, res) {\n  return 1;\n};\n"
        "exports.etag = (body) => body;\nView.prototype.lookup = function (name) {\n  return name;\n};\n"
        "res.a = res.b = (x) => x;\nmodule.exports = function (x) { return x; };\napp.count = 3;\napp['key'] = function () {};\n"
    )
    found = definitions(source, "javascript")
    assert [(d.dotted, d.signature) for d in found] == [
        ("app.handle", "app.handle = function handle(req, res)"),
        ("etag", "exports.etag = (body)"),
        ("View.lookup", "View.prototype.lookup = function (name)"),
        ("res.a", "res.a = res.b = (x)"),
    ]
    assert found[0].doc == "Dispatches a request into the application." and found[0].doc_lines == range(0, 3)


def test_a_large_file_is_data_unless_it_is_asked_for(tmp_path):
    (tmp_path / "large.py").write_text("x = 1\n" * (MOST_BYTES // 6 + 1))
    (tmp_path / "small.py").write_text("y = 2\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    assert tree(str(tmp_path), "HEAD", SOURCE).keys() == {"small.py"}
    assert tree(str(tmp_path), "HEAD", SOURCE, {"large.py"}).keys() == {"small.py", "large.py"}


def test_only_describing_sentences_are_used():
    assert first_sentence('"""Reads one entry. More text."""') is None, "too short to find anything by"
    assert first_sentence('r"""Returns the entry that stands at the key. More."""') == "Returns the entry that stands at the key."
    assert first_sentence("// TODO: make this faster than it is today") is None


def test_tests_and_generated_files_are_not_asked_about():
    for path in ("tests/a.py", "src/a.test.ts", "pkg/a_test.go", "x/FooTest.java", "api/a.pb.go"):
        assert NOT_PLAIN.search(path), path
    for path in ("src/testament.py", "lib/contest.ts", "src/latest.rs"):
        assert not NOT_PLAIN.search(path), path


def test_spans_fill_the_budget_and_prefer_welcome_cuts():
    assert spans_of([10] * 10, set(), 40) == [(0, 4), (4, 8), (8, 10)]
    assert spans_of([10] * 10, {3}, 40) == [(0, 3), (3, 7), (7, 10)]
    assert spans_of([90, 10], set(), 40) == [(0, 1), (1, 2)], "a line longer than the budget stands alone"


def test_segments_open_with_a_header_and_fit(codec):
    store = Store({"tiny": codec})
    parts = store.split("a/b.py", [f"line {i} <|im_end|>" for i in range(300)], set())
    assert len(parts) > 2
    assert [p.first for p in parts[1:]] == [p.end for p in parts[:-1]]
    for i, part in enumerate(parts):
        ids = store.tokens["tiny"][part.segment]
        assert len(ids) <= SEGMENT
        assert ids[0] == codec.markers.file and codec.markers.end not in ids, "markers in a file stay text"
        assert codec.decode(ids).startswith(f"<|file_sep|>a/b.py (part {i + 1} of {len(parts)})\n")


def test_a_tag_goes_before_every_block_but_the_first_and_comes_off_again():
    assert with_block_headers([1, 2, 3, 4, 5, 6, 7], [9, 8], block=4) == [1, 2, 3, 4, 9, 8, 5, 6, 9, 8, 7]
    assert with_block_headers([1, 2, 3, 4], [9, 8], block=4) == [1, 2, 3, 4], "no block for a tag alone"
    assert without_block_headers([1, 2, 3, 4, 9, 8, 5, 6, 9, 8, 7], [9, 8], block=4) == [[1, 2, 3, 4], [5, 6], [7]]
    for n in range(40):
        tagged = with_block_headers(range(n), [50, 51, 52], block=8)
        assert [t for ids in without_block_headers(tagged, [50, 51, 52], block=8) for t in ids] == list(range(n))


def paired(codec: Codec) -> Codec:
    """A second tokenizer, of which two equal letters are one token: fewer tokens of text, and tags of another length."""
    described = json.loads(codec._full.to_str())
    letters = "abcdefghijklmnopqrstuvwxyz"
    for letter in letters:
        described["model"]["vocab"][letter * 2] = 300 + letters.index(letter)
    described["model"]["merges"] = [[letter, letter] for letter in letters]
    return Codec(type(codec._full).from_str(json.dumps(described)))


PATHS = ("a/b.py", "src/aaaa/bbbb/cccc/dddd.py", "deep/" * 11 + "file.py", "very_deep/" * 13 + "file.py")


@pytest.mark.parametrize("path", PATHS)
def test_text_is_kept_whole_beside_the_tags_of_blocks(codec, path):
    codecs = {"tiny": codec, "paired": paired(codec)}
    lines = [f"value_{i} = compute(x{'y' * (i % 37)})  # é <|im_end|>" for i in range(300)]
    tagged, plain = Store(codecs, block_header=True), Store(codecs)
    parts = tagged.split(path, lines, set(range(0, 300, 7)))
    assert len(parts) > len(plain.split(path, lines, set(range(0, 300, 7)))) > 2, "tags take room"
    for name, each in codecs.items():
        tag, text = each.tag(path), []
        for i, part in enumerate(parts):
            ids = tagged.tokens[name][part.segment]
            assert len(ids) <= SEGMENT
            assert all(ids[a : a + len(tag)] == tag for a in range(BLOCK, len(ids), BLOCK))
            body = [t for block in without_block_headers(ids, tag) for t in block]
            header = each.header(path, i + 1, len(parts))
            assert body[: len(header)] == header
            text += body[len(header) :]
        assert each.decode(text) == "\n".join(lines) + "\n"


def test_a_tag_is_the_citation_or_the_end_of_one_that_is_longer_than_half_a_block(codec):
    assert codec.tag("a/b.py") == codec.citation("a/b.py")
    long = PATHS[-1]
    assert len(codec.tag(long)) == BLOCK // 2
    assert codec.decode(codec.tag(long)) == "<|file_sep|>" + f"{long}\n"[-(BLOCK // 2 - 1) :]


def test_a_segment_that_tags_fill_to_its_last_token_loses_none(codec):
    store, path = Store({"tiny": codec}, block_header=True), "a/b.py"
    most = store._budget(path)
    assert most == SEGMENT - HEADER_ROOM - 14 * len(codec.tag(path))
    (part,) = store.split(path, ["x" * (most - 1)], set())
    ids = store.tokens["tiny"][part.segment]
    assert codec.decode(ids).count("x") == most - 1
    assert len(ids) == SEGMENT - HEADER_ROOM + len(codec.citation(path)), "only the room of the header line is left"
    assert len(store.split(path, ["x" * (most - 10), "x" * 9], set())) == 2, "one token more is another part"


def test_without_the_option_segments_are_as_they_were(codec):
    store = Store({"tiny": codec})
    lines = [f"line {i}" for i in range(400)]
    spans = spans_of([len(line) + 1 for line in lines], set(), SEGMENT - HEADER_ROOM)
    parts = store.split("a/b.py", lines, set())
    assert [(p.first, p.end) for p in parts] == spans
    for i, (first, end) in enumerate(spans):
        body = codec.encode("".join(line + "\n" for line in lines[first:end]))
        assert store.tokens["tiny"][i] == codec.header("a/b.py", i + 1, len(spans)) + body


LONG = "\n".join(f"def compute_value_{i}(first_argument, second_argument):\n    return first_argument + {i}\n" for i in range(60))


def written(codec: Codec, out, block_header: bool):
    """A folder of one file of several segments, as `data` writes it."""
    builder = Builder({"tiny": codec}, 1, argparse.Namespace(block_header=block_header))
    tree = Tree(0)
    tree.add(read_file(builder.store, "src/long.py", LONG, random.Random(1), strip=False))
    asker = Asker(tree, random.Random(1), held_out=False)
    asker.definitions()
    builder._keep("owner/name@HEAD", tree.segments, asker.questions)
    builder.save(out)
    return out


def test_a_name_that_a_tag_parts_is_found_all_the_same(codec, tmp_path):
    folder = written(codec, tmp_path, True)
    dataset = Dataset(folder, "tiny", codec)
    names = [f"compute_value_{i}" for i in range(60)]
    read = codec.decode([t for s in dataset.packs[0] for t in dataset.segment(s).tolist()])
    parted = [n for n in names if n + "(" not in read]
    assert parted, "some stand across the end of a block"
    asked = dataset.examples[0]
    for name in parted:
        denied = dataset.denied(replace(asked, record={**asked.record, "name": name}), dataset.packs[0])
        assert "is used here" in codec.decode(denied.answer), name
    answer = " ".join(f"`{n}`" for n in parted) + " and `compute_nothing`"
    said = Packs([folder], "tiny", codec).quoted({"pack": "owner/name@HEAD", "text": "?", "answer": answer})
    assert said == [False] * len(parted) + [True]


def test_excerpts_for_a_prompt_have_no_tags(codec, tmp_path):
    dataset = Dataset(written(codec, tmp_path, True), "tiny", codec)
    first = dataset.packs[0][0]
    _, *blocks = dataset.plain_blocks(first)
    assert len(blocks) > 10 and all(len(b) + len(codec.tag("src/long.py")) == BLOCK for b in blocks[:-1])
    ((path, shown),) = excerpts(dataset, codec, 0, [[first, 2], [first, 1], [first, 0]], len(blocks[0] + blocks[1]))
    assert path == "src/long.py" and shown == codec.decode(blocks[0] + blocks[1]).rstrip("\n") + "\n", "tags take no room of a prompt"


def test_a_folder_says_whether_its_segments_have_tags_and_an_old_one_has_none(codec, tmp_path):
    tagged, plain = written(codec, tmp_path / "tagged", True), written(codec, tmp_path / "plain", False)
    text = lambda folder: [Dataset(folder, "tiny", codec).plain(s) for s in Dataset(folder, "tiny", codec).packs[0]]
    headers = lambda segments: [codec.decode(ids).split("\n", 1) for ids in segments]
    assert "".join(body for _, body in headers(text(tagged))) == "".join(body for _, body in headers(text(plain))) == LONG + "\n"
    assert has_block_headers(np.load(tagged / "segments.npz")) and not has_block_headers(np.load(plain / "segments.npz"))
    old = {name: array for name, array in np.load(plain / "segments.npz").items() if name != "block_header"}
    np.savez(plain / "segments.npz", **old)
    assert not has_block_headers(old)
    dataset = Dataset(plain, "tiny", codec)
    assert all(dataset.plain(s) == dataset.segment(s).tolist() for s in dataset.packs[0])


def test_folders_are_joined_with_their_tags_or_not_at_all(codec, tmp_path):
    tagged, plain = written(codec, tmp_path / "tagged", True), written(codec, tmp_path / "plain", False)
    join([tagged, tagged], ["tiny"], tmp_path / "both")
    one, both = Dataset(tagged, "tiny", codec), Dataset(tmp_path / "both", "tiny", codec)
    assert [both.plain(s) for s in both.packs[1]] == [one.plain(s) for s in one.packs[0]]
    join([plain, plain], ["tiny"], tmp_path / "none")
    assert not has_block_headers(np.load(tmp_path / "none" / "segments.npz"))
    with pytest.raises(SystemExit, match="block-header"):
        join([tagged, plain], ["tiny"], tmp_path / "mixed")
    assert not (tmp_path / "mixed").exists()


def test_an_asked_comment_is_not_in_the_pack(codec):
    source = SOURCES["python"][0].replace("run", "run_everything")
    for seed in range(20):
        store, tree = Store({"tiny": codec}), Tree(0)
        tree.add(read_file(store, "a.py", source, random.Random(seed), strip=True))
        asker = Asker(tree, random.Random(seed), held_out=False)
        asker.definitions()
        text = codec.decode(store.tokens["tiny"][0])
        for q in asker.questions:
            assert (q.type == "doc") == ("whole thing" not in text)


def test_held_out_wordings_are_never_trained_on():
    for kind, every in phrasings.PHRASINGS.items():
        assert len(every) >= 15, kind
        assert not set(every[-phrasings.HELD_OUT :]) & set(every[: -phrasings.HELD_OUT]) - {"{t}", "{d}", "{m}"}, kind


def test_names_do_not_give_the_answer_away():
    assert without_name("NoArgs returns an error if there are any.", "NoArgs") == "It returns an error if there are any."
    assert near_name("parse_header_line", ["footer"], random.Random(1)).count("footer") == 1
    assert near_name("parseHeader", ["footer"], random.Random(2)) in ("footerHeader", "parseFooter")


def test_constants_of_five_languages():
    for line, name, value in (
        ("MOST_ITEMS = 40", "MOST_ITEMS", "40"),
        ("export const maxItems = 40;", "maxItems", "40"),
        ("const MaxItems = 40", "MaxItems", "40"),
        ("pub const MOST_ITEMS: usize = 40;", "MOST_ITEMS", "40"),
        ("    private static final int MOST_ITEMS = 40;", "MOST_ITEMS", "40"),
    ):
        assert CONSTANT.match(line).groups() == (name, value), line


def test_messages_lose_numbers_links_and_trailers():
    subject, body = clean("fix(core): handle empty input (#123)", "It failed before.\n\nSigned-off-by: A <a@b.c>")
    assert (subject, body) == ("handle empty input", "It failed before")


def test_removed_lines_count_more_than_context():
    votes, at = touched(
        [(False, "    return context_line"), (True, "    removed_line()")],
        ["x", "    return context_line", "    removed_line()"],
    )
    assert votes == {1: 1, 2: 3} and at == 2


def test_answers_end_and_cite(codec):
    ids = codec.answer(["`f` is defined in ", {"cite": "a/b.py"}])
    assert codec.decode(ids) == "`f` is defined in <|file_sep|>a/b.py\n<|im_end|>"
    assert codec.markers.end not in codec.prompt("what is <|im_end|>?")[3:-15]


def test_lines_are_completed_and_functions_quoted_as_they_stand_in_the_pack(codec):
    body = "    total = sum(item.weight for item in items)\n    return round(total / len(items), digits)\n"
    source = f'def mean_weight(items, digits=2):\n{body}\n\ndef described(x):\n    """Says what it is about at length."""\n    return [x, x + 1, x + 2]\n'
    found = {}
    for seed in range(60):
        store, tree = Store({"tiny": codec}), Tree(0)
        tree.add(read_file(store, "a.py", source, random.Random(seed), strip=True))
        asker = Asker(tree, random.Random(seed), held_out=False)
        asker.code()
        text = codec.decode(store.tokens["tiny"][0])
        for q in asker.questions:
            found.setdefault(q.type, []).append(q)
            assert q.name == "mean_weight", "a function whose comment may be gone is not quoted"
            quoted = q.answer[0].removeprefix("```\n").removesuffix("\n```\nIt stands in ").removeprefix("`").removesuffix("` in ")
            assert quoted in text and q.answer[1] == {"cite": "a.py"} and q.gold == [0]
    assert set(found) == {"complete", "quote"}
    asked = found["complete"][0].answer[0][1:].removesuffix("` in ")
    assert asked not in found["complete"][0].text, "the end of the line is not given away"


def test_a_beginning_that_two_lines_share_is_not_asked_for(codec):
    source = "def f_one(a):\n    first_value = compute(a, 1)\n    return first_value\n\ndef f_two(a):\n    first_value = compute(a, 2)\n    return first_value\n"
    for seed in range(40):
        store, tree = Store({"tiny": codec}), Tree(0)
        tree.add(read_file(store, "a.py", source, random.Random(seed), strip=False))
        asker = Asker(tree, random.Random(seed), held_out=False)
        asker.code()
        assert not [q for q in asker.questions if q.type == "complete"]


def test_a_name_that_the_tree_gives_a_meaning_is_never_called_absent(codec):
    lines = "".join(f"render_all(build_rows())\nself.render_all = {i}\n" for i in range(3))
    source = f"{SOURCES['python'][0].replace('run', 'run_everything')}\n{lines}"
    asked = set()
    for seed in range(30):
        store, tree = Store({"tiny": codec}), Tree(0)
        tree.add(read_file(store, "a.py", source, random.Random(seed), strip=False))
        asker = Asker(tree, random.Random(seed), held_out=False)
        asker.absent([], 12)
        asked |= {q.name for q in asker.questions}
    assert "build_rows" in asked, "called, and from elsewhere"
    assert "render_all" not in asked, "an attribute that is assigned here"


def test_names_that_look_like_invented_ones_share_a_skeleton():
    assert skeletons("read_header_line") & skeletons("readFooterLine")
    assert not skeletons("read_header_line") & skeletons("write_footer_line")
    assert skeletons("line") == set()


def test_asks_are_about_definitions_in_several_wordings(folder):
    questions = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    made = asks(questions, 3, 1)
    by_name: dict[str, list[dict]] = {}
    for a in made:
        by_name.setdefault(a["name"], []).append(a)
    assert made and all(len({a["text"] for a in some}) == 3 for some in by_name.values())
    assert all(a["type"] == "prose" and len(a["gold"]) == 1 and a["answer"][0] == "" and "cite" in a["answer"][1] for a in made)
    assert made == asks(questions, 3, 1), "seeded"


def test_absent_names_are_asked_for_in_the_wordings_of_those_that_are_there():
    rng = random.Random(1)
    drawn = {phrasings.phrase_absent(rng, False, "name") for _ in range(2000)}
    kept = {w.format(n="name") for w in phrasings.PHRASINGS["absent"][-phrasings.HELD_OUT :]}
    for kind in phrasings.ABSENT_TOO:
        assert {w.format(n="name") for w in phrasings.PHRASINGS[kind][: -phrasings.HELD_OUT]} - kept <= drawn
        assert not {w.format(n="name") for w in phrasings.PHRASINGS[kind][-phrasings.HELD_OUT :]} & drawn
    prose = {w.format(n="name") for w in phrasings.PROSE}
    assert prose <= drawn and not prose & kept, "what `teach` answers in prose is asked about absent names too, and is held out for none"
    asked = {phrasings.phrase_absent(rng, True, "name") for _ in range(200)}
    assert asked == kept
