"""Reading and asking agree with each other, whatever the way they are computed."""

import math

import pytest
import torch

from blocksight_train import adapter
from blocksight_train.asking import Cache, Measure, ask, focus, rows
from blocksight_train.attention import _padded, choose
from blocksight_train.batches import Sampler, make_batch
from blocksight_train.layout import BLOCK, CONVERSATION
from blocksight_train.pointer import Candidate, Pointer, by_file, chosen
from blocksight_train.reading import lay_out, read
from blocksight_train.textloss import segment_losses, set_lora
from blocksight_train.training import Mode, Target, divergence, forward, index_step, layer_step, tables_of, text_places


def segments_of(dataset):
    return [dataset.segment(s) for s in dataset.packs[0]]


def test_ties_go_to_the_lower_block_and_block_zero_is_never_free():
    ids, real = choose(torch.tensor([[9.0, 1.0, 1.0, 1.0, float("-inf")]]))
    assert ids[0, :3].tolist() == [1, 2, 3]
    assert real[0].tolist() == [True, True, True, False, False]


def test_padded_attention_is_causal_attention_of_each_sequence():
    q, k, v = torch.randn(9, 4, 8), torch.randn(9, 2, 8), torch.randn(9, 2, 8)
    out = _padded(q, k, v, torch.tensor([0, 4, 9], dtype=torch.int32), 5)
    for a, b in ((0, 4), (4, 9)):
        for h in range(4):
            scores = q[a:b, h] @ k[a:b, h // 2].T / 8**0.5
            weights = scores.masked_fill(~torch.ones(b - a, b - a).tril().bool(), float("-inf")).softmax(-1)
            torch.testing.assert_close(out[a:b, h], weights @ v[a:b, h // 2])


def test_segments_start_on_blocks_and_padding_is_not_valid():
    tokens = lay_out([1] * BLOCK, [[5] * 130, [6] * 7], "cpu")
    assert tokens.block_segment.tolist() == [-1, 0, 0, 1]
    assert tokens.valid.sum() == BLOCK + 137
    assert tokens.slots[-7:].tolist() == list(range(3 * BLOCK, 3 * BLOCK + 7))


def test_a_pack_is_the_same_whether_read_at_once_or_in_pieces(model, dataset, prefix):
    whole, pieces = (read(model, prefix, segments_of(dataset), budget) for budget in (1 << 20, 1500))
    torch.testing.assert_close(whole.keys[2], pieces.keys[2])
    assert torch.equal(whole.block_segment, pieces.block_segment)


def test_an_answer_does_not_depend_on_the_questions_beside_it(model, dataset, prefix, codec):
    pack = read(model, prefix, segments_of(dataset))
    prompts = [codec.prompt("Where is it?"), codec.prompt("What is `Store2` for?")]
    both = ask(model, pack, 7, prompts, "trained", 5, {257})
    alone = ask(model, pack, 7, prompts[1:], "trained", 5, {257})
    assert both.ids[1] == alone.ids[0]
    torch.testing.assert_close(both.mass[:, :, 1], alone.mass[:, :, 0])


def test_sixteen_blocks_are_all_of_a_small_pack(model, dataset, prefix, codec):
    pack = read(model, prefix, segments_of(dataset)[:2])
    assert pack.blocks <= 15
    prompt = [codec.prompt("Where is `Store0`?")]
    sparse, dense = (ask(model, pack, 2, prompt, source, 4, {257}) for source in ("trained", "dense"))
    assert sparse.ids == dense.ids
    torch.testing.assert_close(sparse.mass, dense.mass)
    assert dense.covered is not None and dense.covered > 0.999


def test_rows_one_by_one_are_rows_at_once(model, dataset, prefix, codec):
    pack = read(model, prefix, segments_of(dataset))
    ids = torch.tensor(codec.prompt("Which?"))
    n, zero = len(ids), torch.zeros(len(ids), dtype=torch.long)
    empty = torch.zeros(0, dtype=torch.long)
    position = torch.arange(CONVERSATION, CONVERSATION + n)
    once = rows(model, pack, Cache(empty, empty), ids, zero, position, "trained")
    cache, single = Cache(empty, empty), []
    for i in range(n):
        single.append(rows(model, pack, cache, ids[i : i + 1], zero[:1], position[i : i + 1], "trained"))
    torch.testing.assert_close(once, torch.cat(single), atol=1e-4, rtol=1e-3)


def test_training_sees_what_asking_sees(model, dataset, prefix, codec):
    """The mass that the focus loss is made of is the mass that the product's focus is made of."""
    segments, examples = dataset.packs[0], dataset.examples[:3]
    import random

    batch = make_batch(dataset, prefix, segments, examples, random.Random(1), "cpu")
    x, r = model.embed(batch.tokens.ids), model.embed(batch.ids)
    masses = []
    for layer in model.layers:
        x, r, _, mass = layer_step(layer, x, r, batch, tables_of(model, batch), Mode(), (0, 1))
        masses.append(mass)
    pack = read(model, prefix, segments_of(dataset))
    asked = ask(model, pack, len(segments), [e.prompt for e in examples], "dense", 0, set()).mass
    torch.testing.assert_close(torch.stack(masses)[:, :, :3], asked, atol=1e-4, rtol=1e-3)


def test_training_sees_what_the_pointer_sees_in_the_row_that_opens_a_citation(model, dataset, prefix, codec):
    import random

    example = next(e for e in dataset.examples if e.cited and e.cited[0][0] > 3)
    batch = make_batch(dataset, prefix, dataset.packs[0], [example], random.Random(1), "cpu")
    assert batch.ids[batch.cite_rows].tolist() == [codec.markers.file] * len(example.cited)
    assert batch.cite_target.bool()[0].nonzero().flatten().tolist() == [dataset.packs[0].index(g) for g in example.cited[0][1]]
    x, r, masses = model.embed(batch.tokens.ids), model.embed(batch.ids), []
    for layer in model.layers:
        x, r, _, mass = layer_step(layer, x, r, batch, tables_of(model, batch), Mode(), (0, 1))
        masses.append(mass)
    pack = read(model, prefix, segments_of(dataset))
    paths, heads, empty = [dataset.paths[s] for s in dataset.packs[0]], [(1, 0), (2, 1)], torch.zeros(0, dtype=torch.long)
    pointer = Pointer(model, pack, paths, {p: codec.citation(p)[1:] for p in paths}, codec.markers.file, heads, 1.0, "dense", row=1.0)
    cache, said = Cache(empty, empty), example.prompt + example.answer[: example.cited[0][0]]
    at = torch.arange(CONVERSATION, CONVERSATION + len(said))
    rows(model, pack, cache, torch.tensor(said), torch.zeros(len(said), dtype=torch.long), at, "dense")
    question = torch.rand(3, 2, 1, len(paths))
    pointer(cache, [0], [[]], [len(said)], question)
    seen = {c.path: c for c in pointer.seen[0][0]}
    expected = by_file(focus(torch.stack(masses)[:, :, 1:2], heads)[0].tolist(), paths)
    for path, c in seen.items():
        assert c.focus == c.of_row == pytest.approx(expected[path], abs=1e-4)
        assert c.of_question == pytest.approx(by_file(focus(question, heads)[0].tolist(), paths)[path], abs=1e-4)


@pytest.fixture
def index_batch(model, dataset, prefix):
    import random

    for p in model.lora_parameters():
        p.requires_grad_(False)
    return make_batch(dataset, prefix, dataset.packs[0], dataset.examples[:4], random.Random(1), "cpu")


def index_losses(model, batch, mode: Mode) -> list[float]:
    """Of twelve steps of the index alone."""
    optimiser = torch.optim.AdamW(model.index_parameters(), 3e-3)
    losses = []
    for _ in range(12):
        losses.append(float(index_step(model, batch, mode).index))
        optimiser.step()
        optimiser.zero_grad()
    return losses


def test_the_index_learns_and_moves_nothing_else(model, index_batch):
    losses = index_losses(model, index_batch, Mode(index="all"))
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.grad is None for p in model.lora_parameters())


def test_the_index_learns_which_blocks_hold_mass_whatever_their_tokens(model, index_batch):
    losses = index_losses(model, index_batch, Mode(index="blocks"))
    assert losses[-1] < 0.8 * losses[0]
    assert losses[0] < float(index_step(model, index_batch, Mode(index="all")).index)  # a block's tokens need not be told apart


def test_a_block_divergence_is_zero_where_best_tokens_score_as_blocks_weigh():
    seen = torch.ones(1, 4 * BLOCK, dtype=torch.bool)
    seen[0, 3 * BLOCK + 5 :] = False
    wanted = torch.zeros(1, 3 * BLOCK)
    wanted[0, [3, 70, BLOCK + 9, 2 * BLOCK + 1]] = torch.tensor([0.2, 0.3, 0.4, 0.1])
    keys = torch.full((4 * BLOCK, 4), -50.0)  # one query of ones: a token's score is its key's sum over the root of four
    for at, share in ((BLOCK + 7, 0.5), (2 * BLOCK + 100, 0.4), (3 * BLOCK + 1, 0.1)):
        keys[at] = math.log(share) / 2
    target = Target(wanted, torch.ones(1, 1), torch.zeros(1))
    assert float(divergence(target, seen, torch.ones(1, 4), keys, by_block=True)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("mode", [Mode(True, "selected"), Mode(True, "blocks")])
def test_joint_steps_lower_answer_and_focus_loss(model, dataset, prefix, mode):
    import random

    sampler = Sampler(dataset, {}, random.Random(2))
    segments, asked = sampler.draw(6, 6)
    batch = make_batch(dataset, prefix, segments, asked, random.Random(1), "cpu")
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    figures = []
    for _ in range(15):
        losses = forward(model, batch, mode, [(1, 0), (2, 1)])
        (losses.answer + 0.5 * losses.focus + 0.5 * losses.index).backward()
        optimiser.step()
        optimiser.zero_grad()
        figures.append(losses.figures())
    assert figures[-1]["answer"] < figures[0]["answer"] - 0.3
    assert figures[-1]["focus"] < figures[0]["focus"]


def test_questions_come_back_only_when_all_of_a_tree_are_used(dataset):
    import random

    sampler = Sampler(dataset, {}, random.Random(4))
    total = len(dataset.examples)
    seen = []
    while len(seen) < total * 0.6:
        seen += [id(e) for e in sampler.draw(7, 5)[1]]
    assert len(set(seen)) == len(seen)


def test_a_definition_that_is_left_out_is_denied(dataset, codec, prefix):
    import random

    sampler = Sampler(dataset, {"where": 9.0}, random.Random(4), removed=1.0)
    for _ in range(6):
        segments, asked = sampler.draw(7, 6)
        batch = make_batch(dataset, prefix, segments, asked, random.Random(1), "cpu")
        denied = [e for e in asked if e.type == "absent" and not e.answer]
        for e in denied:
            original = next(o for o in dataset.examples if o.record is e.record)
            assert not set(original.gold) & set(segments), "its definition is not read"
            said = codec.decode(dataset.denied(e, segments).answer)
            text = "".join(codec.decode(dataset.segment(s).tolist()) for s in segments)
            assert ("is used here" in said) == (e.record["name"] in text) and "not defined in this repository" in said
        kept = [e for e in asked if e.gold]
        assert all(set(e.gold) <= set(segments) for e in kept), "what others need stays"
        assert len(batch.target) == len(asked)
        if denied:
            return
    raise AssertionError("nothing was left out")


def test_a_pointer_writes_paths_of_the_pack_only(model, dataset, prefix, codec):
    pack = read(model, prefix, segments_of(dataset))
    paths = [dataset.paths[s] for s in dataset.packs[0]]
    pointer = Pointer(model, pack, paths, {p: codec.citation(p)[1:] for p in paths}, 258, [(1, 0)], 1.0, "trained")
    empty = torch.zeros(0, dtype=torch.long)
    cache = Cache(empty, empty)
    prompt = torch.tensor(codec.prompt("Where?"))
    zero = torch.zeros(len(prompt), dtype=torch.long)
    rows(model, pack, cache, prompt, zero, torch.arange(CONVERSATION, CONVERSATION + len(prompt)), "trained")
    before = cache.keys[0].shape
    mass = torch.rand(3, 2, 1, len(paths))
    written = pointer(cache, [0], [[258]], [len(prompt)], mass)
    assert codec.decode(written[0]).strip() in paths
    assert cache.keys[0].shape == before
    assert len(pointer.seen[0][0]) == len(set(paths))


def test_weight_decides_between_likelihood_and_focus():
    candidates = [Candidate("a", -1.0, 0.01), Candidate("b", -2.0, 0.9)]
    assert chosen(candidates, 0.0).path == "a"
    assert chosen(candidates, 1.0).path == "b"
    assert by_file([0.1, 0.4, 0.2], ["x", "x", "y"]) == {"x": 0.4, "y": 0.2}


def test_focus_scales_each_head_to_one():
    mass = torch.tensor([[[[2.0, 2.0]]], [[[1.0, 0.0]]]])
    torch.testing.assert_close(focus(mass, [(0, 0), (1, 0)]), torch.tensor([[0.75, 0.25]]))


def test_an_adapter_file_comes_back_within_int8(model, tmp_path):
    for p in model.parameters():
        p.data.normal_()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    adapter.save(model, tmp_path / "a.safetensors", {"version": 1})
    for p in model.parameters():
        p.data.zero_()
    assert adapter.load(model, tmp_path / "a.safetensors") == {"version": 1}
    for n, p in model.named_parameters():
        assert float((p - before[n]).abs().max()) <= float(before[n].abs().max()) / 127 + 1e-6
    assert adapter.lora_on(tmp_path / "a.safetensors") == ("attn_k", "attn_output", "attn_q", "attn_v")


def test_text_is_predicted_inside_segments_alone_and_can_be_learnt(model, dataset, prefix):
    import random

    batch = make_batch(dataset, prefix, dataset.packs[0], dataset.examples[:3], random.Random(1), "cpu")
    places = text_places(batch)
    kept = set(batch.tokens.kept[BLOCK:].tolist())
    assert {p + 1 for p in places.tolist()} <= kept and len(places) == len(kept) - len(dataset.packs[0])
    optimiser = torch.optim.AdamW(model.lora_parameters(), 5e-3)
    figures = []
    for _ in range(12):
        losses = forward(model, batch, Mode(), [(1, 0)], 512)
        losses.text.backward()
        optimiser.step()
        optimiser.zero_grad()
        figures.append(float(losses.text.detach()))
    assert figures[-1] < figures[0] - 0.2
    assert float(forward(model, batch, Mode(), [(1, 0)]).text) == 0.0


def test_without_lora_the_text_loss_is_the_bases(model, dataset, prefix):
    segments = [dataset.segment(s).tolist() for s in dataset.packs[0][:2]]
    base = segment_losses(model, prefix, segments)
    for p in model.lora_parameters():
        p.data.normal_()
    assert segment_losses(model, prefix, segments) != base
    set_lora(model, False)
    assert segment_losses(model, prefix, segments) == base
    set_lora(model, True)
    assert segment_losses(model, prefix, segments) != base


def test_a_row_that_hardly_reads_the_pack_does_not_count_against_the_index():
    measure = Measure(torch.zeros(1, 1, 1, 1))
    measure.reach(0, 0, chosen=0.9, best=1.0)
    measure.reach(0, 0, chosen=0.0, best=1e-4)
    assert measure.covered() == pytest.approx(0.9, abs=1e-3)
    measure.reach(1, 0, chosen=0.5, best=1.0)
    assert measure.covered() == pytest.approx(0.7, abs=1e-3)  # layers count alike
