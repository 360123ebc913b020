"""The lines that an answer written by hand rests on, to be quoted behind its citation."""

from __future__ import annotations

import re
import textwrap

MOST_LINES = 4
MOST_CHARACTERS = 320
COMMENT = re.compile(r"\s*(#|//|\*|/\*|\"\"\"|''')")
WORD = re.compile(r"[a-z_]\w{3,}")


def evidence(lines: list[str], answer: str, facts: list[list[str]]) -> str | None:
    """The few lines one behind the other that hold most of the facts, and of the answer's words; None where none holds a fact.

    A fact is worth two points and a word 0.6; every line costs 0.45, and to begin with a comment 2.
    """
    words = set(WORD.findall(answer.lower()))
    best: tuple[float, list[str]] | None = None
    for n in range(1, MOST_LINES + 1):
        for i in range(len(lines) - n + 1):
            some = lines[i : i + n]
            if not some[0].strip() or not some[-1].strip() or sum(map(len, some)) > MOST_CHARACTERS:
                continue
            text = "\n".join(some).lower()
            held = sum(any(way.lower() in text for way in fact) for fact in facts)
            worth = 2 * held + 0.6 * sum(w in text for w in words) - 0.45 * n - 2.0 * bool(COMMENT.match(some[0]))
            if held and (best is None or worth > best[0]):
                best = worth, some
    return textwrap.dedent("\n".join(best[1])).strip("\n") if best else None
