"""`tune`: an adapter in stages.

A plan is a list of STAGE:MINUTES, for example `dense:6,index:1.5,joint:2`.
  dense   LoRA; rows read everything; loss on answers and on the gold segments under focus
  index   the index alone, backbone frozen, full attention on both sides (the paper's warm-up)
  joint   LoRA and index, rows read the 16 blocks that the index chooses; KL over the chosen blocks
  refresh the index alone over the chosen blocks
  blocks  the index alone, KL over the mass of whole blocks, which are what it chooses
  wide    as joint, with the KL of blocks and the focus loss over everything, chosen or not
Checkpoints hold LoRA and index and are written with every line of the curve; `--resume` goes on at the stage that was cut off. Curves
go to curve.jsonl. Several processes tune together where the environment says so (ranks.py), each on packs of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from . import adapter
from .asking import ask, focus
from .attention import KERNELS, use_kernels
from .batches import CHAT, INDEX_ROWS, Batch, Dataset, Example, Sampler, make_batch
from .data.codec import Codec
from .model import Model
from .parts import Weights
from .ranks import Ranks, join_ranks
from .reading import read
from .training import Losses, Mode, forward, index_step

MODES = {
    "dense": Mode(),
    "index": Mode(index="all"),
    "joint": Mode(True, "selected"),
    "refresh": Mode(True, "selected"),
    "blocks": Mode(index="blocks"),
    "wide": Mode(True, "blocks"),
}
INDEX_ALONE = ("index", "refresh", "blocks")
WARM_UP = 20  # steps
TEXT_TOKENS = 2048  # predicted in a step that has text in its loss
MOST_SKIPPED = 10  # steps in a row without a finite gradient, before a stage gives up
# How often a type is drawn against the others of its tree. Free wording and absent names are what today's adapters lack.
WEIGHTS = {
    "where": 0.4, "doc": 1.2, "signature": 0.6, "absent": 1.0, "what": 0.4, "callers": 0.7, "constant": 0.4, "default": 0.4, "base": 0.3,
    "error": 0.9, "twice": 0.3, "complete": 0.4, "quote": 0.4, "commit": 1.4, "sentence": 1.2, "prose": 2.0,
    "test": 1.2, "change": 1.2, "heading": 1.2, "option": 0.9, CHAT: 0.6,
}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    name: str
    seconds: float


def stages_of(plan: str) -> list[Stage]:
    stages = []
    for part in plan.split(","):
        name, _, minutes = part.partition(":")
        if name not in MODES:
            raise SystemExit(f"unknown stage {name!r}: {', '.join(MODES)}")
        stages.append(Stage(name, float(minutes) * 60))
    return stages


def rate(step: int, done: float, peak: float) -> float:
    """Learning rate: warm-up, then linear to a twentieth. `done`: share of the stage's time, 0 to 1."""
    return peak * min(1.0, (step + 1) / WARM_UP) * (1 - 0.95 * min(1.0, done))


class Miner:
    """Long packs: read many segments without gradient, and keep, for each question, its gold and the segments that it reads most
    wrongly. The step then runs over those alone, so it sees the hardest of a pack much longer than itself."""

    def __init__(self, model: Model, dataset: Dataset, sampler: Sampler, prefix: list[int], heads: list[tuple[int, int]]):
        self.model, self.dataset, self.sampler, self.prefix, self.heads = model, dataset, sampler, prefix, heads
        self.ready: list[tuple[list[int], list[Example]]] = []

    def draw(self, long: int, segments: int, questions: int) -> tuple[list[int], list[Example]]:
        if not self.ready:
            self._mine(long, segments, questions)
        return self.ready.pop()

    def _mine(self, long: int, segments: int, questions: int) -> None:
        chosen, asked = self.sampler.draw(long, 3 * questions)
        pack = read(self.model, self.prefix, [self.dataset.segment(s) for s in chosen])
        mass = ask(self.model, pack, len(chosen), [e.prompt for e in asked], "keys", 0, set()).mass  # the index is stale while LoRA moves
        share = focus(mass, self.heads)
        place = {s: i for i, s in enumerate(chosen)}
        golds = [[place[g] for g in e.gold if g in place] for e in asked]
        for a in range(0, len(asked), questions):
            part = range(a, min(a + questions, len(asked)))
            wanted = dict.fromkeys(g for i in part for g in golds[i])
            wrong = share[list(part)].clone()
            for row, i in enumerate(part):
                wrong[row, golds[i] if asked[i].type != CHAT else slice(None)] = 0  # for an instruction none is the wrong one
            for s in wrong.amax(0).argsort(descending=True).tolist():
                if len(wanted) >= segments:
                    break
                wanted.setdefault(s)
            order = [chosen[i] for i in list(wanted)[: 2 * segments]]
            self.sampler.rng.shuffle(order)
            self.ready.append((order, [asked[i] for i in part]))


class Tuner:
    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        prefix: list[int],
        heads: list[tuple[int, int]],
        out: Path,
        args: argparse.Namespace,
        ranks: Ranks = Ranks(),  # noqa: B008
    ):
        self.ranks = ranks
        self.model, self.dataset, self.prefix, self.heads, self.out, self.args = (
            model,
            dataset,
            prefix,
            heads,
            out,
            args,
        )
        self.rng = random.Random(args.seed + 1000 * ranks.rank)
        self.shape_rng = random.Random(args.seed)  # the same on all ranks, so that none waits for a longer step of another
        weights = {**WEIGHTS, **json.loads(args.weights)}
        self.sampler = Sampler(dataset, weights, self.rng, removed=args.removed)
        self.miner = Miner(model, dataset, self.sampler, prefix, heads)
        self.sizes = [int(s) for s in args.sizes.split(",")]
        self.index_sizes = [int(s) for s in (args.index_sizes or args.sizes).split(",")]
        self.steps, self.kernels, self.memory = 0, args.kernels, 0
        use_kernels(args.kernels)

    def run(self, stages: list[Stage], first: int = 0) -> None:
        for number, stage in enumerate(stages):
            if number >= first:
                self._stage(stage, number)
                self._save(number + 1)

    def _stage(self, stage: Stage, number: int) -> None:
        model, mode = self.model, MODES[stage.name]
        groups = self._parameters(stage)
        parameters = [p for group in groups for p in group["params"]]
        for p in model.parameters():
            p.requires_grad_(False)
        for p in parameters:
            p.requires_grad_(True)
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0, fused=model.device.startswith("cuda"))
        peaks = [group["lr"] for group in groups]
        self.memory = memory_for_layers(model.device, self.args.memory)
        started, step, sums, tokens, skipped = time.time(), 0, {}, 0, 0
        while (spent := self.ranks.agreed(time.time() - started, model.device)) < stage.seconds:
            for group, peak in zip(optimiser.param_groups, peaks):
                group["lr"] = rate(step, spent / stage.seconds, peak)
            batch = self._batch(stage)
            tokens += len(batch.tokens.ids)
            losses = self._losses(stage, batch, mode, parameters)
            finite = self._finite(parameters) or self._other_kernels(stage, batch, mode, parameters)
            if finite:
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            skipped = 0 if finite else skipped + 1
            if skipped > MOST_SKIPPED:
                raise SystemExit(f"{skipped} steps in a row had no finite gradient; last losses {losses.figures()}")
            step, self.steps = step + 1, self.steps + 1
            for name, value in (losses.figures() | {"skipped": float(not finite)}).items():
                sums.setdefault(name, []).append(value)
            if step % self.args.every == 0 or step == 3:
                self._report(stage, step, time.time() - started, tokens, sums)
                self._save(number)
                sums = {}
        self._report(stage, step, time.time() - started, tokens, sums)

    def _finite(self, parameters: list[torch.nn.Parameter]) -> bool:
        return bool(torch.isfinite(torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])))

    def _other_kernels(self, stage: Stage, batch: Batch, mode: Mode, parameters: list[torch.nn.Parameter]) -> bool:
        """The same step with plainer attention kernels, until a gradient is finite: those are used from then on. -> whether one was."""
        bad = [n for n, p in self.model.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()]
        names = list(KERNELS)
        for name in names[names.index(self.kernels) + 1 :]:
            use_kernels(name)
            for p in parameters:
                p.grad = None
            losses = self._losses(stage, batch, mode, parameters)
            finite = self._finite(parameters)
            self._note({"kernels": name, "finite": finite, "before": self.kernels, "bad": len(bad), "badLast": bad[-1], **losses.figures()})
            if finite:
                self.kernels = name
                return True
        use_kernels(self.kernels)
        return False

    def _parameters(self, stage: Stage) -> list[dict]:
        """What a stage trains, and at which peak rate. The index starts from little and takes more."""
        lora, index, peak = self.model.lora_parameters(), self.model.index_parameters(), self.args.rate
        if stage.name == "dense":
            return [{"params": lora, "lr": peak}]
        if stage.name in ("joint", "wide"):
            return [{"params": lora, "lr": 0.4 * peak}, {"params": index, "lr": peak}]
        return [{"params": index, "lr": 3 * peak}]

    def _batch(self, stage: Stage):
        of_index = stage.name in INDEX_ALONE
        size = self.shape_rng.choice(self.index_sizes if of_index else self.sizes)
        mined = self.args.long and not of_index and self.shape_rng.random() < self.args.mined
        if mined:
            segments, asked = self.miner.draw(self.args.long, size, self.args.questions)
        else:
            segments, asked = self.sampler.draw(size, self.args.questions)
        index_rows = self.args.index_rows if of_index else INDEX_ROWS
        return make_batch(self.dataset, self.prefix, segments, asked, self.rng, self.model.device, index_rows)

    def _losses(self, stage: Stage, batch, mode: Mode, parameters: list[torch.nn.Parameter]) -> Losses:
        """One step's losses; the gradients, averaged over the ranks, are left in the parameters."""
        losses = index_step(self.model, batch, mode) if stage.name in INDEX_ALONE else self._whole_step(batch, mode)
        self.ranks.average(parameters)
        return losses

    def _whole_step(self, batch: Batch, mode: Mode) -> Losses:
        text = TEXT_TOKENS if self.rng.random() < self.args.text_share else 0
        try:
            return self._backward(batch, mode, text)
        except torch.OutOfMemoryError:
            if not self.memory:
                raise
        self._note({"memory": self.memory, "enough": False})
        self.memory = 0
        for p in self.model.parameters():
            p.grad = None
        torch.cuda.empty_cache()
        return self._backward(batch, mode, text)

    def _backward(self, batch: Batch, mode: Mode, text: int) -> Losses:
        losses = forward(self.model, batch, mode, self.heads, text, self.memory)
        read = self.args.focus_weight * losses.focus + self.args.cite_weight * losses.cite
        total = losses.answer + read + losses.text + (0.5 * losses.index if mode.index else 0)
        total.backward()
        return losses

    def _report(self, stage: Stage, step: int, seconds: float, tokens: int, sums: dict[str, list[float]]) -> None:
        if not sums:
            return
        line = {
            "stage": stage.name,
            "step": step,
            "seconds": round(seconds),
            "tokensPerSecond": round(tokens / max(seconds, 1e-3)),
        }
        line |= {name: round(sum(values) / len(values), 4) for name, values in sums.items()}
        if self.model.device.startswith("cuda"):
            line["gigabytes"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
        self._note(line)

    def _note(self, line: dict) -> None:
        if self.ranks.rank:
            return
        print(json.dumps(line), flush=True)
        with (self.out / "curve.jsonl").open("a") as f:
            f.write(json.dumps(line) + "\n")

    def _save(self, stages_done: int) -> None:
        """LoRA and index in bf16: two files of at most 15 MB."""
        if self.ranks.rank:
            return
        state = {n: p.detach().to(torch.bfloat16).cpu() for n, p in self.model.named_parameters()}
        lora = {n: t for n, t in state.items() if "lora_" in n}
        index = {n: t for n, t in state.items() if ".index_" in n}
        torch.save({"stages": stages_done, "steps": self.steps, "state": lora}, self.out / "lora.pt")
        torch.save({"stages": stages_done, "steps": self.steps, "state": index}, self.out / "index.pt")


def memory_for_layers(device: str, share: float) -> int:
    """Bytes of a GPU's free memory that layers may keep for the backward pass; a CPU runs every layer twice."""
    if not device.startswith("cuda"):
        return 0
    torch.cuda.empty_cache()
    return int(share * torch.cuda.mem_get_info()[0])


def of_types(examples: list[Example], types: list[str]) -> list[Example]:
    """Only questions of some types, to measure what a source adds. A type that no question has is a mistake, not an empty source."""
    if unknown := set(types) - {e.type for e in examples}:
        raise SystemExit(
            f"no question is of the type {', '.join(sorted(unknown))}: there are {', '.join(sorted({e.type for e in examples}))}"
        )
    return [e for e in examples if e.type in types]


def load_model(args: argparse.Namespace) -> tuple[Model, dict]:
    """The base model with the adapter that is to be measured or tuned on. -> model, metadata of that adapter."""
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    weights = Weights(args.base, device)
    torch.manual_seed(1)
    model = Model(weights.spec, weights, device, lora=adapter.lora_on(args.adapter))
    metadata = adapter.load(model, args.adapter)
    if getattr(args, "fresh", False):  # keep the layout, start LoRA and index anew
        model = Model(weights.spec, weights, device, lora=adapter.lora_on(args.adapter))
    for path in args.checkpoint or []:
        state = torch.load(path, map_location=device, weights_only=True)
        missing = model.load_state_dict(state["state"], strict=False)
        print("checkpoint", path, "steps", state["steps"], "unexpected", len(missing.unexpected_keys), flush=True)
    return model, metadata


def main(args: argparse.Namespace) -> None:
    args.device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    ranks = join_ranks(args.device)
    model, metadata = load_model(args)
    codec = Codec.load(args.tokenizer)
    files = tuple(f for f in args.files.split(",") if (Path(args.data) / f).exists())
    dataset = Dataset(args.data, args.model, codec, files)
    if args.types:
        dataset.examples = of_types(dataset.examples, args.types.split(","))
    print("questions", len(dataset.examples), "packs", len(dataset.packs), "from", files, flush=True)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    heads = [tuple(h) for h in json.loads(args.heads)] if args.heads else [tuple(h) for h in metadata["questionHeads"]]
    first = 0
    if args.resume and (out / "lora.pt").exists():
        for part in ("lora.pt", "index.pt"):
            state = torch.load(out / part, map_location=model.device, weights_only=True)
            model.load_state_dict(state["state"], strict=False)
            first = state["stages"]
    Tuner(model, dataset, metadata["layout"]["prefix"], heads, out, args, ranks).run(stages_of(args.plan), first)


def base_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True, help="folder that `parts` wrote")
    parser.add_argument("--adapter", required=True, help="adapter file: its layout, and where its weights are the start")
    parser.add_argument("--checkpoint", nargs="*", help="lora.pt and index.pt of an earlier `tune`, loaded over the adapter")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", required=True, help="folder that `data` wrote")
    parser.add_argument("--model", required=True, help="name of the model's tokens in segments.npz")
    parser.add_argument("--device", default="")
    parser.add_argument("--seed", type=int, default=1)


def arguments(parser: argparse.ArgumentParser) -> None:
    base_arguments(parser)
    parser.add_argument(
        "--files", default="questions.jsonl,taught.jsonl,chat.jsonl", help="question files in --data; missing ones are left out"
    )
    parser.add_argument("--types", default="", help="only questions of these types, for example where,doc (all if not given)")
    parser.add_argument("--fresh", action="store_true", help="start LoRA and index anew instead of from the adapter")
    parser.add_argument("--plan", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument(
        "--heads",
        default="",
        help="JSON list of [layer, group] for the focus loss; the adapter's question heads if not given",
    )
    parser.add_argument("--sizes", default="16,24,32", help="segments of a step")
    parser.add_argument(
        "--index-sizes", default="", help="segments of a step of the stages index, refresh and blocks (--sizes if not given)"
    )
    parser.add_argument("--index-rows", type=int, default=INDEX_ROWS, help="rows that the index learns from in a step of those stages")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--long", type=int, default=0, help="segments of a long pack that hard ones are mined from (0: off)")
    parser.add_argument("--mined", type=float, default=0.5, help="share of mined steps")
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--focus-weight", type=float, default=0.5)
    parser.add_argument("--cite-weight", type=float, default=0.0, help="of the focus loss of rows that open citations")
    parser.add_argument("--removed", type=float, default=0.0, help="share of questions about one definition that it is left out for")
    parser.add_argument("--text-share", type=float, default=0.0, help="share of steps that also predict the segments' own text")
    parser.add_argument("--weights", default="{}", help="JSON: weights of question types over the defaults")
    parser.add_argument(
        "--kernels",
        choices=tuple(KERNELS),
        default="no-cudnn",
        help="attention kernels; plainer ones are taken where a gradient is not finite",
    )
    parser.add_argument("--memory", type=float, default=0.7, help="share of the free GPU memory for layers that need not run twice")
    parser.add_argument("--every", type=int, default=25, help="steps between lines of the curve")
    parser.set_defaults(run=main)
