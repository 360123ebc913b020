"""The tokenizer of a GGUF, built with the Hugging Face tokenizers package, for the makers of golden vectors."""
import json

from tokenizers import Tokenizer

QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def tokenizer_of(reader):
    """Special tokens (types 3 and 4) are parsed; nothing is normalised."""
    field = lambda key: reader.fields["tokenizer.ggml." + key].contents()
    tokens, types = field("tokens"), field("token_type")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    split = {
        "smollm": [{"type": "Digits", "individual_digits": True}, byte_level | {"use_regex": True}],
        "qwen2": [
            {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False},
            byte_level | {"use_regex": False},
        ],
    }[field("pre")]
    added = [
        {"id": i, "content": token, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        for i, (token, kind) in enumerate(zip(tokens, types))
        if kind in (3, 4)
    ]
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {token: i for i, token in enumerate(tokens) if types[i] != 5},
        "merges": field("merges"),
    }
    return Tokenizer.from_str(
        json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "normalizer": None,
                "post_processor": None,
                "added_tokens": added,
                "pre_tokenizer": {"type": "Sequence", "pretokenizers": split},
                "decoder": byte_level | {"use_regex": True},
                "model": model,
            }
        )
    )
