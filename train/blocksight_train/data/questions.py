"""Questions about one tree, with answers and gold segments. Which wording is drawn, and what is asked, depends on the seed alone."""

from __future__ import annotations

import random
import re
import textwrap
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from . import git, phrasings
from .definitions import NOT_PLAIN, Definition, definitions, language_of
from .segments import Part, Store

MOST_QUOTED_LINES = 14  # longer ones take more tokens than an answer is trained on
Answer = list[str | dict[str, str]]


@dataclass
class Question:
    type: str
    text: str
    answer: Answer
    gold: list[int]  # segments, the primary one first
    pack: int
    language: str
    name: str = ""  # the definition that is asked about, for `teach` and for reports
    facts: list[list[str]] = field(default_factory=list)  # what a right answer must hold, each in one of several spellings

    @property
    def record(self) -> dict[str, object]:
        return dict(vars(self))


@dataclass(frozen=True)
class Placed:
    """A definition and the segment that its first line is in."""

    d: Definition
    path: str
    segment: int

    @property
    def language(self) -> str:
        return language_of(self.path) or "text"


@dataclass
class SourceFile:
    path: str
    lines: list[str]
    defs: list[Definition]
    parts: list[Part]
    stripped: set[str]  # dotted names whose comment was removed

    def segment_at(self, line: int) -> int:
        return next(p.segment for p in self.parts if p.first <= line < p.end)

    def inner(self, line: int) -> Definition | None:
        around = [d for d in self.defs if d.first <= line < d.end]
        return min(around, key=lambda d: d.end - d.first) if around else None


@dataclass
class Tree:
    pack: int
    files: dict[str, SourceFile] = field(default_factory=dict)
    defs: list[Placed] = field(default_factory=list)
    by_name: dict[str, list[Placed]] = field(default_factory=lambda: defaultdict(list))
    words: set[str] = field(default_factory=set)
    calls: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))  # name: (path, line)

    def add(self, file: SourceFile) -> None:
        self.files[file.path] = file
        for d in file.defs:
            placed = Placed(d, file.path, file.segment_at(d.first))
            self.defs.append(placed)
            self.by_name[d.name].append(placed)
        for i, line in enumerate(file.lines):
            self.words.update(re.findall(r"\w+", line))
            for name in re.findall(r"(\w+)!?\(", line):
                self.calls[name].append((file.path, i))

    @property
    def segments(self) -> list[int]:
        return [p.segment for f in self.files.values() for p in f.parts]

    def once(self, placed: Placed) -> bool:
        return len(self.by_name[placed.d.name]) == 1


def read_file(store: Store, path: str, text: str, rng: random.Random, strip: bool) -> SourceFile:
    """Definitions and segments of a file. `strip`: half of the usable comments are taken out, to be asked for."""
    language = language_of(path)
    lines = text.split("\n")
    defs = definitions(text, language) if language else []
    gone: set[int] = set()
    stripped = set()
    for d in defs:
        if strip and d.doc and d.kind == "function" and len(d.name) > 3 and rng.random() < 0.5:
            stripped.add(d.dotted)
            gone.update(d.doc_lines)
    cuts = {d.first - len(d.doc_lines) * (language != "python") for d in defs if not d.parent or language == "java"}
    cuts |= set() if language else {i for i, line in enumerate(lines) if not line.strip()}
    return SourceFile(path, lines, defs, store.split(path, lines, cuts, gone), stripped)


def cite(text: str, path: str) -> Answer:
    return [text, {"cite": path}]


class Asker:
    """Makes the questions of one tree."""

    def __init__(self, tree: Tree, rng: random.Random, held_out: bool):
        self.tree, self.rng, self.held_out = tree, rng, held_out
        self.questions: list[Question] = []

    def ask(
        self,
        kind: str,
        placed: Placed,
        words: dict[str, str],
        fill: dict[str, str],
        gold: list[int] | None = None,
        path: str = "",
    ) -> None:
        text = phrasings.phrase(self.rng, kind, self.held_out, **words)
        answer = cite(self.rng.choice(phrasings.ANSWERS[kind]).format(**fill), path or placed.path)
        gold = gold or [placed.segment]
        self.questions.append(Question(kind, text, answer, gold, self.tree.pack, placed.language, placed.d.name))

    def definitions(self) -> None:
        """Names that differ from another one here in a single word are asked for more often: invented names look like them."""
        counted = Counter(s for name in self.tree.by_name for s in skeletons(name))
        alike = {s for s, n in counted.items() if n > 1}
        for p in self.tree.defs:
            name, once = p.d.name, self.tree.once(p)
            file = self.tree.files[p.path]
            if name.startswith("__") or len(name) < 4 or NOT_PLAIN.search(p.path):
                continue
            shown = p.d.dotted if self.rng.random() < 0.4 else name
            stripped = p.d.dotted in file.stripped
            if stripped and p.d.doc:
                self.ask("doc", p, {"d": without_name(p.d.doc, name)}, {"n": name})
                continue
            if not once:
                continue
            if self.rng.random() < (0.6 if skeletons(name) & alike else 0.25):
                self.ask("where", p, {"n": shown}, {"n": shown})
            if p.d.doc and self.rng.random() < 0.25:
                self.ask("what", p, {"n": shown}, {"d": p.d.doc.rstrip(".:") + "."})
            if p.d.kind == "function" and 12 < len(p.d.signature) < 140 and "(" in p.d.signature and self.rng.random() < 0.2:
                self.ask("signature", p, {"n": shown}, {"s": p.d.signature})
            if self.rng.random() < 0.5:
                self._base(p)
                self._default(p)
                self._caller(p)

    def _base(self, p: Placed) -> None:
        match = (
            re.search(r"^class \w+\((\w[\w.]*)", p.d.signature)
            if p.language == "python"
            else re.search(r"\bextends ([\w.]+)", p.d.signature)
        )
        if match and p.d.kind == "type" and match.group(1) not in ("object", "Exception"):
            self.ask("base", p, {"n": p.d.name}, {"n": p.d.name, "b": match.group(1)})

    def _default(self, p: Placed) -> None:
        found = re.findall(r"[(,]\s*(\w+)\??(?::[^=,()]+)?\s*=\s*([^,()={}\[\]]+?)\s*(?=[,)])", p.d.signature)
        found = [(name, value) for name, value in found if value not in ("None", "undefined")]
        if found and p.d.kind == "function" and p.language in ("python", "typescript", "javascript", "tsx"):
            name, value = self.rng.choice(found)
            self.ask("default", p, {"n": p.d.name, "p": name}, {"n": p.d.name, "p": name, "v": value})

    def _caller(self, p: Placed) -> None:
        uses = self.tree.calls.get(p.d.name, [])
        telling = len(p.d.name) > 7 and len(words_of(p.d.name)) > 1  # a short name may be another type's method
        if p.d.kind != "function" or not telling or not 1 < len(uses) < 8:
            return
        callers: dict[str, Placed] = {}
        for path, line in uses:
            inner = self.tree.files[path].inner(line)
            if inner and inner.name != p.d.name and not NOT_PLAIN.search(path):
                callers[inner.name] = Placed(inner, path, self.tree.files[path].segment_at(line))
        if len(callers) == 1:
            caller = next(iter(callers.values()))
            self.ask("callers", p, {"n": p.d.name}, {"n": p.d.name, "c": caller.d.name}, [caller.segment], caller.path)

    def twice(self) -> None:
        for name, every in self.tree.by_name.items():
            paths = sorted({p.path for p in every})
            plain = len(every) == 2 and len(paths) == 2 and len(name) > 4 and not any(NOT_PLAIN.search(p) for p in paths)
            if plain and not name.startswith("__") and self.rng.random() < 0.3:
                text = phrasings.phrase(self.rng, "twice", self.held_out, n=name)
                answer: Answer = [f"`{name}` is defined in two files: ", {"cite": paths[0]}, {"cite": paths[1]}]
                gold = [p.segment for p in every]
                self.questions.append(Question("twice", text, answer, gold, self.tree.pack, every[0].language, name))

    def lines(self) -> None:
        """Constants and error messages."""
        seen = Counter(m for f in self.tree.files.values() for line in f.lines for m in MESSAGE.findall(line))
        for file in self.tree.files.values():
            if NOT_PLAIN.search(file.path) or not language_of(file.path):
                continue
            for i, line in enumerate(file.lines):
                inner = file.inner(i)
                constant = CONSTANT.match(line)
                if constant and self.rng.random() < 0.3 and len(constant.group(1)) > 3:
                    placed = Placed(
                        Definition(constant.group(1), "", "constant", i, i + 1, "", None, range(0)),
                        file.path,
                        file.segment_at(i),
                    )
                    self.ask(
                        "constant",
                        placed,
                        {"n": constant.group(1)},
                        {"n": constant.group(1), "v": constant.group(2).strip()},
                    )
                window = line + (file.lines[i + 1] if i + 1 < len(file.lines) else "")
                message = MESSAGE.search(line)
                if message and inner and RAISES.search(window if RAISES.search(line) else file.lines[i - 1] + line):
                    text = message.group(1)
                    if seen[text] == 1 and self.rng.random() < 0.3:
                        self.ask("error", Placed(inner, file.path, file.segment_at(i)), {"m": text}, {"n": inner.name})

    def code(self) -> None:
        """Lines to be completed and functions to be quoted, as they stand in the pack: nothing that a removed comment was in."""
        seen = Counter(line.strip() for file in self.tree.files.values() for line in file.lines)
        for file in self.tree.files.values():
            if NOT_PLAIN.search(file.path) or not language_of(file.path):
                continue
            commented = {i for d in file.defs for i in d.doc_lines}
            for d in file.defs:
                body = range(d.first, d.end)
                if d.kind != "function" or not commented.isdisjoint(body):
                    continue
                placed = Placed(d, file.path, file.segment_at(d.first))
                text = textwrap.dedent("\n".join(file.lines[d.first : d.end])).strip("\n")
                whole = file.segment_at(d.end - 1) == placed.segment
                if (
                    whole
                    and self.tree.once(placed)
                    and 3 <= len(body) <= MOST_QUOTED_LINES
                    and len(d.name) > 3
                    and self.rng.random() < 0.15
                ):
                    self.ask("quote", placed, {"n": d.dotted}, {"s": text})
                if self.rng.random() < 0.15:
                    self._line(file, d, seen)

    def _line(self, file: SourceFile, d: Definition, seen: Counter[str]) -> None:
        """A line that stands once, cut behind its half where a name ends: the beginning is asked, and no other line begins so."""
        lines = [(i, file.lines[i].strip()) for i in range(d.first + 1, d.end)]
        lines = [(i, line) for i, line in lines if 24 <= len(line) <= 110 and seen[line] == 1 and "`" not in line]
        if not lines:
            return
        i, line = self.rng.choice(lines)
        cuts = [m.end() for m in re.finditer(r"\W+", line) if len(line) * 0.4 <= m.end() < len(line) - 6]
        beginning = line[: self.rng.choice(cuts)].rstrip() if cuts else ""
        if len(beginning) > 8 and sum(n for other, n in seen.items() if other.startswith(beginning)) == 1:
            self.ask("complete", Placed(d, file.path, file.segment_at(i)), {"l": beginning}, {"s": line})

    def sentences(self, docs: dict[str, str], most: int) -> None:
        """Sentences of the documentation whose one resolvable name is removed. The documentation is not in the pack."""
        found, seen = [], set()
        for path, text in docs.items():
            if re.search(
                r"licen[cs]e|authors|contributing|code_of_conduct|changelog|history|migrat|(^|/)(?!en)[a-z]{2}/docs?/",
                path,
                re.I,
            ):
                continue
            text = re.sub(r"```.*?```|^(\.\. .*|\s*:\w+:.*|[=\-~^#*]{3,})$", "", text, flags=re.M | re.S)
            for paragraph in re.split(r"\n\s*\n|\n(?=\s*[-*] )", text):
                if paragraph.startswith(("    ", "\t", ">>>", "|", "#")):
                    continue
                for sentence in re.split(r"(?<=[.!?])\s+", " ".join(paragraph.split()).lstrip("-* ")):
                    if 45 <= len(sentence) <= 260 and sentence not in seen:
                        seen.add(sentence)
                        blank = self._blank(sentence)
                        if blank:
                            found.append(blank)
        self.rng.shuffle(found)
        for text, placed in found[:most]:
            self.ask("sentence", placed, {"t": text}, {"n": placed.d.name})

    def _blank(self, sentence: str) -> tuple[str, Placed] | None:
        for match in SPAN.finditer(sentence):
            name = re.split(r"\.|::|#", match.group(1).rstrip("()").strip("~!"))[-1]
            every = self.tree.by_name.get(name, [])
            if len(every) == 1 and len(name) > 3 and not NOT_PLAIN.search(every[0].path):
                text = sentence[: match.start()] + "this" + sentence[match.end() :]
                text = re.sub(r"\[([^\]]*)\]\([^)]*\)|:\w+:|`", lambda m: m.group(1) or "", text)
                return (text, every[0]) if name not in text else None
        return None

    def prose(self, most: int) -> list[Question]:
        """Free questions without answers, for `teach`: about a definition, about two that belong together, about the words in a name."""
        long = [p for p in self.tree.defs if 6 <= p.d.end - p.d.first <= 160 and len(p.d.name) > 4 and not p.d.name.startswith("__")]
        long = [p for p in long if self.tree.once(p) and not NOT_PLAIN.search(p.path)]
        asked = []
        for p in self.rng.sample(long, min(most, len(long))):
            uses = [(f, i) for f, i in self.tree.calls.get(p.d.name, []) if not NOT_PLAIN.search(f)]
            inner = [(self.tree.files[f].inner(i), f, i) for f, i in uses[:8]]
            callers = [(d, f, i) for d, f, i in inner if d and d.name != p.d.name and len(d.name) > 4]
            words, gold, draw = " ".join(words_of(p.d.name)), [p.segment], self.rng.random()
            if callers and draw < 0.4:
                d, f, i = callers[0]
                text = self.rng.choice(phrasings.PROSE_TWO).format(n=d.name, m=p.d.name)
                gold = list(dict.fromkeys([p.segment, self.tree.files[f].segment_at(i)]))
            elif words.count(" ") and draw > 0.7:
                text = self.rng.choice(phrasings.PROSE_WORDS).format(w=words)
            else:
                text = self.rng.choice(phrasings.PROSE).format(n=p.d.name)
            asked.append(Question("prose", text, cite("", p.path), gold, self.tree.pack, p.language, p.d.name))
        return asked

    def absent(self, foreign: list[str], count: int) -> None:
        """Names of other repositories, names close to those here, and names that are used here but come from elsewhere."""
        mine = [p for p in self.tree.defs if len(p.d.name) > 5]
        if not mine:
            return
        introduced = {n for f in self.tree.files.values() for line in f.lines for pair in INTRODUCED.findall(line) for n in pair}
        known = self.tree.by_name.keys() | introduced
        used = [n for n, c in self.tree.calls.items() if n not in known and len(n) > 5 and len(c) > 2]
        parts = sorted({w for p in mine for w in words_of(p.d.name) if len(w) > 3})
        for i in range(count):
            kind = ("foreign", "near", "near", "used")[i % 4]
            if kind == "used" and used:
                name, answer = self.rng.choice(used), phrasings.USED_ONLY
            elif kind == "near" and len(parts) > 4:
                name, answer = near_name(self.rng.choice(mine).d.name, parts, self.rng), phrasings.ABSENT
            else:
                name, answer = self.rng.choice(foreign or parts), phrasings.ABSENT
            if name in self.tree.by_name or (answer is phrasings.ABSENT and name in self.tree.words):
                continue
            text = phrasings.phrase_absent(self.rng, self.held_out, name)
            self.questions.append(Question("absent", text, [answer.format(n=name)], [], self.tree.pack, mine[0].language, name))


CONSTANT = re.compile(
    r"^\s{0,4}(?:export |pub(?:\([^)]*\))? |public |private |protected |static |final )*(?:const |let )?(?:(?:int|long|String|double) )?"
    r"([A-Z][A-Z0-9_]{3,}|(?<=const )[A-Za-z]\w{4,})(?:\s*:\s*[^=]+)?(?: (?:int|string|\w+\.\w+))?\s*=\s*"
    r"([-+]?[\d][\w.]*(?: \* \d+)*|\"[^\"]{1,60}\"|'[^']{1,60}'|true|false|True|False);?\s*(?:(?:#|//).*)?$"
)
MESSAGE = re.compile(r"[\"'`]([A-Z\w][^\"'`{}%\\$]{16,90})[\"'`]")
RAISES = re.compile(
    r"\b(raise|throw|panic!?|errors\.New|Errorf|bail!|anyhow!|ensure!|Err\(|expect\(|checkArgument|checkNotNull|abort|fail)\b"
)
# What may give a name its meaning besides a definition: an assignment, a field, a parameter with a type, a macro.
INTRODUCED = re.compile(r"(\w{6,})(?:\?? *(?::?=(?!=)|:(?!:)))|\b(?:macro_rules!|type|enum|namespace|def|fn|func|function) +(\w{6,})")
SPAN = re.compile(r"(?:\[?:\w+:)?(?<!`)`{1,2}([A-Za-z_~!][\w.:#]*)(?:\(\))?`{1,2}(?!`)\]?(?:\([^)]*\))?")


def words_of(name: str) -> list[str]:
    """CamelCase or snake_case to lower-case words."""
    return [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def skeletons(name: str) -> set[tuple[str, ...]]:
    """The name's words with each one left open in turn. Names of one word have none."""
    words = words_of(name)
    return {(*words[:i], "", *words[i + 1 :]) for i in range(len(words))} if len(words) > 1 else set()


def without_name(sentence: str, name: str) -> str:
    """A describing sentence that does not give its name away: Go and Rust comments open with it."""
    sentence = re.sub(rf"^(The )?`?{re.escape(name)}`?(\(\))?\s+(?=\w)", "It ", sentence)
    return re.sub(rf"\b{re.escape(name)}\b", "it", sentence)


def near_name(name: str, parts: list[str], rng: random.Random) -> str:
    """The name with one of its words exchanged, in the same style."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|_+", name)
    places = [i for i, w in enumerate(words) if len(w) > 2] or [len(words) - 1]
    i = rng.choice(places)
    new = rng.choice(parts)
    words[i] = new.capitalize() if words[i][0].isupper() else new
    return "".join(words)


def commit_questions(
    repo: str,
    run: list[git.Commit],
    tree: Tree,
    texts: dict[str, str],
    store: Store,
    rng: random.Random,
    most: int,
    held_out: bool,
) -> list[Question]:
    """Messages of commits over the tree before the first of them; gold are the touched segments, at most three a file."""
    questions: list[Question] = []
    for commit in run:
        if len(questions) >= most:
            break
        golds: list[int] = []
        best: tuple[int, SourceFile, int] | None = None
        for path in commit.changed:
            if path not in texts or NOT_PLAIN.search(path):
                continue
            votes, at = touched(git.removed_and_context(repo, commit.hash, path), texts[path].split("\n"))
            if not votes:
                continue
            if path not in tree.files:
                tree.add(read_file(store, path, texts[path], rng, strip=False))
            file = tree.files[path]
            by_segment: Counter[int] = Counter()
            for line, n in votes.items():
                by_segment[file.segment_at(line)] += n
            golds += [s for s, n in by_segment.most_common(3) if n >= 3]
            total = sum(votes.values())
            if best is None or total > best[0]:
                best = (total, file, at)
        if best is None or not golds:
            continue
        _, file, line = best
        inner = file.inner(line)
        primary = file.segment_at(line)
        text = commit.subject if not commit.body or rng.random() < 0.5 else f"{commit.subject}. {commit.body}"
        text = phrasings.phrase(rng, "commit", held_out, t=text)
        opening = rng.choice(phrasings.ANSWERS["commit"]).format(n=inner.name) if inner else "In "
        gold = [primary, *(g for g in dict.fromkeys(golds) if g != primary)]
        questions.append(
            Question(
                "commit",
                text,
                cite(opening, file.path),
                gold,
                tree.pack,
                language_of(file.path) or "text",
                inner.name if inner else "",
            )
        )
    return questions


def touched(diff: list[tuple[bool, str]], lines: list[str]) -> tuple[Counter[int], int]:
    """Votes for lines of the older text that a diff speaks of: removed lines 3, context 1. -> votes, the first best line."""
    where: dict[str, list[int]] = defaultdict(list)
    for i, line in enumerate(lines):
        where[line].append(i)
    votes: Counter[int] = Counter()
    for removed, line in diff:
        if len(line.strip()) > 8:
            for i in where.get(line, [])[:2]:
                votes[i] += 3 if removed else 1
    at = min(votes, key=lambda i: (-votes[i], i)) if votes else 0
    return votes, at
