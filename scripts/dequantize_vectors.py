#!/usr/bin/env python3
"""Writes native/selftest/dequantize_vectors.h: random blocks of every readable type and what the package `gguf` makes of them.

The blocks are random bits except for their scales, which are drawn from [-2, 2) so that no value is infinite. Expected values
are fp32 bit patterns: the engine's must be the same bits.

    pip install gguf==0.19.0 numpy && python scripts/dequantize_vectors.py
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

OUT = pathlib.Path(__file__).resolve().parent.parent / "native/selftest/dequantize_vectors.h"
# Where the half-precision scales lie in a block.
SCALES = {"F32": [], "F16": [], "BF16": [], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0]}


def blocks(name, random):
    weights, size = GGML_QUANT_SIZES[Type[name]]
    if name == "F32":
        return random.standard_normal(16).astype(np.float32).view(np.uint8)
    if name == "F16":  # with both zeros, subnormals and the largest values
        special = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3555], np.uint16)
        return np.concatenate([special, random.standard_normal(8).astype(np.float16).view(np.uint16)]).view(np.uint8)
    if name == "BF16":
        return (random.standard_normal(16).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    data = random.integers(0, 256, (2 if weights == 32 else 1, size), dtype=np.uint8)
    for row in data:
        for at in SCALES[name]:
            row[at:at + 2] = np.array([random.uniform(-2, 2)], np.float16).view(np.uint8)
    return data.reshape(-1)


def lines(values, pattern, count):
    for i in range(0, len(values), count):
        yield "     " + " ".join(pattern.format(v) + "," for v in values[i:i + count])


def main():
    random = np.random.default_rng(20261124)
    out = ["// Written by scripts/dequantize_vectors.py.", "#pragma once", "", "#include <cstdint>", "#include <vector>", "",
           '#include "op_table.h"', "", "namespace blocksight {", "", "struct DequantizeVector {", "  WeightType type;",
           "  std::vector<uint8_t> stored;", "  std::vector<uint32_t> expected;  // fp32 bits", "};", "",
           "// clang-format off", "inline const std::vector<DequantizeVector> kDequantizeVectors = {"]
    for name in SCALES:
        stored = blocks(name, random)
        expected = np.ascontiguousarray(dequantize(stored, Type[name]), np.float32).view(np.uint32).reshape(-1)
        out += [f"    {{WeightType::{name.lower()},", "    {", *lines(stored, "{}", 24), "    },", "    {",
                *lines(expected, "0x{:08x}", 9), "    }},"]
    out += ["};", "// clang-format on", "", "}  // namespace blocksight", ""]
    OUT.write_text("\n".join(out))


if __name__ == "__main__":
    main()
