"""GGUF's block formats to float, as tensor operations, so that a GPU dequantises a model in a second.

Layouts: ggml's block_q4_1, block_q8_0, block_q4_K and block_q6_K.
"""

from __future__ import annotations

import torch
from torch import Tensor


def _half(raw: Tensor) -> Tensor:
    return raw.contiguous().view(torch.float16).float()


def _q8_0(raw: Tensor) -> Tensor:
    blocks = raw.view(raw.shape[0], -1, 34)
    return blocks[..., 2:].contiguous().view(torch.int8).float() * _half(blocks[..., :2])


def _q4_1(raw: Tensor) -> Tensor:
    blocks = raw.view(raw.shape[0], -1, 20)
    nibbles = torch.cat([blocks[..., 4:] & 15, blocks[..., 4:] >> 4], -1).float()
    return nibbles * _half(blocks[..., :2]) + _half(blocks[..., 2:4])


def _q4_k(raw: Tensor) -> Tensor:
    """256 values: scale, minimum, 12 bytes with eight 6-bit scales and minima, 128 bytes of nibbles."""
    rows = raw.shape[0]
    blocks = raw.view(rows, -1, 144)
    scale, minimum, packed = _half(blocks[..., :2]), _half(blocks[..., 2:4]), blocks[..., 4:16]
    scales = torch.cat([packed[..., :4] & 63, (packed[..., 8:] & 15) | ((packed[..., :4] >> 6) << 4)], -1).float()
    minima = torch.cat([packed[..., 4:8] & 63, (packed[..., 8:] >> 4) | ((packed[..., 4:8] >> 6) << 4)], -1).float()
    nibbles = blocks[..., 16:].reshape(rows, -1, 4, 32)
    values = torch.stack([nibbles & 15, nibbles >> 4], -2).reshape(rows, -1, 8, 32).float()
    return values * (scale * scales)[..., None] - (minimum * minima)[..., None]


def _q6_k(raw: Tensor) -> Tensor:
    """256 values: 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales, one scale of all."""
    rows = raw.shape[0]
    blocks = raw.view(rows, -1, 210)
    low = blocks[..., :128].reshape(rows, -1, 2, 2, 32)
    high = blocks[..., 128:192].reshape(rows, -1, 2, 32)
    scales, scale = blocks[..., 192:208].contiguous().view(torch.int8).float(), _half(blocks[..., 208:])
    quarters = [
        (low[..., 0, :] & 15) | ((high & 3) << 4),
        (low[..., 1, :] & 15) | (((high >> 2) & 3) << 4),
        (low[..., 0, :] >> 4) | (((high >> 4) & 3) << 4),
        (low[..., 1, :] >> 4) | ((high >> 6) << 4),
    ]
    values = torch.stack(quarters, -2).float() - 32
    return values.reshape(rows, -1, 16, 16) * (scale * scales)[..., None]


FORMATS = {"Q8_0": _q8_0, "Q4_1": _q4_1, "Q4_K": _q4_k, "Q6_K": _q6_k}


def dequantise(raw: Tensor, kind: str) -> Tensor:
    """Raw rows, uint8 [rows, bytes], to float32 [rows, values]."""
    if kind == "F32":
        return raw.contiguous().view(torch.float32)
    if kind == "F16":
        return _half(raw)
    if kind == "BF16":
        return raw.contiguous().view(torch.bfloat16).float()
    if kind not in FORMATS:
        raise ValueError(f"tensor type {kind} is not supported: use a GGUF file in {', '.join(FORMATS)}, BF16, F16 or F32")
    return FORMATS[kind](raw).reshape(raw.shape[0], -1)
