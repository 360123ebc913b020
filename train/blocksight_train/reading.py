"""Reading segments: ids to keys, values and index keys in the pack's slots.

Slots as in the product: block 0 is the prefix; every segment starts on a block boundary and takes as many blocks as it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .attention import segment_attention
from .layout import BLOCK, CONVERSATION, PREFIX
from .model import Layer, Model


@dataclass
class Tokens:
    """Segments one behind the other, each behind its own copy of the prefix, on the device."""

    ids: Tensor  # [T]
    positions: Tensor  # [T]
    starts: Tensor  # int32 [segments + 1]
    longest: int
    kept: Tensor  # places in ids whose keys enter the pack: the first prefix, and every segment's tokens
    slots: Tensor  # the slots that they fill
    valid: Tensor  # bool [slots of the pack]
    block_segment: Tensor  # [blocks]: number of the block's segment, -1 for the prefix

    @property
    def blocks(self) -> int:
        return len(self.block_segment)


def lay_out(prefix: list[int], segments: Sequence[Sequence[int]], device: str) -> Tokens:
    if len(prefix) != PREFIX:
        raise ValueError(f"the prefix has {len(prefix)} tokens; it must have {PREFIX}")
    head, own = np.array(prefix), np.arange(PREFIX)
    ids, positions, kept, slots, block_segment, starts = [], [], [own], [own], [-1], [0]
    for number, segment in enumerate(segments):
        n, at, slot = len(segment), starts[-1] + PREFIX, len(block_segment) * BLOCK
        ids += [head, np.asarray(segment, np.int64)]
        positions.append(np.arange(PREFIX + n))
        kept.append(np.arange(at, at + n))
        slots.append(np.arange(slot, slot + n))
        block_segment += [number] * (-(-n // BLOCK))
        starts.append(at + n)
    filled = np.concatenate(slots)
    valid = np.zeros(len(block_segment) * BLOCK, bool)
    valid[filled] = True

    def move(array: np.ndarray, dtype: torch.dtype = torch.long) -> Tensor:
        return torch.from_numpy(array).to(device, dtype)

    return Tokens(
        move(np.concatenate(ids)), move(np.concatenate(positions)), move(np.array(starts), torch.int32), int(np.diff(starts).max()),
        move(np.concatenate(kept)), move(filled), move(valid, torch.bool), move(np.array(block_segment)),
    )  # fmt: skip


def lay_out_causal(prefix: list[int], segments: Sequence[Sequence[int]], device: str) -> Tokens:
    """The same segments in the same slots, read as one sequence behind one prefix: each sees all before it."""
    apart = lay_out(prefix, segments, device)
    skipped = torch.arange(len(segments), device=device) * PREFIX  # copies of the prefix before a segment's place, less the first
    of_token = torch.cat(
        [torch.zeros(PREFIX, dtype=torch.long, device=device), skipped.repeat_interleave((apart.starts.diff() - PREFIX).long())]
    )
    ids = apart.ids[apart.kept]
    places = apart.kept - of_token
    starts = torch.tensor([0, len(ids)], dtype=torch.int32, device=device)
    return replace(apart, ids=ids, positions=places, starts=starts, longest=len(ids), kept=places)


def to_slots(t: Tensor, tokens: Tokens) -> Tensor:
    """Values of all places to the pack's slots, zero where no token is. Differentiable."""
    out = t.new_zeros((len(tokens.valid), *t.shape[1:]))
    return out.index_copy(0, tokens.slots, t[tokens.kept])


def segment_layer(layer: Layer, x: Tensor, tokens: Tokens, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One layer over all segments -> normed input, keys, values (of all places), and the residual stream behind the layer."""
    h = layer.normed(x)
    q, k, v = layer.qkv(h, cos, sin)
    attended = segment_attention(q, k, v, tokens.starts, tokens.longest)
    return h, k, v, layer.finish(x, attended)


@dataclass
class Pack:
    """A pack that has been read: per layer keys [slots, G, E], values, index keys [slots, dim]."""

    keys: list[Tensor]
    values: list[Tensor]
    index_keys: list[Tensor]
    valid: Tensor
    block_segment: Tensor
    conversation: int = CONVERSATION  # position of a conversation's first token

    @property
    def blocks(self) -> int:
        return len(self.block_segment)

    def forget(self) -> None:
        """Lets the memory go, whoever still holds the pack: the coder's keys and values of a million tokens are 28 GB."""
        self.keys, self.values, self.index_keys = [], [], []


@torch.no_grad()
def read_causal(model: Model, prefix: list[int], segments: Sequence[Sequence[int]]) -> Pack:
    """A small pack as any causal model would read it. The conversation follows on the last token."""
    tokens = lay_out_causal(prefix, segments, model.device)
    cos, sin = model.cos[tokens.positions], model.sin[tokens.positions]
    x, stores = model.embed(tokens.ids), ([], [], [])
    for layer in model.layers:
        h, k, v, x = segment_layer(layer, x, tokens, cos, sin)
        for store, t in zip(stores, (k, v, layer.index_keys(h))):
            store.append(to_slots(t, tokens))
    return Pack(*stores, tokens.valid, tokens.block_segment, len(tokens.ids))


@torch.no_grad()
def read(
    model: Model,
    prefix: list[int],
    segments: Sequence[Sequence[int]],
    tokens_at_once: int = 65_536,
    index_keys_of: Callable[[int, Tensor], Tensor] | None = None,
) -> Pack:
    """Read segments without gradient, as many at once as the token budget allows. The pack is allocated once: of a large one there is no room
    for a second copy. `index_keys_of`: a layer's number and normed input to index keys of any width, where they are not the layer's own."""
    index_keys_of = index_keys_of or (lambda i, h: model.layers[i].index_keys(h))
    batches: list[list[Sequence[int]]] = [[]]
    for segment in segments:
        if batches[-1] and sum(len(s) + PREFIX for s in batches[-1]) + len(segment) > tokens_at_once:
            batches.append([])
        batches[-1].append(segment)
    spec, dtype = model.spec, model.embedding.dtype
    slots = (1 + sum(-(-len(segment) // BLOCK) for segment in segments)) * BLOCK
    zeros = lambda *width: [torch.zeros(slots, *width, dtype=dtype, device=model.device) for _ in model.layers]
    keys, values, index_keys = zeros(spec.groups, spec.head_dim), zeros(spec.groups, spec.head_dim), []
    valid, block_segment, before, at = [], [], 0, 0
    for number, batch in enumerate(batches):
        tokens = lay_out(prefix, batch, model.device)
        cos, sin = model.cos[tokens.positions], model.sin[tokens.positions]
        x = model.embed(tokens.ids)
        skip = 0 if number == 0 else PREFIX
        end = at + len(tokens.valid) - skip
        for i, layer in enumerate(model.layers):
            h, k, v, x = segment_layer(layer, x, tokens, cos, sin)
            mine = index_keys_of(i, h)
            if number == 0:
                index_keys.append(mine.new_zeros(slots, mine.shape[-1]))
            for store, t in ((keys, k), (values, v), (index_keys, mine)):
                store[i][at:end] = to_slots(t, tokens)[skip:]
        valid.append(tokens.valid[skip:])
        blocks = tokens.block_segment[skip // BLOCK :]
        block_segment.append(torch.where(blocks >= 0, blocks + before, blocks))
        before, at = before + len(batch), end
    return Pack(keys, values, index_keys, torch.cat(valid), torch.cat(block_segment))
