"""Rows over the blocks that they chose, joined from parts, against one softmax under a mask."""

import random

import pytest
import torch

from blocksight_train import attention, chosen, training
from blocksight_train.batches import Sampler, make_batch
from blocksight_train.layout import BLOCK
from blocksight_train.training import Mode, forward


def sequences(q_starts, k_starts):
    return [
        (slice(a, b), slice(c, d)) for a, b, c, d in zip(*(t.tolist() for t in (q_starts[:-1], q_starts[1:], k_starts[:-1], k_starts[1:])))
    ]


def scores_of(q, k, causal):
    each = q.shape[1] // k.shape[1]
    scores = torch.einsum("qhe,khe->hqk", q, k.repeat_interleave(each, 1)) / q.shape[-1] ** 0.5
    return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), float("-inf")) if causal else scores


def plain_forward(q, k, v, q_starts, k_starts, q_longest, k_longest, causal):
    """The kernel's contract in plain arithmetic."""
    each, out, log_sum = q.shape[1] // k.shape[1], torch.empty_like(q), q.new_empty(q.shape[1], len(q))
    for rows, keys in sequences(q_starts, k_starts):
        assert rows.stop - rows.start <= q_longest and 0 < keys.stop - keys.start <= k_longest
        scores = scores_of(q[rows], k[keys], causal)
        log_sum[:, rows] = scores.logsumexp(-1)
        out[rows] = torch.einsum("hqk,khe->qhe", scores.softmax(-1), v[keys].repeat_interleave(each, 1))
    return out, log_sum, ()


def plain_backward(grad, q, k, v, out, log_sum, q_starts, k_starts, q_longest, k_longest, causal, seed):
    each, found = q.shape[1] // k.shape[1], [torch.zeros_like(t) for t in (q, k, v)]
    for rows, keys in sequences(q_starts, k_starts):
        weights = (scores_of(q[rows], k[keys], causal) - log_sum[:, rows, None]).exp()
        kk, vv = (t[keys].repeat_interleave(each, 1) for t in (k, v))
        spread = torch.einsum("qhe,khe->hqk", grad[rows], vv) - (grad[rows] * out[rows]).sum(-1).T[..., None]
        moved = weights * spread / q.shape[-1] ** 0.5
        back = lambda t: t.view(len(t), -1, each, t.shape[-1]).sum(2)
        found[0][rows] = torch.einsum("hqk,khe->qhe", moved, kk)
        found[1][keys] = back(torch.einsum("hqk,qhe->khe", moved, q[rows]))
        found[2][keys] = back(torch.einsum("hqk,qhe->khe", weights, grad[rows]))
    return found


@pytest.fixture
def plain_kernel(monkeypatch):
    monkeypatch.setattr(attention, "varlen_forward", plain_forward)
    monkeypatch.setattr(attention, "varlen_backward", plain_backward)


def test_parts_by_block_join_to_one_softmax_over_what_a_row_chose_and_so_do_gradients(plain_kernel):
    torch.manual_seed(1)
    valid = torch.ones(6 * BLOCK, dtype=torch.bool)
    valid[3 * BLOCK + 5 : 4 * BLOCK] = False  # the end of a segment
    draw = lambda n, h: torch.randn(n, h, 8, dtype=torch.double, requires_grad=True)
    count = int(valid.sum())
    tensors = draw(11, 4), draw(count, 2), draw(count, 2), draw(11, 2), draw(11, 2)
    choices = [(1 + torch.rand(11, 4).argsort(1)[:, :3], torch.rand(11, 3) < 0.7) for _ in range(2)]  # nobody chooses block 5
    starts = torch.tensor([0, 4, 11], dtype=torch.int32)
    parts = chosen.chosen_attention(*tensors, chosen.pairs_of(choices, valid), starts, 7)
    whole = chosen.masked(*tensors, choices, valid, starts)
    torch.testing.assert_close(parts, whole)
    weight = torch.randn_like(whole)
    for mine, other in zip(*(torch.autograd.grad((out * weight).sum(), tensors) for out in (parts, whole))):
        torch.testing.assert_close(mine, other)


def drawn_batch(dataset, prefix):
    sampler = Sampler(dataset, {}, random.Random(5))
    return make_batch(dataset, prefix, *sampler.draw(6, 4), random.Random(6), "cpu")


def test_a_sparse_step_has_the_same_losses_and_gradients_with_and_without_masks(model, dataset, prefix, plain_kernel, monkeypatch):
    found = []
    for works in (False, True):
        monkeypatch.setattr(chosen, "_works", works)
        losses = forward(model, drawn_batch(dataset, prefix), Mode(True, "selected"), [(1, 0)])
        (losses.answer + losses.focus + losses.index).backward()
        found.append((losses.figures(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}))
        model.zero_grad(set_to_none=True)
    (before, gradients), (now, others) = found
    assert now == pytest.approx(before, rel=1e-4)
    assert gradients.keys() == others.keys() and gradients
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-3, atol=1e-6)


def test_a_kernel_is_tried_before_the_first_layer_that_runs_twice(model, dataset, prefix, plain_kernel, monkeypatch):
    """What a trial saves for its own gradients would else belong to the layer, whose second run is refused for saving less."""
    tried = []

    @torch.enable_grad()
    def trial(*shape):
        if not tried:
            tried.append(shape)
            torch.ones(3, requires_grad=True).exp().sum().backward()
        return True

    monkeypatch.setattr(training, "chosen_works", trial)
    forward(model, drawn_batch(dataset, prefix), Mode(True, "selected"), [(1, 0)], memory=0).answer.backward()
    assert tried
