#!/usr/bin/env python3
"""Writes the fuzz targets' seeds, native/fuzz/corpus/*: small valid files and a few that are nearly so.

    pip install gguf==0.19.0 numpy && python scripts/fuzz_seeds.py
"""
import json
import pathlib
import struct

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "native/fuzz/corpus"


def put(target, name, data):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def gguf(name, tokenizer=False, tensors=()):
    path = CORPUS / "gguf" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_array("x", [[1, 2], [3]])
    if tokenizer:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_list(["a", "b", "ab", "Ġ", "Ġab", "<s>", "[PAD6]"])
        writer.add_token_types([1, 1, 1, 1, 1, 3, 5])
        writer.add_token_merges(["a b", "Ġ ab"])
    for tensor, kind, rows, bytes_per_row in tensors:
        writer.add_tensor(tensor, np.arange(rows * bytes_per_row, dtype=np.uint8).reshape(rows, bytes_per_row), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def adapter(name, change=lambda meta: None):
    meta = {
        "version": 1, "base": {"name": "Tiny", "file": "tiny.gguf", "sha256": "a" * 64},
        "layout": {"kind": "independent", "block": 128, "prefix": [7] * 128, "segmentBlocks": 15, "segmentPosition": 128, "conversationPosition": 2176,
                   "conversationTokens": 2048, "header": "<f>{path}{part}\n", "part": " ({k}/{n})"},
        "index": {"source": "trained", "dim": 4, "heads": 1, "normEps": 1e-6, "ropeDim": 0, "topK": 16},
        "lora": {"rank": 2, "scale": 2.0}, "questionHeads": [[0, 0]],
    }
    change(meta)
    sizes = {"layers.0.attn_q.lora_a.scale": ("F32", [2], 8), "layers.0.attn_q.lora_b.scale": ("F32", [4], 16),
             "layers.0.index_q_norm.weight": ("BF16", [4], 8), "layers.0.attn_q.lora_a": ("I8", [2, 3], 6), "layers.0.attn_q.lora_b": ("I8", [4, 2], 8)}
    header, at = {"__metadata__": {"blocksight": json.dumps(meta)}}, 0
    for tensor, (dtype, shape, size) in sizes.items():
        header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    put("adapter", name, struct.pack("<Q", len(text)) + text + bytes(range(at)))


def main():
    gguf("keys.gguf")
    gguf("tokenizer.gguf", tokenizer=True)
    gguf("tensors.gguf", tensors=[("a", Type.Q4_1, 2, 20), ("b", Type.Q6_K, 1, 210), ("c", Type.F32, 1, 16), ("d", Type.IQ4_NL, 1, 18)])
    gguf("all.gguf", tokenizer=True, tensors=[("a", Type.Q8_0, 2, 34), ("b", Type.Q4_K, 1, 144), ("c", Type.Q5_K, 1, 176), ("d", Type.F16, 1, 6)])
    gguf("unsupported.gguf", tensors=[("a", Type.Q2_K, 1, 84)])
    adapter("plain.safetensors")
    adapter("cites.safetensors", lambda meta: meta["layout"].update(citation="<f>{path}\n", embedding="output.weight"))
    adapter("other-version.safetensors", lambda meta: meta.update(version=2))
    put("json", "values.json", b' {"a": [1, -2.5e+1, 0, true, false, null], "s": "x\\n\\u00e9\\ud83d\\ude00", "o": {"": []}} ')
    put("json", "nested.json", b"[" * 20 + b"{}" + b"]" * 20)
    put("json", "utf8.json", '"é日本👍\\"\\\\\\/"'.encode())
    for i, text in enumerate(["it's a\t\tb  12 aab\r\n\n  -- ----x", "日本語 é '\u017f 'S \u2028 <s>a<s> \u00bd", "    aaaa aaaaaaa\n\n\n", "'re 're''s're"]):
        for choice in range(4):
            put("tokenizer", f"{i}-{choice}", bytes([choice]) + text.encode())
    put("tokenizer", "invalid", b"\1\xff\xc0\x80a\xed\xa0\x80 \xe6\x97 aa\xf0\x9f\x91")


if __name__ == "__main__":
    main()
