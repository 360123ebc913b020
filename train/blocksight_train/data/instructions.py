"""General instructions: what developers ask an assistant that has nothing to do with a repository. `teach` has the untuned base answer
them, so that tuning keeps what it could do. All are written by us: topics times wordings."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence

from .topics import (
    BUGS,
    CHANGES,
    CHOICES,
    CHORES,
    CONCEPTS,
    DATA,
    GIT,
    MESSAGES,
    NAMING,
    PAIRS,
    PATTERNS,
    PUZZLES,
    QUERIES,
    QUESTIONS,
    SENTENCES,
    SMALL_TALK,
    TASKS,
)

HELD_OUT = 8  # one topic in so many is never trained on
LANGUAGES = ("Python", "TypeScript", "JavaScript", "Go", "Rust", "Java", "C")
WORDINGS_OF_TASK = 2  # in each language; a task has seven languages, and would else be asked far more often than a concept

EXPLAIN = (
    "What is {t}?", "Explain {t}.", "Explain {t} in two sentences.", "explain {t} like I'm five", "What does one use {t} for?", "Can you explain {t} to a beginner?",
    "I keep reading about {t}. What does it mean?", "Describe {t} with an example.", "Why does {t} matter?", "{t}, in plain words?", "Give me a short definition of {t}.",
    "What should every developer know about {t}?", "what's {t}", "In an interview I was asked about {t}. What would a good answer be?",
    "Give a short example for {t}.", "What is {t} good for, and when would you avoid it?", "What do people get wrong about {t}?", "Summarise {t} in one sentence.",
)  # fmt: skip
COMPARE = (
    "What is the difference between {a} and {b}?", "{a} vs {b}?", "Compare {a} with {b}.", "When do I choose {a} over {b}?", "Explain {a} and {b} and how they differ.",
    "difference {a} / {b}", "I mix up {a} and {b}. How can I tell them apart?", "Which is better, {a} or {b}, and when?",
    "{a} or {b}: when would you take which?",
)  # fmt: skip
WRITE = (
    "Write a function in {l} that {t}.", "{l}: a function that {t}", "Show me {l} code that {t}.", "How do I write a function that {t} in {l}?",
    "I need a short {l} function. It {t}.", "Give me a {l} snippet which {t}, without explanation.", "Please write {l} code for a function that {t}, with one comment.",
    "In {l}, how would I write a function that {t}? Keep it short.",
)  # fmt: skip
QUERY = (
    "Write an SQL query to {t}.",
    "SQL to {t}?",
    "How do I {t} in SQL?",
    "Show me how to {t} with SQL.",
    "In Postgres, how would you {t}?",
    "I want to {t}. Which SQL statement do I need?",
)
SHELL = (
    "Write a shell command to {t}.", "How do I {t} in bash?", "bash: {t}", "On Linux, how can I {t}?", "One-liner to {t}, please.", "Which command lets me {t}?", "{t} from the terminal",
)  # fmt: skip
MATCH = (
    "Write a regular expression that matches {t}.",
    "regex for {t}",
    "How do I match {t} with a regex?",
    "Which regular expression finds {t}? Explain its parts.",
)
WITH_GIT = (
    "How do I {t} with git?",
    "git: {t}",
    "Which git command do I use to {t}?",
    "I want to {t} in git.",
    "What is the safest way to {t} in git?",
)
MEANS = (
    "What does \"{t}\" mean?", "I get \"{t}\". What can I do?", "Why would I see {t}", "What usually causes the error \"{t}\"?", "how to fix: {t}", "Explain this error to me: {t}",
)  # fmt: skip
FIND = (
    "What is wrong with this?\n\n{t}", "Find the bug:\n{t}", "This does not do what I want. Why?\n```\n{t}\n```", "Spot the mistake in these lines:\n\n```\n{t}\n```",
    "bug?\n{t}", "Can you fix this snippet?\n```\n{t}\n```", "Review this code:\n```\n{t}\n```", "Where is the error here, in one sentence?\n\n{t}",
)  # fmt: skip
REWRITE = (
    "Rewrite this more clearly: {t}", "Make this shorter: {t}", "Say this in plain words: {t}", "Rephrase it politely: \"{t}\"", "Put this in one short sentence: {t}",
    "Correct the style of this sentence: {t}", "Explain this to somebody who is not technical: {t}", "Turn this into two bullet points: {t}", "Sum up in at most eight words: {t}",
    "Rewrite in the active voice: {t}", "Translate into German: {t}", "Translate into French: {t}", "Turn this into a title of at most six words: {t}",
)  # fmt: skip
WEIGH = (
    "What are the pros and cons of {t}?", "Name two advantages and two drawbacks of {t}.", "pros and cons: {t}", "Is {t} a good idea?", "What speaks against {t}?",
    "Why do some people like {t} and others not?", "When would you advise against {t}?",
)  # fmt: skip
TURN = ("Convert this to {f}:\n{t}", "Turn this into {f}:\n\n{t}", "{t}\n\nas {f}, please", "Write the following as {f}:\n```\n{t}\n```")
NAME = ("Suggest a name for {t}.", "What would you call {t}?", "Give me three names for {t}.", "I'm looking for a good name for {t}.")
COMMIT = (
    "Write a commit message for this change: {t}",
    "One-line commit message: {t}",
    "How would you word a changelog entry for this? {t}",
    "Release note, one sentence: {t}",
)


def filled(wording: str, **words: str) -> str:
    """The wording with its words in; what a word holds in braces stays as it is. A sentence begins with a capital where its wording does."""
    text = wording
    for key, word in words.items():
        text = text.replace("{" + key + "}", word)
    return text[0].upper() + text[1:] if wording[-1] in ".?" and wording[0] == "{" else text


def _about(topics: Sequence[str], wordings: Sequence[str]) -> Iterator[tuple[str, str]]:
    for topic in topics:
        yield from ((topic, filled(w, t=topic)) for w in wordings)


def _tasks() -> Iterator[tuple[str, str]]:
    for i, task in enumerate(TASKS):
        for j, language in enumerate(LANGUAGES):
            for k in range(WORDINGS_OF_TASK):
                yield task, filled(WRITE[(i + 3 * j + k) % len(WRITE)], l=language, t=task)


def by_topic() -> dict[str, list[str]]:
    """Every instruction there is, by its topic."""
    plain = (
        (CONCEPTS, EXPLAIN), (QUERIES, QUERY), (CHORES, SHELL), (PATTERNS, MATCH), (GIT, WITH_GIT), (MESSAGES, MEANS), (BUGS, FIND),
        (SENTENCES, REWRITE), (CHOICES, WEIGH), (NAMING, NAME), (CHANGES, COMMIT),
    )  # fmt: skip
    made = [pair for topics, wordings in plain for pair in _about(topics, wordings)]
    made += [(f"{a}|{b}", filled(w, a=a, b=b)) for a, b in PAIRS for w in COMPARE]
    made += _tasks()
    made += [(data, filled(w, f=form, t=data)) for data, forms in DATA for form in forms for w in TURN]
    made += [(wordings[0], w) for wordings in PUZZLES for w in wordings]
    made += [(text, text) for text in QUESTIONS]
    made += [(occasion, w) for occasion, wordings in SMALL_TALK.items() for w in wordings]
    found: dict[str, list[str]] = {}
    for topic, text in made:
        found.setdefault(topic, []).append(text)
    return found


def is_held_out(topic: str) -> bool:
    """Fixed by the topic's name, so that what one seed trains on is never what another is measured with."""
    return hashlib.sha256(topic.encode()).digest()[0] % HELD_OUT == 0


def instructions(seed: int, held_out: bool) -> list[str]:
    """All instructions about the topics that are held out, or about the others, each once, in an order that the seed decides."""
    texts = [text for topic, texts in by_topic().items() if is_held_out(topic) == held_out for text in texts]
    texts = list(dict.fromkeys(texts))
    random.Random(seed).shuffle(texts)
    return texts
