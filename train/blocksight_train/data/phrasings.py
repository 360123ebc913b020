"""Wordings of the questions, by type. The last four of each are held out: evaluation asks only in those."""

from __future__ import annotations

import random

HELD_OUT = 4

PHRASINGS: dict[str, list[str]] = {
    "where": [
        "Where do I find the code of `{n}`?", "Which path holds `{n}`?", "Open `{n}` for me.", "Jump to the definition of {n}.",
        "In which module is `{n}`?", "I want to edit `{n}`. Which file?", "Which source file has `{n}` in it?",
        "Tell me the file of `{n}`.", "What is the location of `{n}`?", "Go to `{n}`.",
        "Navigate to `{n}`.", "Lead me to the place of {n}.", "path of {n}", "I'd like to read `{n}`. Which file do I open?",
        "Under which path was `{n}` written?", "Where should I look for `{n}`?", "Can you find `{n}`?", "Pull up `{n}`.",
        "Get me to `{n}`.", "Reveal `{n}` in its file.", "Which file is the home of {n}?", "Where do I have to look to read `{n}`?",
        "Where is `{n}` defined?", "Which file defines `{n}`?", "Find the definition of `{n}`.", "In which file is `{n}` implemented?",
        "Locate `{n}` in this repository.", "where does `{n}` live", "Where can I find `{n}`?", "Show me where `{n}` is declared.",
        "I'm looking for {n}. Where is it?", "Which file do I open to change `{n}`?", "file that contains {n}", "Take me to `{n}`.",
        "Where was `{n}` put?", "In what file does `{n}` stand?", "Point me to the implementation of {n}.",
    ],
    "doc": [
        "Which code does this: {d}", "{d} Which function is it?", "Find the code that does the following: {d}", "Where is the code for: {d}",
        "Where is this implemented? {d}", "What is described as: {d}", "{d}", "I need the part with this job: {d}", "Who is responsible for this? {d}",
        "What is the name of the thing that does this: {d}", "Look for this behaviour: {d}", "Which definition fits? {d}",
        "Where in the repository: {d}", "What do I call for this? {d}", "Name the code behind this description: {d}",
    ],
    "signature": [
        "What must be handed to {n}?", "Parameters of `{n}`?", "Which names have the arguments of `{n}`?", "Give the full signature of {n}.",
        "With what do I have to call `{n}`?", "Repeat the definition line of `{n}` word by word.", "declaration of {n}", "`{n}`: signature?",
        "In which order does `{n}` want its arguments?", "What is the type of the result of `{n}`?", "Of which type are the parameters of {n}?",
        "Type out the line that opens `{n}`.", "What stands between the parentheses of `{n}`?", "I want to call `{n}`. What does it take?",
        "Cite the header of `{n}`.",
        "Signature of {n}, please.", "How must `{n}` be called?", "Show the line where `{n}` begins.", "State the declaration of `{n}`.",
        "What are the formal parameters of `{n}`?", "Show how `{n}` is introduced.", "Only the signature of `{n}`, without its body.",
        "Read me the declaration of {n}.", "Show me just the first line of `{n}`.", "What is the exact opening of `{n}`?",
        "How does the head of the definition of {n} read?", "Quote the declaration of `{n}`.", "What do I pass to `{n}`?",
        "Which types does `{n}` take and return?", "List the arguments of `{n}`.", "Give me the first line of {n}, as it stands.",
        "What does `{n}` want as input?", "Copy the signature of `{n}`.", "With which parameters is `{n}` defined?",
        "How many arguments has `{n}`, and which?",
        "What is the signature of `{n}`?", "Show the parameters of `{n}`.", "How is `{n}` declared?", "Which arguments does `{n}` take?",
        "Give me the declaration of `{n}`.", "How do I call `{n}`?", "Quote the first line of `{n}`.", "What are the parameters of {n}?",
        "signature of {n}", "What does the definition of `{n}` look like?", "Which parameters are accepted by `{n}`?",
        "Write down how `{n}` is declared.", "What inputs does `{n}` expect?", "Tell me the exact declaration of {n}.", "Show me the head of `{n}`.",
    ],
    "absent": [
        "Where is `{n}` defined?", "What does `{n}` do?", "How does `{n}` work?", "Which file defines `{n}`?", "What is the signature of `{n}`?",
        "What does `{n}` return?", "Explain `{n}`.", "Find the definition of `{n}`.", "Who calls `{n}`?", "Which arguments does {n} take?",
        "How is `{n}` declared?", "What is {n} for?", "Where can I find `{n}`?", "Describe `{n}` for a new contributor.", "In what file does {n} stand?",
    ],
    "what": [
        "What is `{n}`?", "Which job does `{n}` do?", "What purpose does {n} serve?", "Give me the gist of `{n}`.",
        "What do we need `{n}` for?", "Say briefly what `{n}` does.", "What does calling {n} get me?", "What is the idea behind `{n}`?",
        "Which task has `{n}`?", "Describe {n}.",
        "What does `{n}` do?", "Explain `{n}`.", "What is `{n}` for?", "Describe `{n}` in one sentence.", "What is the purpose of `{n}`?",
        "What's the job of {n}?", "what is {n}", "Sum up `{n}`.", "Why does `{n}` exist?", "In one sentence: `{n}`?", "Tell me what `{n}` is there for.",
        "What happens in `{n}`?", "What role does {n} play?", "Briefly, what is `{n}`?", "How would you describe `{n}`?",
    ],
    "callers": [
        "By what is `{n}` called?", "Which place calls `{n}`?", "Where does a call of {n} stand?", "Who invokes `{n}`?",
        "Find the code that uses `{n}`.", "What would notice if `{n}` changed?", "Give me a user of `{n}`.",
        "In which function is `{n}` called?",
        "Who calls `{n}`?", "Where is `{n}` called?", "Which function uses `{n}`?", "Find the caller of `{n}`.", "What calls {n}?",
        "From where is `{n}` invoked?", "Which code depends on `{n}`?", "Show me a call of `{n}`.", "usage of {n}", "Who needs `{n}`?",
        "Where in the code is `{n}` used?", "Which function would break if `{n}` were removed?", "What makes use of `{n}`?",
        "Where do we call {n}?", "Name the function that calls `{n}`.",
    ],
    "constant": [
        "What is the value of `{n}`?", "Which value does `{n}` have?", "What is `{n}` set to?", "`{n}` is what?", "Give me the value of {n}.",
        "Look up the constant `{n}`.", "How large is `{n}`, or what does it hold?", "What does `{n}` equal?", "value of {n}", "What is stored in `{n}`?",
        "To what is the constant {n} set?", "Tell me what `{n}` contains.", "What has been assigned to `{n}`?", "Which literal is behind `{n}`?",
        "What do we set {n} to?",
    ],
    "default": [
        "What is the default of `{p}` in `{n}`?", "Which value does `{p}` take in `{n}` if it is not given?", "Default value of `{p}` of `{n}`?",
        "If I call `{n}` without `{p}`, what is used?", "What does `{n}` assume for `{p}`?", "How is `{p}` preset in `{n}`?", "default {p} {n}",
        "`{n}`: what is `{p}` by default?", "When `{p}` is omitted, what does `{n}` use?", "Tell me the default for {p} in {n}.",
        "Which default has the parameter `{p}` of `{n}`?", "What happens to `{p}` if I leave it out of a call of `{n}`?",
        "What value stands for a missing `{p}` in `{n}`?", "Does `{n}` have a default for `{p}`, and which?", "What is {p} set to by default in {n}?",
    ],
    "base": [
        "What does `{n}` inherit from?", "Which class does `{n}` extend?", "What is the base class of `{n}`?", "`{n}` is derived from what?",
        "Name the parent of `{n}`.", "What is `{n}` a subclass of?", "base of {n}", "Which type does `{n}` build on?", "What's the superclass of {n}?",
        "From which class is `{n}` derived?", "Which parent class has `{n}`?", "What stands above `{n}` in the class hierarchy?",
        "Whose methods does `{n}` inherit?", "Who is the parent class of {n}?", "Tell me what `{n}` extends.",
    ],
    "error": [
        "What raises \"{m}\"?", "Where does the error \"{m}\" come from?", "I get: {m}. Which code produces it?", "Which function fails with \"{m}\"?",
        "{m}", "Why do I see \"{m}\"?", "Find the origin of this message: {m}", "Which code reports \"{m}\"?", "When does this happen: {m}",
        "My program stops with '{m}'. Where is that raised?", "Who complains \"{m}\"?", "Where is the message \"{m}\" written?",
        "What leads to the error: {m}", "Which check ends in \"{m}\"?", "I ran into '{m}'. Where does it come from?",
    ],
    "twice": [
        "Where is `{n}` defined?", "Which files define `{n}`?", "Find every definition of `{n}`.", "Where can I find `{n}`?", "Is `{n}` defined more than once?",
        "Locate `{n}`.", "In which files is `{n}` implemented?", "Show all places that define {n}.", "How many definitions of `{n}` are there, and where?",
        "Which file defines `{n}`?", "definitions of {n}", "Where do the definitions of {n} stand?", "Point me to `{n}`, all of them.",
        "Which files have their own `{n}`?", "In what files does `{n}` stand?",
    ],
    "commit": [
        "{t}", "{t}", "{t}", "Where would I change this: {t}", "Which code is this about? {t}", "Find the code to change: {t}", "Where should this be done? {t}",
        "Where in the repository: {t}", "I want to do this, where do I start? {t}", "Which function would have to change? {t}", "Task: {t}",
        "{t}", "Which part of the code is concerned? {t}", "Where does one begin with this: {t}", "What do I have to edit for this? {t}",
    ],
    "sentence": [
        "{t}", "{t}", "Which code does this: {t}", "Where is this implemented? {t}", "Find the code behind this: {t}", "What does this describe? {t}",
        "Which definition is meant? {t}", "The manual says: {t} What is it?", "{t} Which code is that?", "Name what is described here: {t}", "What is this about: {t}",
        "{t}", "What does the documentation mean here? {t}", "Which part of the code does this sentence explain? {t}", "Where is the code for this? {t}",
    ],
    "complete": [
        "Complete this line: `{l}`", "How does this line go on? `{l}`", "What stands behind `{l}`?", "Finish the line that starts with `{l}`.",
        "`{l}` … and then?", "The line begins `{l}`. What is the rest?", "complete: {l}", "Fill in the end of `{l}`.", "What is the whole line that starts `{l}`?",
        "I have `{l}`. How does it end here?", "Which line starts with `{l}`?", "Continue as it is written here: `{l}`",
        "Write out the line with this beginning: `{l}`", "In this code, what follows `{l}`?", "Give me the full line: `{l}`",
    ],
    "quote": [
        "Quote `{n}`.", "Show me the code of `{n}`.", "Print the whole of `{n}`.", "What is the source of `{n}`?", "Give me `{n}`, word for word.",
        "Write out the function `{n}`.", "source of {n}", "Copy `{n}` here.", "How is `{n}` written, exactly?", "Show the implementation of `{n}`.",
        "Let me see `{n}`.", "What does the code of {n} look like?", "Cite the full text of `{n}`.", "List the lines of `{n}`.", "Reproduce `{n}` exactly.",
    ],
    "test": [
        "{t}", "Which code does this: {t}", "Where is this behaviour implemented: {t}", "There is a test for \"{t}\". Which code does it test?",
        "Where in the code: {t}", "Which function makes sure of this: {t}", "A test checks \"{t}\". What is tested?", "Find the code behind this behaviour: {t}",
        "Which definition is responsible for this: {t}", "Test case \"{t}\": where is the code?", "This should hold: {t}. Where is it done?",
        "What would I debug if this failed: {t}", "The test says: {t}. Which code is meant?", "Where would I look if this broke: {t}",
        "Which part of the code has this behaviour: {t}", "Name what is under test here: {t}",
    ],
    "change": [
        "{t}", "{t}.", "The changelog says: {t}. Which code is it?", "Release note: {t}. Where is it in the code?", "Where was this changed: {t}",
        "Which definition is this entry about: {t}", "Find the code of this change: {t}", "What is meant in the release notes: {t}", "Changelog: {t}",
        "Which part of the code did this concern: {t}", "Where does this entry of the changelog lead: {t}", "{t}. Where is that in the code?",
        "The notes of a release mention this: {t}. What is it?", "Where is the code for this entry: {t}", "From the history: {t}. Which code was that?",
        "Name what this change is about: {t}",
    ],
    "heading": [
        "{t}", "How do I do this: {t}", "What do I call for this: {t}", "The guide explains: {t}. Which code is behind it?", "Where is this implemented: {t}",
        "I read this in the README: {t}. What do I use?", "Which definition does one use here: {t}", "Find the code for this: {t}", "Where does this come from: {t}",
        "What from this code base do I need: {t}", "{t}. Which code is that?", "The example shows this: {t}. What does it call?",
        "Where is the code behind this part of the guide: {t}", "Which part of the API is this about: {t}", "From the manual: {t}. Where is it in the code?",
        "What does the example for this use: {t}",
    ],
    "option": [
        "Which command-line option does this: {t}", "Which flag do I pass for this: {t}", "What option is there for this: {t}", "Which switch is it: {t}",
        "Is there a flag for this: {t}", "How do I say this on the command line: {t}", "Name the command-line option: {t}", "Where is this option defined: {t}",
        "I need a command-line flag: {t}", "Which argument of the command does this: {t}", "flag for: {t}", "With which option does one get this: {t}",
        "What do I put on the command line for this: {t}", "Find the option that does this: {t}", "Which option of the program is described so: {t}",
        "Where is the flag with this effect made: {t}",
    ],
}  # fmt: skip

ANSWERS: dict[str, list[str]] = {
    "where": ["`{n}` is defined in "],
    "doc": ["`{n}` does that: ", "This is `{n}` in "],
    "signature": ["`{s}` in "],
    "what": ["{d} It is defined in "],
    "callers": ["`{c}` calls `{n}` in "],
    "constant": ["`{n}` is `{v}`, set in "],
    "default": ["The default of `{p}` in `{n}` is `{v}`: "],
    "base": ["`{n}` extends `{b}` in "],
    "error": ["`{n}` reports it in "],
    "commit": ["`{n}` in ", "The code to change is `{n}` in "],
    "sentence": ["`{n}` in ", "That is `{n}` in "],
    "test": ["`{n}` in ", "The test is about `{n}` in "],
    "change": ["`{n}` in ", "That is `{n}` in "],
    "heading": ["`{n}` in ", "For that there is `{n}` in "],
    "option": ["`{o}`, defined in ", "The option is `{o}`: "],
    "complete": ["`{s}` in "],
    "quote": ["```\n{s}\n```\nIt stands in "],
}
ABSENT = "`{n}` is not defined in this repository."
USED_ONLY = "`{n}` is used here, but it is not defined in this repository."

PROSE = [
    "How does `{n}` work?", "Explain how `{n}` works.", "What does `{n}` return, and from what?", "What happens when `{n}` is called?",
    "Which errors can `{n}` raise, and when?", "What do the arguments of `{n}` mean?", "What are the main steps of `{n}`?",
    "How does `{n}` handle bad input?", "What state does `{n}` keep?", "Introduce `{n}` to somebody who joins us.", "What would break without `{n}`?",
    "What if `{n}` is given nothing to work on?", "Why is `{n}` needed?", "How is `{n}` related to the code around it?", "What does `{n}` do?",
]  # fmt: skip
PROSE_TWO = [
    "How do `{n}` and `{m}` work together?", "What is the difference between `{n}` and `{m}`?", "How does `{n}` use `{m}`?",
    "Explain the path from `{n}` to `{m}`.",
]  # fmt: skip
PROSE_WORDS = [
    "How is {w} handled here?", "Explain {w} in this code base.", "How does this project implement {w}?", "What happens during {w}?",
    "Where does {w} take place and what does it depend on?", "Why is there special code for {w}?",
]  # fmt: skip


# An absent name is asked for as one that is there: else a model learns to deny by the wording.
ABSENT_TOO = ("absent", "where", "what", "signature", "callers")


def phrase_absent(rng: random.Random, held_out: bool, name: str) -> str:
    """Held-out wordings stay those of `absent` alone, so that old and new measurements ask the same."""
    if held_out:
        return phrase(rng, "absent", True, n=name)
    kept = PHRASINGS["absent"][-HELD_OUT:]
    wordings = [*PROSE, *(w for kind in ABSENT_TOO for w in PHRASINGS[kind][:-HELD_OUT])]
    return rng.choice([w for w in wordings if w not in kept]).format(n=name)


def phrase(rng: random.Random, kind: str, held_out: bool, **words: str) -> str:
    every = PHRASINGS[kind]
    return rng.choice(every[-HELD_OUT:] if held_out else every[:-HELD_OUT]).format(**words)
