"""One step of training over segments and conversation rows together, layer by layer, and its losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .attention import NEG, block_scores, choose, flash_works, row_attention
from .batches import IGNORED, Batch
from .chosen import chosen_attention, chosen_works, pairs_of
from .layout import BLOCK, PREFIX
from .model import Layer, Model
from .reading import segment_layer, to_slots
from .spec import ModelSpec

FOCUS_FLOOR = 1e-4
TARGET_LOGITS = 1 << 28  # logits of an index target at once: 1 GiB in fp32, about three of them live


@dataclass(frozen=True)
class Mode:
    """sparse: rows see the 16 blocks that the index chooses. index: "" (not trained), "all" (KL over everything a row sees, the warm-up),
    "selected" (KL over the chosen blocks) or "blocks" (KL over the mass of all blocks, which are what is chosen; focus is then that over
    everything too, so that gold which was not chosen has a gradient)."""

    sparse: bool = False
    index: str = ""


@dataclass
class Losses:
    answer: Tensor
    focus: Tensor
    hit: Tensor  # share of questions whose most read segment is gold
    cite: Tensor  # as focus, of the rows that open citations
    cite_hit: Tensor
    index: Tensor  # KL, the mean over layers
    text: Tensor  # next tokens of segments, where they are trained on

    def figures(self) -> dict[str, float]:
        return {name: float(value.detach()) for name, value in vars(self).items()}


@torch.no_grad()
def chosen_blocks(batch: Batch, index_q: Tensor, index_keys: Tensor) -> tuple[Tensor, Tensor]:
    """The blocks that the rows of one group choose besides block 0: ids [R, 14], and which of them count."""
    return choose(block_scores(index_q @ index_keys.T, batch.tokens.valid))


@torch.no_grad()
def selected(batch: Batch, ids: Tensor, real: Tensor) -> Tensor:
    """What the rows of a group see when they choose: bool [R, slots + R]."""
    slots = batch.slots
    blocks = torch.zeros(len(ids), slots // BLOCK, dtype=torch.bool, device=ids.device).scatter_(1, ids, real)
    blocks[:, 0] = True
    return torch.cat([blocks.repeat_interleave(BLOCK, 1) & batch.sees[:, :slots], batch.sees[:, slots:]], 1)


def index_divergence(
    rows: Tensor, seen: Tensor, q: Tensor, keys: Tensor, index_q: Tensor, index_keys: Tensor, slots: int, by_block: bool = False
) -> Tensor:
    """KL from the group's mean attention (probabilities averaged, not logits) to the index's softmax, over pack slots behind the prefix.

    q [R, H/G, E], keys [slots + R, E], index_q [R, dim], index_keys [slots, dim]; only `rows` count. The targets carry no gradient.
    """
    seen = seen[rows]
    return divergence(index_target(seen, q[rows], keys, slots), seen, index_q[rows], index_keys, by_block)


@dataclass
class Target:
    """What an index learns for one group: the distribution [R, slots behind the prefix], how much of a row's mass it holds [R, 1], and
    its entropy [R]."""

    wanted: Tensor
    share: Tensor
    entropy: Tensor


@torch.no_grad()
def index_target(seen: Tensor, q: Tensor, keys: Tensor, slots: int) -> Target:
    """Rows are taken in parts, because their logits have every head: 512 rows of the coder on 140K slots would be 1.6 GiB thrice."""
    step = max(1, TARGET_LOGITS // (q.shape[1] * len(keys)))
    parts = []
    for a in range(0, len(q), step):
        logits = torch.einsum("rhd,nd->rhn", q[a : a + step], keys).float() / math.sqrt(q.shape[-1])
        parts.append(logits.masked_fill_(~seen[a : a + step, None], NEG).softmax(-1).mean(1)[:, PREFIX:slots])
    wanted = torch.cat(parts)
    share = wanted.sum(-1, keepdim=True)
    wanted = wanted / share.clamp(min=1e-9)
    return Target(wanted, share, -(wanted * wanted.clamp(min=1e-12).log()).sum(-1))


def divergence(target: Target, seen: Tensor, index_q: Tensor, index_keys: Tensor, by_block: bool = False) -> Tensor:
    """KL from a target to an index's softmax over what the rows see; index_q [R, dim], index_keys [slots, dim].

    by_block: from a block's share of the target to the softmax over blocks of what they are chosen by, their best token's score.
    """
    seen = seen[:, PREFIX : len(index_keys)]
    given = (index_q @ index_keys[PREFIX:].T).float() / math.sqrt(index_keys.shape[-1])
    wanted, entropy = target.wanted, target.entropy
    if by_block:
        of_blocks = lambda t: t.view(len(t), -1, BLOCK)
        given, seen = of_blocks(given.masked_fill(~seen, NEG)).amax(-1), of_blocks(seen).any(-1)
        wanted = of_blocks(wanted).sum(-1)
        entropy = -(wanted * wanted.clamp(min=1e-12).log()).sum(-1)
    given = given.masked_fill(~seen, NEG).log_softmax(-1).masked_fill(~seen, 0.0)
    lost = -(wanted * given).sum(-1) - entropy
    return (lost * target.share[:, 0]).sum() / target.share.sum().clamp(min=1e-6)  # rows that read the pack count more


@dataclass
class Projected:
    """What a layer makes of the segments [T] and conversation rows [R] before rows attend."""

    h: Tensor  # the segments' normed input [T, D]
    x: Tensor  # the segments' stream behind the layer [T, D]
    hr: Tensor  # the rows' normed input [R, D]
    q: Tensor  # the rows' queries [R, H, E]
    k: Tensor  # of the segments [T, G, E]
    v: Tensor
    own_k: Tensor  # of the rows [R, G, E]
    own_v: Tensor

    def in_slots(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Keys and values of the pack's slots, then of the rows: [slots + R, G, E]."""
        pairs = (self.k, self.own_k), (self.v, self.own_v)
        keys, values = (torch.cat([to_slots(t, batch.tokens), own]) for t, own in pairs)
        return keys, values


def projected(layer: Layer, x: Tensor, rows: Tensor, batch: Batch, tables: tuple[Tensor, ...]) -> Projected:
    cos, sin, row_cos, row_sin = tables
    h, k, v, x = segment_layer(layer, x, batch.tokens, cos, sin)
    hr = layer.normed(rows)
    q, own_k, own_v = layer.qkv(hr, row_cos, row_sin)
    return Projected(h, x, hr, q, k, v, own_k, own_v)


def dense_rows_behind(layer: Layer, rows: Tensor, p: Projected, batch: Batch) -> Tensor:
    """Rows read all of the pack: its tokens one behind the other, without the empty slots."""
    k, v = (t.index_select(0, batch.tokens.kept) for t in (p.k, p.v))
    return layer.finish(rows, row_attention(p.q, k, v, p.own_k, p.own_v, batch.starts, batch.longest))


def sparse_rows_behind(layer: Layer, rows: Tensor, p: Projected, batch: Batch, choices: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Rows read the blocks that they chose in their group."""
    k, v = (t.index_select(0, batch.tokens.kept) for t in (p.k, p.v))
    pairs = pairs_of(choices, batch.tokens.valid)
    return layer.finish(rows, chosen_attention(p.q, k, v, p.own_k, p.own_v, pairs, batch.starts, batch.longest))


def masked_rows_behind(layer: Layer, rows: Tensor, q: Tensor, keys: Tensor, values: Tensor, masks: list[Tensor]) -> Tensor:
    """Rows read what the mask of their group lets them, bool [R, slots + R]: where the kernel does not run."""
    each = layer.spec.heads_per_group
    heads = lambda t: t.repeat_interleave(each, 1).transpose(0, 1)[None]
    mask = torch.stack(masks).repeat_interleave(each, 0)[None]
    attended = F.scaled_dot_product_attention(q.transpose(0, 1)[None], heads(keys), heads(values), attn_mask=mask)
    return layer.finish(rows, attended[0].transpose(0, 1))


def layer_step(
    layer: Layer,
    x: Tensor,
    rows: Tensor,
    batch: Batch,
    tables: tuple[Tensor, ...],
    mode: Mode,
    focus_groups: tuple[int, ...],
):
    """One layer over segments x [T, D] and conversation rows [R, D] -> both behind it, the index loss, and per focus group the
    mass of every question, then of every citation's first row, on every segment [groups, questions + citations, segments]."""
    spec, slots = layer.spec, batch.slots
    p = projected(layer, x, rows, batch, tables)
    loss = rows.new_zeros((), dtype=torch.float32)
    nothing = rows.new_zeros(0, dtype=torch.float32)
    if not (mode.sparse or mode.index or focus_groups):
        return p.x, dense_rows_behind(layer, rows, p, batch), loss, nothing
    keys, values = p.in_slots(batch)
    grouped = p.q.view(len(p.q), spec.groups, spec.heads_per_group, spec.head_dim)
    index_q = index_keys = None
    if mode.sparse or mode.index:  # the index learns from the hidden states and never moves them
        index_q, index_keys = layer.index_queries(p.hr.detach()), layer.index_keys(to_slots(p.h.detach(), batch.tokens))
    masks, choices = [batch.sees] * spec.groups, []
    if mode.sparse:
        choices = [chosen_blocks(batch, index_q[:, g], index_keys) for g in range(spec.groups)]
        masks = [selected(batch, *choice) for choice in choices]
    if mode.index:
        for g in range(spec.groups):
            seen = masks[g] if mode.index == "selected" else batch.sees
            given = batch.index_rows, seen, grouped[:, g], keys[:, g], index_q[:, g], index_keys, slots, mode.index == "blocks"
            loss = loss + index_divergence(*given) / spec.groups
    read = [batch.sees if mode.index == "blocks" else mask for mask in masks]
    focus = [focus_mass(batch, read[g], grouped[:, g], keys[:, g]) for g in focus_groups]
    if not mode.sparse:
        rows = dense_rows_behind(layer, rows, p, batch)
    elif chosen_works(rows.device, spec.heads, spec.groups, spec.head_dim):
        rows = sparse_rows_behind(layer, rows, p, batch, choices)
    else:
        rows = masked_rows_behind(layer, rows, p.q, keys, values, masks)
    return p.x, rows, loss, torch.stack(focus) if focus else nothing


def focus_mass(batch: Batch, mask: Tensor, q: Tensor, keys: Tensor) -> Tensor:
    """Mass of one group, the mean over its heads: summed over a question's rows, and of single rows that open citations
    -> [questions + citations, segments]."""
    questions, slots = len(batch.target), batch.slots
    picked = torch.cat([batch.question_rows, batch.cite_rows])
    owner = torch.cat([batch.question_of, questions + torch.arange(len(batch.cite_rows), device=picked.device)])
    logits = torch.einsum("rhd,nd->rhn", q[picked], keys).float() / math.sqrt(q.shape[-1])
    weights = logits.masked_fill(~mask[picked][:, None], NEG).softmax(-1).mean(1)[:, :slots]
    by_block = weights.view(len(picked), -1, BLOCK).sum(-1)[:, 1:]
    by_segment = by_block.new_zeros(len(picked), batch.segments).index_add(1, batch.tokens.block_segment[1:], by_block)
    return by_segment.new_zeros(questions + len(batch.cite_rows), batch.segments).index_add(0, owner, by_segment)


def focus_loss(mass: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the gold segments under the focus, mass [heads, questions, segments], and how often the first one is gold."""
    asked = target.sum(-1) > 0
    if not asked.any():
        return mass.sum() * 0, mass.new_zeros(())
    share = (mass / mass.sum(-1, keepdim=True).clamp(min=1e-6)).mean(0)
    loss = -((share * target).sum(-1) + FOCUS_FLOOR).log()[asked].mean()
    hit = (target.gather(1, share.argmax(-1, keepdim=True))[asked] > 0).float().mean()
    return loss, hit


def tables_of(model: Model, batch: Batch) -> tuple[Tensor, ...]:
    return (
        model.cos[batch.tokens.positions],
        model.sin[batch.tokens.positions],
        model.cos[batch.positions],
        model.sin[batch.positions],
    )


def text_places(batch: Batch) -> Tensor:
    """Places of segments' tokens whose next token belongs to the same segment. The prefix is the same everywhere and is left out."""
    places = batch.tokens.kept[PREFIX:]
    return places[:-1][places[1:] == places[:-1] + 1]


def layers_kept(model: Model, batch: Batch, mode: Mode, memory: int) -> int:
    """Of how many layers `memory` bytes hold what the backward pass needs; the others run twice.

    A dense layer of the coder keeps 60 to 90 KB a token (62 GiB for 28 layers of 34K tokens, one H100, SwiGLU fused): 3 rows of the
    feed-forward width and 12 of the stream's, in the stream's type. Sparse layers hold masks as well and always run twice.
    """
    if mode != Mode():
        return 0
    spec, size = model.spec, model.embedding.element_size()
    layer = (len(batch.tokens.ids) + len(batch.ids)) * (3 * spec.feed_forward + 12 * spec.width) * size
    return min(spec.layers, memory // layer)


def try_kernels(spec: ModelSpec, mode: Mode, device: torch.device) -> None:
    """Each kernel of a step is tried once a process. Within a checkpointed layer the trial would save tensors that its second run does not."""
    shape = device, spec.heads, spec.groups, spec.head_dim
    flash_works(*shape)
    if mode.sparse:
        chosen_works(*shape)


def forward(model: Model, batch: Batch, mode: Mode, question_heads: list[tuple[int, int]], text_tokens: int = 0, memory: int = 0) -> Losses:
    """All losses of a batch. `text_tokens`: how many of the segments' own tokens are predicted. `memory`: bytes for layers that are not
    checkpointed."""
    tables, index, masses = tables_of(model, batch), [], []
    try_kernels(model.spec, mode, batch.ids.device)
    again = model.spec.layers - layers_kept(model, batch, mode, memory)
    x, rows = model.embed(batch.tokens.ids).requires_grad_(True), model.embed(batch.ids)
    for i, layer in enumerate(model.layers):
        groups = tuple(g for at, g in question_heads if at == i)
        given = layer, x, rows, batch, tables, mode, groups
        x, rows, loss, mass = checkpoint(layer_step, *given, use_reentrant=False) if i < again else layer_step(*given)
        index.append(loss)
        masses += [mass] if groups else []
    answered = (batch.labels != IGNORED).nonzero().flatten()
    answer = F.cross_entropy(model.logits(rows[answered]), batch.labels[answered])
    nothing = answer * 0, answer.detach() * 0
    mass, questions = torch.cat(masses) if masses else None, len(batch.target)
    focus, hit = nothing if mass is None else focus_loss(mass[:, :questions], batch.target)
    cite, cite_hit = nothing if mass is None else focus_loss(mass[:, questions:], batch.cite_target)
    text = answer.detach() * 0
    if text_tokens:
        places = text_places(batch)
        places = places[torch.randperm(len(places), device=places.device)[:text_tokens]]
        text = F.cross_entropy(model.logits(x[places]), batch.tokens.ids[places + 1])
    return Losses(answer, focus, hit, cite, cite_hit, torch.stack(index).mean(), text)


def index_step(model: Model, batch: Batch, mode: Mode) -> Losses:
    """The index alone, backbone frozen: each layer's loss goes back at once, nothing else is kept."""
    tables, total = tables_of(model, batch), 0.0
    x, rows = model.embed(batch.tokens.ids), model.embed(batch.ids)
    for layer in model.layers:
        x, rows, loss, _ = layer_step(layer, x.detach(), rows.detach(), batch, tables, mode, ())
        (loss / len(model.layers)).backward()
        total += float(loss.detach()) / len(model.layers)
    zero = torch.zeros(())
    return Losses(zero, zero, zero, zero, zero, torch.tensor(total), zero)
