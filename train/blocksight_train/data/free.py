"""Questions in words that the project's people wrote themselves: names of tests, entries of changelogs, headings above examples,
help of command-line options. What the words stand in is not in the pack, but for the help, which stands where the option is made."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict

from .definitions import NOT_PLAIN, Definition, definitions, language_of
from .options import options_of, without_option
from .questions import SPAN, Asker, Placed, Question, SourceFile, Tree, words_of
from .written import (
    bare,
    entries_of,
    examples_of,
    mostly_prose,
    plain,
    telling,
    tidy_title,
    titled_tests,
    without_name,
    without_trailer,
    without_words,
)

CHANGE_FILES = re.compile(
    r"(^|/)((changes?|change[_-]?logs?|history|news|newsfragments|whats_?new|release[_-]?notes)([-_. ]?\d[\w.-]*)?(/[^/]+)*|changelog[^/]*)\.(md|rst|txt)$",
    re.I,
)
HELPER = re.compile(r"(^|/)_*(tests?|test_?utils?|fakes?|mocks?|testdata|fixtures?)(/|\.)", re.I)  # what tests are made with
NO_GUIDE = re.compile(
    r"(^|/)(vendor|node_modules|third_party)/|licen[cs]e|authors|contributing|code_of_conduct|migrat|(^|/)(?!en)[a-z]{2}(-[a-z]+)?/|\.[a-z]{2}(-\w+)?\.md$",
    re.I,
)
README = re.compile(r"(^|/)readme\.(md|rst)$", re.I)
MOST_TEST_FILES = 300  # of a repository; more say the same
MOST_OF_ONE = 3  # questions of a type about one definition, so that no helper of all tests outweighs the others
LEAST_TELLING = 3  # words that a question must have besides the common ones

NAME = re.compile(r"(?<![-/\w])(?=\w*(?:[a-z\d][A-Z]|[A-Za-z]_\w))[A-Za-z]\w+")
# An entry about what is gone or about no code.
NO_CHANGE = re.compile(r"(?:remov|renam|drop|delet)|.*(?:\btests?\b|docs?\b|document|\btypo|spelling)", re.I)
BROKEN = re.compile(r"\bthis(?:s\b|::|[#?]|\.\w)|[\w.]/this|\bthis\b.*\bthis\b.*\bthis\b")  # what is left of a name in a longer one
CALL = re.compile(r"(?:(\w+)(?:\.|::))?(?<!def )(?<!fn )(?<!func )\b([A-Za-z_]\w*)!?(?:::<[^>]*>|<[\w, ]*>)?\(")


def subject(title: str, called: dict[str, Placed | None]) -> Placed | None:
    """What a test is about: of what it calls, the one that shares most words with its title, or the only one.
    None where that is not in the tree, or not by one definition."""
    said = telling(title)
    shared = {name: len(said & telling(name)) for name in called}
    most = max(shared.values(), default=0)
    best = [called[name] for name, n in shared.items() if n == most]
    return best[0] if len(best) == 1 else None


def common(p: Placed) -> bool:
    """Whether the name may be anybody's method or parameter, or a word of the language."""
    return len(words_of(p.d.name)) < 2 and p.d.kind == "function"


def belong(test: str, p: Placed) -> bool:
    """Whether a test's file is named for the definition's file, folder or type. Without that a test's helper passes for its subject."""
    folder, _, file = test.rpartition("/")
    return bool(
        (telling(file.rsplit(".", 1)[0]) or telling(folder.rsplit("/", 1)[-1]))
        & telling(f"{'/'.join(p.path.split('/')[-2:])} {p.d.dotted}")
    )


class Free:
    """Makes the questions of one tree. `texts`: all source files of the commit, `docs`: its documentation; `project`: its name."""

    def __init__(self, tree: Tree, rng: random.Random, held_out: bool, texts: dict[str, str], docs: dict[str, str], project: str = ""):
        self.tree, self.rng, self.texts, self.docs, self.project = tree, rng, texts, docs, project
        self.asker = Asker(tree, rng, held_out)
        outside = [p for p in sorted(texts) if p not in tree.files and language_of(p)]
        self.tests = [p for p in outside if NOT_PLAIN.search(p)]
        code = [p for p in outside if not NOT_PLAIN.search(p)]
        # A name that other files define too may mean theirs.
        self.elsewhere = {d.name for p in code for d in definitions(texts[p], language_of(p) or "")}
        self.count: Counter[tuple[str, str]] = Counter()

    def questions(self) -> list[Question]:
        self._tests()
        self._changes()
        self._headings()
        self._options()
        return self.asker.questions

    def _ask(self, kind: str, found: list[tuple[str, Placed]]) -> None:
        """A text that means several definitions means none."""
        meant = defaultdict(set)
        for text, p in found:
            meant[text].add(p)
        for text, (p, *others) in meant.items():
            gives_away = p.path.rsplit("/", 1)[-1].lower() in text.lower()
            if not others and not gives_away and self.count[kind, p.d.name] < MOST_OF_ONE:
                self.count[kind, p.d.name] += 1
                self.asker.ask(kind, p, {"t": text}, {"n": p.d.name})

    def resolve(self, name: str) -> Placed | None:
        """The one definition of the repository that has the name, where it is in the tree and no test's."""
        every = self.tree.by_name.get(name, [])
        if len(every) != 1 or len(name) < 4 or name.startswith("__") or name in self.elsewhere or NOT_PLAIN.search(every[0].path):
            return None
        above = self.tree.files[every[0].path].lines[: every[0].d.first]
        return None if any("#[cfg(test)]" in line for line in above) else every[0]

    def called(self, code: str) -> dict[str, Placed | None]:
        """What code calls of all that the repository defines, by name; None for what does not resolve. A name of one word may be
        a method of anything: its type or module has to be named too."""
        found: dict[str, Placed | None] = {}
        for owner, name in CALL.findall(code):
            name = owner if name == "new" else name
            if name not in self.tree.by_name and name not in self.elsewhere:
                continue
            placed = self.resolve(name)
            if placed and common(placed):
                of_type = placed.d.parent and re.search(rf"\b{placed.d.parent}\b", code)
                of_module = owner in re.split(r"\W", placed.path) if owner else not re.search(rf"\.{name}\(", code)
                placed = placed if of_type or (not placed.d.parent and of_module) else None
            found[name] = placed
        return found

    def body(self, p: Placed) -> str:
        return "\n".join(self.tree.files[p.path].lines[p.d.first : p.d.end])

    def _tests(self) -> None:
        paths = self.tests if len(self.tests) <= MOST_TEST_FILES else self.rng.sample(self.tests, MOST_TEST_FILES)
        found = [(path, *t) for path in paths for t in titled_tests(self.texts[path], language_of(path) or "")]
        self.rng.shuffle(found)
        asked = []
        for path, title, body in found:
            p = subject(title, self.called(body))
            if p is None or not belong(path, p) or HELPER.search(p.path):
                continue
            if " " in title:
                text = tidy_title(without_name(title, p.d.name))
            else:
                text = tidy_title(" ".join(without_words(words_of(title), words_of(p.d.name))))
            left = telling(text)
            cut = len(left) < len(telling(title))
            told = len(left) >= LEAST_TELLING + cut and len(left & telling(self.body(p))) > 1
            named = p.d.name in text or p.d.name.lower() in text.lower().split()
            if 20 <= len(text) <= 140 and told and not named and mostly_prose(text):
                asked.append((text, p))
        self._ask("test", asked)

    def _changes(self) -> None:
        entries = [e for path in sorted(self.docs) if CHANGE_FILES.search(path) for e in entries_of(self.docs[path])]
        entries = list(dict.fromkeys(entries))
        self.rng.shuffle(entries)
        asked = []
        for entry in entries:
            named = self.named(entry)
            if len(named) != 1 or NO_CHANGE.match(entry):
                continue
            name, p = next(iter(named.items()))
            text = without_trailer(plain(without_name(entry, name)))
            left = telling(text)
            told = len(left) > LEAST_TELLING and left & telling(self.body(p)) and not BROKEN.search(text)
            several = len(NAME.findall(text)) > 2 or len(re.findall(r"\w\(", text)) > 1
            if 35 <= len(text) <= 260 and told and not several and name not in text and mostly_prose(text):
                asked.append((text, p))
        self._ask("change", asked)

    def named(self, text: str) -> dict[str, Placed]:
        """Definitions that prose names: in backticks, or as a name of several words, which no prose has by chance."""
        found = {n: p for n in NAME.findall(text) if (p := self.resolve(n))}
        for m in SPAN.finditer(text):
            *owner, name = re.split(r"\.|::|#", m.group(1).rstrip("()").strip("~!"))
            p = self.resolve(name)
            of_owner = p and owner and owner[-1] in (p.d.parent, *re.split(r"\W", p.path))
            function = p and not owner and not p.d.parent and re.search(r":\w+:|\(", m.group())
            if p and (not common(p) or of_owner or function):
                found[name] = p
        return found

    def _headings(self) -> None:
        found = []
        for path in sorted(self.docs, key=lambda p: (not README.search(p), p)):
            if not CHANGE_FILES.search(path) and not NO_GUIDE.search(path):
                found += list(examples_of(self.docs[path]))
        asked = []
        for heading, paragraph, code in dict.fromkeys(found):
            called = self.called(code)
            name, p = next(iter(called.items()), ("", None))
            if len(called) != 1 or p is None:
                continue
            said = f"{heading}: {paragraph}" if telling(heading) and name not in heading else paragraph
            text = bare(plain(without_name(said, name)))
            words = telling(name) - telling(self.project)  # the project's own name is said everywhere
            about = words and (name in said or len(telling(said) & words) >= min(2, len(words)))
            told = about and len(telling(text)) > LEAST_TELLING + 1 and not BROKEN.search(text)
            sentence = len(telling(without_name(paragraph, name))) >= LEAST_TELLING  # "Similarly, for flags" is none
            if 40 <= len(text) <= 300 and name not in text and told and sentence and mostly_prose(text):
                asked.append((text, p))
        self._ask("heading", asked)

    def _options(self) -> None:
        places: dict[str, list[tuple[str, SourceFile, int]]] = defaultdict(list)
        for file in self.tree.files.values():
            if not NOT_PLAIN.search(file.path):
                for name, text, line in options_of("\n".join(file.lines), language_of(file.path) or ""):
                    places[without_option(text, name)].append((name, file, line))
        for text, ((name, file, line), *others) in places.items():
            told = 25 <= len(text) <= 200 and len(telling(text)) >= LEAST_TELLING and mostly_prose(text)
            if told and not others and name not in ("--help", "--version"):
                d = Definition(name, "", "option", line, line + 1, "", None, range(0))
                self.asker.ask("option", Placed(d, file.path, file.segment_at(line)), {"t": text}, {"o": name})
