#!/usr/bin/env python3
"""Writes native/selftest/tokenizer_vectors.h: what the package `tokenizers` makes of texts with pitfalls, for both tokenizers.

    pip install tokenizers==0.23.3 gguf==0.19.0 && python scripts/tokenizer_vectors.py
"""
import json
import pathlib

from gguf import GGUFReader
from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "native/selftest/tokenizer_vectors.h"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
PIECES = {
    "smollm": [{"type": "Digits", "individual_digits": True}, LEVEL | {"use_regex": True}],
    "qwen2": [{"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}, LEVEL | {"use_regex": False}],
}
TEXTS = [
    "", "a", " ", "\n", "hello world", "a\t\tb", "\t\tif (x)", "x   y", "x   ", "   x", "x  1", "x \n", " \n\n  y", "a\r\n\r\n b", "\r\r\n",
    "it's don't we'll I'VE 'S 'RE '\u017f '\u017fa ''s 'sure", "12345 1,000 v1.2", "\u00bd\u2167\u00b2 \u0661\u0662", "\U00011de0\U00011de1 x\U00016ff4",
    "foo_bar.baz(qux)[0] += 1; // ---", "-->\n\n  <!--", "日本語、テキスト。", "변수 ตัวแปร", "e\u0301 é", "👩‍👩‍👧 👍🏽 🇩🇪", "🏴\U000e0067\U000e0062\U000e007f",
    "a\u0085b\u00a0c\u2028d\u3000e\ufefff\u200bg", "\u0000\u0001\u0004x\u0007", "<|im_end|><|endoftext|><file_sep>", "=" * 50, " " * 40 + "x", "ab" * 60,
]


def tokenizer(model):
    reader = GGUFReader(str(ROOT / f"media/models/{model}.tokenizer.gguf"))
    field = lambda name: reader.fields["tokenizer.ggml." + name].contents()
    types = field("token_type")
    vocab = {token: i for i, token in enumerate(field("tokens")) if types[i] != 5}
    return Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "post_processor": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": PIECES[field("pre")]}, "decoder": None,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": field("merges")}}))


def main():
    coder, scout = tokenizer("coder"), tokenizer("scout")
    out = ["// Written by scripts/tokenizer_vectors.py.", "#pragma once", "", "#include <cstdint>", "#include <string_view>", "#include <vector>", "",
           "namespace blocksight {", "", "struct TokenizerVector {", "  std::string_view text;", "  std::vector<uint32_t> coder, scout;", "};", "",
           "// clang-format off", "inline const std::vector<TokenizerVector> kTokenizerVectors = {"]
    for text in TEXTS:
        data = text.encode()
        literal = "".join(f"\\{byte:03o}" if not 32 <= byte < 127 or byte in b'"\\?' else chr(byte) for byte in data)
        ids = [", ".join(map(str, t.encode(text, add_special_tokens=False).ids)) for t in (coder, scout)]
        out.append(f'    {{{{"{literal}", {len(data)}}}, {{{ids[0]}}}, {{{ids[1]}}}}},')
    out += ["};", "// clang-format on", "", "}  // namespace blocksight", ""]
    OUT.write_text("\n".join(out))


if __name__ == "__main__":
    main()
