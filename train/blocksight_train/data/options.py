"""Command-line options as source files make them: argparse, optparse, click, pflag and what is built on it, urfave, clap, commander, yargs;
and as the lines of a usage text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .written import bracketed, plain

MOST_CODE = 3000  # characters of the code that makes one option
LITERAL = re.compile(r"[rbuRBU]?(\"\"\"[\s\S]*?\"\"\"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`[^`]*`)(?:\.to_string\(\))?")
HELP = re.compile(r"\b(?:help|describe|description|desc|Usage)\s*[=:(]\s*(?:_\(|\(|textwrap\.dedent\()?\s*")
LONG = re.compile(r"(?:-\w[,|/ ]+)?(--[\w-]+)")
USAGE = re.compile(r"^[ \t]*[\"'`]?[ \t]*(?:-\w,? +)?(--[a-z][\w-]+)(?:[=\[ ]+[A-Z<\[.|][^ \n]*)* {2,}(?=([A-Z][^\n]{12,}))", re.M)
# The last group of each is the bracket that holds what makes the option.
MAKERS = {
    "python": re.compile(r"\b(?:add_argument|add_option|addoption|option|Option)(\()"),
    "go": re.compile(r"(?:\b\w*[fF]lags?(?:\(\))?|\bfs|\b\w*[fF]lagSet)\.[A-Z]\w+(\()|\bcli\.\w+Flag(\{)"),
    "rust": re.compile(r"\bArg::new(\()|#\[(?:arg|clap|structopt)(\()"),
    "javascript": re.compile(r"(?:\.(?:option|requiredOption)|\bnew Option)(\()"),
}
MAKERS |= dict.fromkeys(("typescript", "tsx"), MAKERS["javascript"])


def options_of(source: str, language: str) -> Iterator[tuple[str, str, int]]:
    """Name with its dashes, help and line (0-based) of every option that has a long name and a help of several words."""
    for made in MAKERS[language].finditer(source) if language in MAKERS else ():
        at = made.start(made.lastindex or 0)
        code = bracketed(source, at, MOST_CODE)
        if language == "rust":
            name, said = _clap(source, at, code, chained=made.group(1) is not None)
        else:
            name, said = _arguments(code, language)
        if name and " " in said:
            yield name, said, source.count("\n", 0, at)
    for line in USAGE.finditer(source):
        said, column = line.group(2), line.start(2) - source.rfind("\n", 0, line.start(2)) - 1
        for below in source[line.end(2) + 1 :].split("\n", 6)[:6]:
            if not re.match(rf"[ \t]{{{column},}}[^\s-]", below):
                break
            said += " " + below.strip()
        yield line.group(1), said.strip(" \"'`,+"), source.count("\n", 0, line.start(1))


def _arguments(code: str, language: str) -> tuple[str, str]:
    """Of a call or a literal that has the name among its first strings: the help by its key, else the string where it stands."""
    strings = [s.group(1).strip("\"'`") for s in LITERAL.finditer(code)]
    name = next((long.group(1) for s in strings if (long := LONG.match(s))), "")
    named = HELP.search(code)
    said = literals(code[named.end() :]) if named else ""
    plain_name = f"--{strings[0]}" if strings and re.fullmatch(r"[\w-]{2,}", strings[0]) else ""
    if language == "go":
        return plain_name, said or (strings[-1] if strings else "")
    if language == "python":
        return name, said
    return name or plain_name, said or (strings[1] if name and len(strings) > 1 else "")


def _clap(source: str, at: int, code: str, chained: bool) -> tuple[str, str]:
    """A builder's chain ends where the next argument begins; an attribute has its field below and perhaps its help above."""
    if chained:
        code = re.split(r"\bArg::new\(|;\n", source[at + 1 : at + MOST_CODE])[0]
    long = re.search(r"\blong(?:\s*=\s*|\()\"([\w-]+)\"", code)
    field = re.match(r"\]\s*(?:#\[.*\]\s*)*(?:pub(?:\([^)]*\))? )?(\w+):", source[at + len(code) :])
    name = long.group(1) if long else field.group(1).replace("_", "-") if field and re.search(r"\blong\b", code) else ""
    named = HELP.search(code)
    said = literals(code[named.end() :]) if named else ""
    if not said and not chained:
        above = []
        for line in reversed(source[: source.rfind("\n", 0, at)].split("\n")[-20:]):
            if not line.strip().startswith("///"):
                break
            above.append(line.strip()[3:].strip())
        said = " ".join("\n".join(reversed(above)).split("\n\n")[0].split())
    return f"--{name}" if name else "", said


def literals(code: str) -> str:
    """String literals that stand side by side, or with "+" between, as one text."""
    text, at = "", 0
    while m := LITERAL.match(code, at):
        text += m.group(1).strip("\"'`")
        between = re.compile(r"\s*\+?\s*").match(code, m.end())
        at = between.end() if between else m.end()
    return " ".join(re.sub(r"\\\s*\n\s*|\\n", " ", text).replace("\\", "").split())


def without_option(text: str, name: str) -> str:
    """An option's help, two sentences at most, without its name and its default; "" where its name stands there in another way."""
    text = re.sub(r"[\[(][^\[\]()]*\bdefaults?\b[^\[\]()]*[\])]", "", plain(text), flags=re.I)
    text = re.sub(rf"(?<![\w-])(?:{re.escape(name)}|--?no-{re.escape(name.lstrip('-'))})(?![\w-])", "this option", text)
    sentences = [s for s in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text) if not re.search(r"\bdefaults? ?(?:is|to|value|:)", s, re.I)][:2]
    text = " ".join(" ".join(sentences).split()).strip(" .:-")
    example = text.count("this option") > 1 or re.search(r"[%{}$<>]|this option[=: ]*\S*[=$\d/]|e\.g", text, re.I)
    spelt = re.escape(name[2:]).replace(r"\-", "[-_]")
    return "" if example or ("-" in name[2:] and re.search(rf"\b{spelt}\b", text)) else text
