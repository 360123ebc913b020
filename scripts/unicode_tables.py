#!/usr/bin/env python3
"""Writes native/io/unicode_table.h: which code points are letters (L), numbers (N) and white space.

The classes are asked of the regular expressions of the package `tokenizers` itself, one code point at a time, because our ids
must be those of that library; its Unicode version is whatever its engine was built with, and the header names the first
assigned code points that tell versions apart. Run it after a change of that version only:

    pip install tokenizers==0.23.3 && python scripts/unicode_tables.py
"""
import pathlib
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, pre_tokenizers

OUT = pathlib.Path(__file__).resolve().parent.parent / "native/io/unicode_table.h"
CLASSES = {"kLetters": r"\p{L}", "kNumbers": r"\p{N}", "kSpaces": r"\s"}
# A letter first assigned in each version of Unicode, newest first.
VERSIONS = [("17.0", 0x323B0), ("16.0", 0x1C89), ("15.1", 0x2EBF0), ("15.0", 0x11F04), ("14.0", 0x0870)]


def scalar_values():
    return (c for c in range(0x110000) if not 0xD800 <= c < 0xE000)


def members(pattern):
    """Code points that `pattern` matches: 'a', c, 'a' is split in three where it does."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return [c for c in scalar_values() if not split.pre_tokenize_str(chr(c))]


def ranges(points):
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def main():
    sets = {name: members(pattern) for name, pattern in CLASSES.items()}
    letters = set(sets["kLetters"])
    version = next(v for v, c in VERSIONS if c in letters)
    digits = pre_tokenizers.Digits(individual_digits=True)
    isolated = {c for c in scalar_values() if len(digits.pre_tokenize_str("a" + chr(c) + "a")) == 3}
    assert isolated >= set(sets["kNumbers"]) and not isolated & letters
    sets["kLateNumbers"] = sorted(isolated - set(sets["kNumbers"]))
    print(f"tokenizers {tokenizers.__version__}: Unicode {version}, Python's own {unicodedata.unidata_version}; "
          f"{len(sets['kLateNumbers'])} numbers are known to Digits only", file=sys.stderr)
    lines = [
        f"// Written by scripts/unicode_tables.py: the classes of `tokenizers` {tokenizers.__version__}, Unicode {version}.",
        "// Ranges of code points, both ends included. Late numbers are digits to its Digits splitter (a newer Unicode)",
        "// and no numbers to its regular expressions.",
        "#pragma once",
        "",
        "#include <cstdint>",
        "",
        "namespace blocksight {",
        "",
        "struct CodeRange {",
        "  uint32_t first, last;",
        "};",
        "",
        "// clang-format off",
    ]
    for name, points in sets.items():
        pairs = [f"{{0x{a:x}, 0x{b:x}}}" for a, b in ranges(points)]
        lines.append(f"inline constexpr CodeRange {name}[] = {{")
        for i in range(0, len(pairs), 5):
            lines.append("    " + ", ".join(pairs[i:i + 5]) + ",")
        lines += ["};", ""]
    lines += ["// clang-format on", "", "}  // namespace blocksight", ""]
    OUT.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
