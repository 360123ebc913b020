"""What people wrote about code, from text alone: titles of tests, entries of changelogs, examples under headings.
And what is taken away before it is asked: names, numbers, links, trailers, marks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .definitions import definitions
from .git import NOISE
from .questions import words_of

LONGEST = 260  # characters of an entry or a paragraph; of a longer entry the first sentence is taken
# Words that tell nothing apart: function words and what tests and changelogs say everywhere.
COMMON = set(
    re.findall(
        r"\w+",
        """a an and any are as at be been but by can do does for from had has have if in into is it its no not of on or so than that the their
        them then there these this to via was we were when where which while will with without you your all also only now more some such using
        use used uses test tests testing tested should must may works work working correctly properly case cases example examples simple basic
        default add added adds fix fixed fixes bug issue support supports new allow allows make makes return returns method function class
        value values object null none true false ok error errors call calls called get set one two first see following like just""",
    )
)


def bare(text: str) -> str:
    """Without what stands around a sentence that was cut out."""
    return re.sub(
        r",? (?:e\.g|i\.e|for example|for instance|like (?:so|this)|as follows|here is an example)$",
        "",
        text.strip(" .,:;-–—("),
        flags=re.I,
    )


def stem(word: str) -> str:
    return re.sub(r"(ies|es|s|ed|ing|y|e)$", "", word) if len(word) > 4 else word


def telling(text: str) -> set[str]:
    """Stems of the words that are not common ones; names count as their words."""
    return {stem(w) for name in re.findall(r"\w+", text) for w in words_of(name) if w not in COMMON and len(w) > 1 and not w.isdigit()}


def mostly_prose(text: str) -> bool:
    """English words rather than code, tables or another script."""
    return text.isascii() and sum(c.isalpha() or c in " ,.'-" for c in text) >= 0.9 * len(text)


def without_words(words: list[str], name: list[str]) -> list[str]:
    """The words without the name's, where those stand side by side: nothing at either end, "this" between."""
    for i in range(len(words) - len(name) + 1):
        before, after = words[:i], words[i + len(name) :]
        if words[i : i + len(name)] == name:
            return [*before, *(["this"] if before and after else []), *after]
    return words


def without_name(text: str, name: str) -> str:
    """The text with "this" for the name and for what belongs to it: its type, parentheses, backticks, a link."""
    whole = rf"(?<![\w-])(?:[.#@]|(?:\w+(?:\.|::|#))+)?{re.escape(name)}(?![\w-])(?:\([^()]*\))?"
    text = re.sub(rf":[\w:]+:`[~!.]?{whole}`|\[`?{whole}`?\]\([^)]*\)|`+{whole}`+", "this", text)
    return text if len(words_of(name)) < 2 and name.islower() else re.sub(whole, "this", text)  # else it may be a word of the sentence


def plain(text: str) -> str:
    """Without the marks of Markdown and reStructuredText, links, badges and roles that number issues."""
    text = re.sub(r"!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])|<!--.*?-->|\{#[^}]*\}|</?[a-z][^>]*>", "", text, flags=re.S)
    text = re.sub(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r":(?:issue|pr|pull|user|ghsa|cve|bug|ticket):`[^`]*`", "", text)
    text = re.sub(r":[\w:]+:`[~!.]?([^`<]*?)\s*(?:<[^`]*>)?`|`([^`<]+?)\s*<[^`]*>`_+", lambda m: m.group(1) or m.group(2), text)
    text = re.sub(r"\*\*|``?|(?<!\w)[*_](?=[^\W_])|(?<=[^\W_])[*_](?!\w)|(?<!\S)_+(?!\S)", "", text)
    return " ".join(text.split())


def roles(text: str) -> str:
    """Roles of MyST as those of reStructuredText."""
    return re.sub(r"\{([\w:]+)\}(?=`)", r":\1:", text)


TRAILERS = re.compile(
    r"\(?\b(?i:(?:many )?thanks?(?: you)?(?: to| goes to)?|(?:contribut\w+|report\w+|patch|fix|implement\w+|added|submitted|suggested|pr)? ?\bby|courtesy of|kudos)\b:? *"
    r"@?\w[^.;)]*[.;)]*|-+ by\b.*$|\(?\bby @[\w-]+\)?|@[\w-]+(?=\W*$|,)|\b(?=[a-f]*\d)[0-9a-f]{7,40}\b|\b[A-Z]{2,}-\d+:?"
    r"|(?<=[.,] )\d{3,}$|\\?\s*\((?!this\))@?[\w-]+\)$|\(?\b(?i:(?:close|fixe?|resolve|see|ref|issue|bug|via|in|pull(?: request)?|github)[sd]?):? *(?:and|,|&)? *(?=\W*$)"
)


def without_trailer(entry: str) -> str:
    """A changelog's entry without its numbers, links, scope, hashes and who it is owed to."""
    entry = re.sub(r"^\W*breaking(?: changes?)?\W+", "", entry, flags=re.I)
    entry = re.sub(r"^\W*(?:\w+\([^)]*\)!?|[\w./ -]{2,24}): (?=\w)", "", entry)
    for _ in range(3):
        entry = re.sub(r"\(\W*\)|\[\W*\]", "", TRAILERS.sub("", NOISE.sub("", entry)))
    return re.sub(r"\s+(?=[.,;:)])|(?<=\()\s+", "", " ".join(entry.split())).strip(" .,:;-–—(\\")


def tidy_title(title: str) -> str:
    """A test's title without its own marks: "test", "should", numbers of issues."""
    title = re.sub(r"\(?(?:\b(?:issue|gh|bug|pr|ticket)s?[ #-]*\d+|#\d+)\)?", "", title, flags=re.I)
    title = re.sub(r"^\W*(?:(?:regression )?tests?(?: that| for| if| the)?\b|it\b)\W*", "", title, flags=re.I)
    return " ".join(title.replace("`", "").split()).strip(" .:-")


def bracketed(text: str, at: int, most: int = 6000) -> str:
    """From the bracket at `at` to the one that closes it; what stands in quotes is passed over. "" where none closes it."""
    depth, i, end = 0, at, min(len(text), at + most)
    while i < end:
        c = text[i]
        if c in "\"'`":
            close = QUOTED[c].match(text, i)
            i = close.end() - 1 if close else i
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return text[at : i + 1]
        i += 1
    return ""


QUOTED = {'"': re.compile(r'"(?:\\.|[^"\\\n])*"'), "'": re.compile(r"'(?:\\.|[^'\\\n])*'"), "`": re.compile(r"`(?:\\.|[^`\\])*`")}
JS_TEST = re.compile(r"(?<![\w.])(?:it|test|specify)(?:\.(?:only|concurrent))?(\()\s*([\"'`])((?:\\.|(?!\2)[^\\\n])+)\2\s*,")
TITLES = {"python": re.compile(r"test_\w"), "go": re.compile(r"Test[A-Z_]\w"), "rust": re.compile(r"\w"), "java": re.compile(r"\w")}
MARKS = {"rust": re.compile(r"#\[(?:\w+::)*test\b"), "java": re.compile(r"@(?:\w+)?Test\b")}


def titled_tests(source: str, language: str) -> Iterator[tuple[str, str]]:
    """Titles and bodies of a file's tests. A title is a sentence where the test framework has sentences, else a name."""
    if language in ("javascript", "typescript", "tsx"):
        for m in JS_TEST.finditer(source):
            body = bracketed(source, m.start(1))
            if body and "${" not in m.group(3) and "%" not in m.group(3):
                yield re.sub(r"\\(.)", r"\1", m.group(3)), body
        return
    lines = source.split("\n")
    for d in definitions(source, language):
        marked = "\n".join(lines[max(0, d.first - 3 * (language == "rust")) : d.first + 3])
        if d.kind == "function" and TITLES[language].match(d.name) and (language not in MARKS or MARKS[language].search(marked)):
            name = re.sub(r"^(?:[Tt]ests?_?(?=[A-Z])|test_)|_?(?:[Tt]est|[Gg][Hh]|[Ii]ssue)?_?\d{3,}$", "", d.name)
            yield name, "\n".join(lines[d.first : d.end])


def entries_of(changelog: str) -> Iterator[str]:
    """Entries in one line each: items of lists, and paragraphs where there are none."""
    text = re.sub(r"^[ \t]*(```|~~~).*?^[ \t]*\1|^\.\. .*$|^\s*:\w+:(?!`).*$|^[=\-~^#*]{3,}$", "", roles(changelog), flags=re.M | re.S)
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*+]|o) )", text):
        if paragraph.startswith(("    ", "\t", ">>>", "|", "#")) or "::\n" in paragraph:
            continue
        entry = re.sub(r"^(?:[-*+]|o) +", "", " ".join(paragraph.split()))
        if len(entry) > LONGEST:
            entry = re.split(r"(?<=[.!?])\s+(?=[A-Z])", entry)[0]
        if len(entry) <= 2 * LONGEST and not entry.startswith("#"):
            yield entry


def examples_of(readme: str) -> Iterator[tuple[str, str, str]]:
    """Heading, paragraph and code of every example that stands right under a paragraph."""
    heading = paragraph = above = ""
    lines, i = roles(readme).split("\n"), 0
    while i < len(lines):
        line = lines[i]
        fence = re.match(r"\s*(```+|~~~+)", line)
        under = lines[i + 1] if i + 1 < len(lines) else ""
        if fence:
            end = next((j for j in range(i + 1, len(lines)) if lines[j].strip().startswith(fence.group(1))), len(lines))
            yield from _example(heading, paragraph, lines[i + 1 : end])
            paragraph, i = "", end + 1
        elif re.match(r"#{1,6} ", line):
            heading, paragraph, i = re.sub(r"^[\d. ]+", "", line.strip("# ")), "", i + 1
        elif line.strip() and re.fullmatch(r"([=\-~^\"'`*+#])\1{2,}", under.strip()) and len(under) >= len(line.rstrip()) - 1:
            heading, paragraph, i = line.strip(), "", i + 2
        elif (paragraph.endswith("::") or re.match(r"\.\. (code|sourcecode)", paragraph) or line.startswith(">>>")) and re.match(
            r"\s+\S|>>>", line
        ):
            end = next((j for j in range(i, len(lines)) if lines[j].strip() and not re.match(r"\s|>>>|\.\.\.", lines[j])), len(lines))
            yield from _example(heading, above if paragraph.startswith(".. ") else paragraph, lines[i:end])
            paragraph, i = "", end
        elif not line.strip():
            i += 1
        else:
            end = next((j for j in range(i, len(lines)) if not lines[j].strip() or re.match(r"\s*(```|~~~)", lines[j])), len(lines))
            above, paragraph, i = paragraph, " ".join(" ".join(lines[i:end]).split()), end


def _example(heading: str, paragraph: str, code: list[str]) -> Iterator[tuple[str, str, str]]:
    paragraph = re.sub(r"^(?:[-*+]|\d+\.) +", "", paragraph).rstrip(":").strip()
    if len(paragraph) > LONGEST:
        paragraph = re.split(r"(?<=[.!?])\s+(?=[A-Z`])", paragraph)[-1]
    if paragraph and not paragraph.startswith(("|", "<", "..", ":param", ":return")) and len(paragraph) <= LONGEST:
        yield heading, paragraph, "\n".join(code)
