"""Questions in the words of tests, changelogs, guides and command-line help."""

import random
import subprocess
from argparse import Namespace

import pytest

from blocksight_train.data import build
from blocksight_train.data.build import Builder
from blocksight_train.data.free import CHANGE_FILES, Free
from blocksight_train.data.options import options_of, without_option
from blocksight_train.data.questions import Tree, read_file
from blocksight_train.data.segments import Store
from blocksight_train.data.written import (
    entries_of,
    examples_of,
    mostly_prose,
    plain,
    tidy_title,
    titled_tests,
    without_name,
    without_trailer,
)

SOURCE = '''import argparse


def resolve_redirect(response, fragment):
    """Follows where a response points to."""
    target = response.headers["location"]
    return target if "#" in target else target + "#" + fragment


def retry_count(limit):
    return [attempt for attempt in range(limit)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", "--most-hops", type=int, help="Give up after so many redirects in a row "
                        "(default: 20)")
    return parser.parse_args()
'''
TESTS = """from web import resolve_redirect


def test_redirect_keeps_fragment_of_response():
    assert resolve_redirect(answer("/b"), "top") == "/b#top"


def test_resolve_redirect():
    assert resolve_redirect(answer("/b#x"), "top") == "/b#x"
"""
CHANGES = """# Changes

## 2.1

- Fixed `resolve_redirect` losing the fragment of a response without location (#123). Thanks to Ada.
- Moved `resolve_redirect` and `retry_count` next to each other for good reasons.
- Removed the last argument of `retry_count` that limited each attempt.
"""
README = """# Web

## Following redirects

Where a response points somewhere else, the redirect is resolved to a target that keeps the fragment:

```python
print(resolve_redirect(response, "top"))
```

Both at once, with a limit for each attempt of following the target:

```python
resolve_redirect(response, retry_count(3))
```
"""
DOCS = {"CHANGES.md": CHANGES, "README.md": README}


def asked(codec, source=SOURCE, tests=TESTS, docs=DOCS, held_out=False):
    store, tree, rng = Store({"tiny": codec}), Tree(0), random.Random(1)
    tree.add(read_file(store, "web/redirect.py", source, rng, strip=False))
    texts = {"web/redirect.py": source, "tests/test_redirect.py": tests}
    return Free(tree, rng, held_out, texts, docs, "owner/web").questions()


def test_every_source_asks_for_the_one_definition_that_it_is_about(codec):
    made = {q.type: q for q in asked(codec)}
    assert {kind: q.name for kind, q in made.items()} == {
        "test": "resolve_redirect", "change": "resolve_redirect", "heading": "resolve_redirect", "option": "--most-hops",
    }  # fmt: skip
    assert "redirect keeps fragment of response" in made["test"].text
    assert "Fixed this losing the fragment of a response without location" in made["change"].text
    assert "Following redirects: Where a response points somewhere else" in made["heading"].text
    assert "Give up after so many redirects in a row" in made["option"].text
    for q in made.values():
        assert q.name not in q.text and "123" not in q.text and "Ada" not in q.text, "what gives the place away is gone"
        assert q.answer[-1] == {"cite": "web/redirect.py"} and q.name in q.answer[0]


def test_every_source_asks_once_for_a_text(codec):
    made = asked(codec)
    assert sorted(q.type for q in made) == ["change", "heading", "option", "test"], "two names, or none but the subject's, give no question"


def test_a_name_that_another_file_defines_too_is_no_gold(codec):
    store, tree, rng = Store({"tiny": codec}), Tree(0), random.Random(1)
    tree.add(read_file(store, "web/redirect.py", SOURCE, rng, strip=False))
    texts = {"web/redirect.py": SOURCE, "web/other.py": "def resolve_redirect():\n    pass\n", "tests/test_redirect.py": TESTS}
    assert {q.type for q in Free(tree, rng, False, texts, DOCS).questions()} == {"option"}


def test_a_test_whose_file_is_in_the_pack_is_not_asked(codec):
    store, tree, rng = Store({"tiny": codec}), Tree(0), random.Random(1)
    texts = {"web/redirect.py": SOURCE, "tests/test_redirect.py": TESTS}
    for path, text in texts.items():
        tree.add(read_file(store, path, text, rng, strip=False))
    assert not [q for q in Free(tree, rng, False, texts, {}).questions() if q.type == "test"]


def test_a_title_that_two_definitions_share_is_not_asked(codec):
    tests = TESTS + TESTS.replace("resolve_redirect(", "resolve_response(")
    source = SOURCE + SOURCE[SOURCE.index("def resolve") : SOURCE.index("def retry")].replace("resolve_redirect", "resolve_response")
    assert [q.name for q in asked(codec, source, TESTS, {}) if q.type == "test"] == ["resolve_redirect"]
    assert not [q for q in asked(codec, source, tests, {}) if q.type == "test"]


@pytest.mark.parametrize(
    ("language", "source", "title"),
    [
        ("python", "class TestStore:\n    def test_refuses_a_closed_socket(self):\n        open_store()\n", "refuses_a_closed_socket"),
        ("javascript", "it('refuses a \\'closed\\' socket', async () => {\n  openStore(')')\n})\n", "refuses a 'closed' socket"),
        ("typescript", "test.only(`refuses a closed socket`, () => openStore());\n", "refuses a closed socket"),
        ("go", "package a\n\nfunc TestRefusesAClosedSocket(t *testing.T) {\n\topenStore()\n}\n", "RefusesAClosedSocket"),
        ("rust", "#[tokio::test]\nasync fn refuses_a_closed_socket() {\n    open_store();\n}\n", "refuses_a_closed_socket"),
        ("java", "class A {\n  @Test\n  void testRefusesAClosedSocket() {\n    openStore();\n  }\n}\n", "RefusesAClosedSocket"),
    ],
)
def test_tests_of_six_languages_have_title_and_body(language, source, title):
    ((found, body),) = titled_tests(source, language)
    assert found == title
    assert "open" in body and body.rstrip().endswith((")", "}")), "the whole of it"


def test_what_is_no_test_has_no_title():
    assert not list(titled_tests("fn helper() {\n    open_store();\n}\n", "rust"))
    assert not list(titled_tests("class A {\n  void helper() {}\n}\n", "java"))
    assert not list(titled_tests("it(`adds ${a}`, () => {});\nexit('now', 1);\nit('is never closed', () => {\n", "javascript"))


def test_titles_lose_their_marks():
    assert tidy_title("regression test for keeping the fragment (#1234)") == "keeping the fragment"
    assert tidy_title("test that it holds, issue 12") == "it holds,"
    assert tidy_title("testament is read") == "testament is read"


def test_entries_are_single_lines_without_code_and_headings():
    text = "# 2.0\n\nNotes\n=====\n\n* One thing\n  goes on\n* Another\n\n  ```\n  code()\n  ```\n\n.. note::\n"
    assert [e for e in entries_of(text) if e] == ["Notes", "One thing goes on", "Another"]


def test_entries_lose_numbers_hashes_scopes_and_thanks():
    for entry, left in (
        ("**core:** handle empty input ([#12](https://x.y/12)) ([abc1234](https://x.y/c))", "handle empty input"),
        ("LANG-1234: Handle empty input. Thanks to Ada Lovelace.", "Handle empty input"),
        ("Handle empty input -- by :user:`ada`.", "Handle empty input"),
        ("Handle empty input. {issue}`12` {pr}`13`", "Handle empty input"),
        ("**Breaking change:** handle empty input (Pull #12)", "handle empty input"),
        ("fix(core): handle empty input, closes #12", "handle empty input"),
        ("Handle empty input by @ada in https://x.y/pull/12", "Handle empty input"),
    ):
        entry = next(entries_of(entry))
        assert without_trailer(plain(entry)) == left, entry


def test_names_are_replaced_with_all_that_belongs_to_them():
    for text in (
        "Use `Store.read_item()` here",
        "Use :meth:`~Store.read_item` here",
        "Use [`read_item`](#read) here",
        "Use Store::read_item here",
        "Use `.read_item()` here",
    ):
        assert without_name(text, "read_item") == "Use this here", text
    assert without_name("`read` reads what can be read", "read") == "this reads what can be read", "a word of the sentence stays"


def test_changelogs_are_known_by_their_names():
    for path in ("CHANGES.md", "CHANGELOG-2.md", "docs/changelog/12.bugfix.rst", "HISTORY.rst", "docs/whatsnew/1.0.rst"):
        assert CHANGE_FILES.search(path), path
    for path in ("docs/exchange.md", "README.md", "docs/changing.rst"):
        assert not CHANGE_FILES.search(path), path


def test_examples_have_the_heading_and_the_paragraph_above_them():
    restructured = "Reading\n=======\n\nReads it::\n\n    read_item(1)\n\nText.\n\n.. code-block:: python\n\n    write_item(1)\n\nEnd.\n"
    assert [(h, p, c.strip()) for h, p, c in examples_of(restructured)] == [
        ("Reading", "Reads it", "read_item(1)"),
        ("Reading", "Text.", "write_item(1)"),
    ]
    assert not list(examples_of("# Reading\n\n```\nread_item(1)\n```\n")), "nothing is said about it"


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", 'parser.add_argument("-x", "--deep-scan", help="Look into " "every folder")'),
        ("python", '@click.option("--deep-scan/--flat", is_flag=True, help=_("Look into every folder"))'),
        ("go", 'cmd.Flags().BoolVarP(&deep, "deep-scan", "x", false, "Look into every folder")'),
        ("go", 'f := &cli.BoolFlag{Name: "deep-scan", Usage: "Look into every folder"}'),
        ("rust", 'let a = Arg::new("deep").long("deep-scan").short(\'x\').help("Look into every folder");\n'),
        ("rust", "struct Opts {\n    /// Look into\n    /// every folder\n    ///\n    /// More.\n    #[arg(long, short = 'x')]\n    pub deep_scan: bool,\n}\n"),
        ("typescript", 'program.option("-x, --deep-scan <how>", "Look into every folder")'),
        ("javascript", "yargs.option('deep-scan', { type: 'boolean', describe: 'Look into every folder' })"),
    ],
)  # fmt: skip
def test_options_of_the_usual_libraries_have_name_and_help(language, source):
    ((name, said, line),) = options_of("\n\n" + source, language)
    assert (name, said) == ("--deep-scan", "Look into every folder")
    assert line == (7 if "struct" in source else 2)


def test_lines_of_a_usage_text_are_options():
    usage = "const usage = `usage: scan [options]\n  -x, --deep-scan        Look into every folder\n                         and every archive\n    --most=N             Stop early\n`"
    assert list(options_of(usage, "go")) == [("--deep-scan", "Look into every folder and every archive", 1)]


def test_an_option_without_help_or_long_name_is_not_asked():
    assert not list(options_of('parser.add_argument("--deep-scan")\nparser.add_argument("path", help="The path to scan")', "python"))
    assert not list(options_of('@Option(names = "--deep", description = "Look into it")', "java"))


def test_help_does_not_name_its_option_or_default():
    assert without_option("Look into every folder [default: no]", "--deep-scan") == "Look into every folder"
    assert without_option("Look into every folder. Defaults to no.", "--deep-scan") == "Look into every folder"
    assert without_option("Turn on with --deep-scan=yes", "--deep-scan") == "", "an example of the option itself"
    assert without_option("Set the deep_scan of every folder", "--deep-scan") == ""


def test_code_and_other_scripts_are_no_prose():
    assert mostly_prose("Keeps the fragment, if there is one")
    assert not mostly_prose("x = {a: 1, b: [2]}") and not mostly_prose("保留片段 of the address")


@pytest.fixture
def repository(tmp_path):
    """Two committed projects, whose tests do not fit the tree."""
    for folder in ("one", "two"):
        files = {"web/redirect.py": SOURCE, "tests/test_redirect.py": TESTS, **DOCS}
        for path, text in files.items():
            (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / path).write_text(
                text.replace("fragment", f"fragment_{folder}" if folder == "two" and path.endswith(".py") else "fragment")
            )
        for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "Begin"]):
            subprocess.run(["git", "-C", str(tmp_path / folder), *command], check=True)
    return tmp_path


def built(codec, repository) -> Builder:
    sizes = Namespace(head=1, sentences=40, prose=4, questions=40)
    builder = Builder({"tiny": codec}, 7, sizes)
    for folder in ("one", "two"):
        builder.head(str(repository / folder), f"owner/{folder}", "HEAD", held_out=False)
    return builder


def test_a_seed_gives_the_same_other_questions_and_segments_as_before_these_were_made(codec, repository, monkeypatch):
    new = built(codec, repository)
    monkeypatch.setattr(build.Free, "questions", lambda self: [])
    old = built(codec, repository)
    kinds = {"test", "change", "heading", "option"}
    for pack in (0, 1):
        assert {q.type for q in new.questions if q.pack == pack} > kinds, "each project has all four"
    assert [q for q in new.questions if q.type not in kinds] == old.questions
    assert (new.packs, new.store.paths, new.store.tokens, new.foreign, new.asks) == (
        old.packs,
        old.store.paths,
        old.store.tokens,
        old.foreign,
        old.asks,
    )
    monkeypatch.undo()
    assert built(codec, repository).questions == new.questions, "seeded"
