"""`data`: repositories to segments.npz and questions.jsonl.

A manifest line is `{"repo": "owner/name", "language", "license", "commit", "use": "train"|"dev"|"test"}`; the bare repository of
owner/name lies at MIRROR/owner+name/repo.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from . import git
from .codec import Codec
from .definitions import NOT_PLAIN, SOURCE
from .evidence import evidence
from .family import family
from .free import CHANGE_FILES, Free
from .questions import Asker, Question, SourceFile, Tree, commit_questions, read_file
from .segments import Store

PROSE_FILES = re.compile(r"\.(md|rst|adoc)$")
PRODUCT_FILES = re.compile(r"\.(md|rst|toml|json|ya?ml|cfg)$")


class Builder:
    def __init__(self, codecs: dict[str, Codec], seed: int, sizes: argparse.Namespace | None):
        self.store, self.seed, self.sizes = Store(codecs, block_header=getattr(sizes, "block_header", False)), seed, sizes
        self.packs: list[list[int]] = []
        self.names: list[str] = []
        self.questions: list[Question] = []
        self.foreign: list[str] = []
        self.asks: list[Question] = []

    def head(self, repo: str, name: str, commit: str, held_out: bool) -> None:
        """The newest tree: definition questions of all types, documentation sentences, absent names."""
        rng = random.Random(f"{self.seed} {name} head")
        texts = git.tree(repo, commit, SOURCE)
        tree = Tree(len(self.packs))
        order = sorted(texts, key=lambda p: (bool(NOT_PLAIN.search(p)), rng.random()))
        for path in order:
            if len(tree.segments) >= self.sizes.head:
                break
            if texts[path].strip():
                tree.add(read_file(self.store, path, texts[path], rng, strip=True))
        asker = Asker(tree, rng, held_out)
        asker.definitions()
        asker.twice()
        asker.lines()
        asker.code()
        docs = git.tree(repo, commit, PROSE_FILES)
        asker.sentences(docs, self.sizes.sentences)
        self.asks += asker.prose(self.sizes.prose)
        asker.absent(self.foreign, max(12, len(asker.questions) // 7))
        others = self._others(git.tree(repo, commit, PRODUCT_FILES), rng, len(tree.segments) // 12)
        self.foreign += [p.d.name for p in rng.sample(tree.defs, min(60, len(tree.defs))) if len(p.d.name) > 6]
        kept = thinned(asker.questions, self.sizes.questions, rng)
        # These came later: after all others and by a generator of their own, so that a seed's other questions and segments stay as they were.
        free_rng = random.Random(f"{self.seed} {name} free")
        docs |= git.tree(repo, commit, CHANGE_FILES)
        kept += thinned(Free(tree, free_rng, held_out, texts, docs, name).questions(), self.sizes.questions, free_rng)
        self._keep(f"{name}@HEAD", tree.segments + others, kept)

    def hand(self, repo: str, name: str, commit: str, asked: list[dict]) -> None:
        """Questions written by hand over a repository's tree, nothing taken out of it; the files asked for come first."""
        rng = random.Random(f"{self.seed} {name} hand")
        wanted = {f["path"] for entry in asked for f in entry["files"]}
        texts = {p: t for p, t in git.tree(repo, commit, SOURCE, wanted).items() if t.strip()}
        tree = Tree(len(self.packs))
        for file in sorted(texts, key=lambda p: (p not in wanted, bool(NOT_PLAIN.search(p)), rng.random())):
            if file not in wanted and len(tree.segments) >= self.sizes.head:
                break
            tree.add(read_file(self.store, file, texts[file], rng, strip=False))
        questions = []
        for entry in asked:
            if not {f["path"] for f in entry["files"]} <= tree.files.keys():
                print(f"{name}: left out, no such source file: {entry['question']}", file=sys.stderr)
                continue
            places = [(tree.files[f["path"]], f["lines"][0] - 1) for f in entry["files"]]
            gold = list(dict.fromkeys(file.segment_at(line) for file, line in places))
            first, last = entry["files"][0]["lines"]
            answer = [entry["answer"] + " ", {"cite": entry["files"][0]["path"]}]
            shown = evidence(texts[entry["files"][0]["path"]].split("\n")[first - 1 : last], entry["answer"], entry["facts"])
            answer += [f"\n```\n{shown}\n```"] if shown else []
            questions.append(Question("hand", entry["question"], answer, gold, tree.pack, entry["language"], facts=entry["facts"]))
        self._keep(f"{name}@hand", tree.segments, questions)

    def history(self, repo: str, name: str, held_out: bool) -> None:
        """Earlier trees: commit messages."""
        commits = git.commits(repo, SOURCE)
        per = self.sizes.commits
        trees = min(self.sizes.trees, max(1, len(commits) // (2 * per)))
        for i in range(trees):
            rng = random.Random(f"{self.seed} {name} {i}")
            at = int(max(0, len(commits) - 2 * per) * (i + 0.8) / trees)
            run = commits[at : at + 2 * per]
            if not run:
                continue
            base = git.text(repo, "rev-parse", run[0].hash + "^").strip()
            texts = {p: t for p, t in git.tree(repo, base, SOURCE).items() if t.strip()}
            tree = Tree(len(self.packs))
            found = commit_questions(repo, run, tree, texts, self.store, rng, per, held_out)
            if len(found) < 8:
                continue
            rest = sorted((p for p in texts if p not in tree.files), key=lambda p: (bool(NOT_PLAIN.search(p)), rng.random()))
            for path in rest:
                if len(tree.segments) >= self.sizes.history:
                    break
                tree.add(read_file(self.store, path, texts[path], rng, strip=False))
            self._keep(f"{name}@{base[:8]}", tree.segments, found)

    def _others(self, texts: dict[str, str], rng: random.Random, most: int) -> list[int]:
        """A few files that are no source: manifests and settings (no documentation, which would hold the sentences)."""
        paths = [p for p in texts if not PROSE_FILES.search(p) and len(texts[p]) < 20_000 and "lock" not in p]
        files: list[SourceFile] = [read_file(self.store, p, texts[p], rng, False) for p in rng.sample(sorted(paths), min(most, len(paths)))]
        return [p.segment for f in files for p in f.parts]

    def _keep(self, name: str, segments: list[int], questions: list[Question]) -> None:
        self.packs.append(sorted(set(segments), key=lambda s: (self.store.paths[s], s)))
        self.names.append(name)
        self.questions += questions

    def save(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        offsets = lambda lists: np.cumsum([0, *map(len, lists)])
        arrays = {"pack_off": offsets(self.packs), "pack": np.concatenate([np.array(p) for p in self.packs])}
        arrays["block_header"] = np.array(self.store.block_header)
        for model, tokens in self.store.tokens.items():
            arrays[f"{model}_off"] = offsets(tokens)
            arrays[model] = np.concatenate([np.array(t, np.uint32) for t in tokens])
        np.savez_compressed(out / "segments.npz", paths=np.array(self.store.paths), names=np.array(self.names), **arrays)
        for name, questions in (("questions", self.questions), ("asks", self.asks)):
            (out / f"{name}.jsonl").write_text("".join(json.dumps(q.record) + "\n" for q in questions))


def thinned(questions: list[Question], most_of_a_type: int, rng: random.Random) -> list[Question]:
    rng.shuffle(questions)
    count: dict[str, int] = {}
    kept = []
    for q in questions:
        count[q.type] = count.get(q.type, 0) + 1
        if count[q.type] <= most_of_a_type:
            kept.append(q)
    return kept


def by_tree(paths: list[str]) -> dict[tuple[str, str], list[dict]]:
    """Questions written by hand, by repository and commit. A file may hold several repositories."""
    found: dict[tuple[str, str], list[dict]] = {}
    for path in paths:
        for entry in map(json.loads, Path(path).read_text().splitlines()):
            found.setdefault((entry["repo"], entry["commit"]), []).append(entry)
    return found


def main(args: argparse.Namespace) -> None:
    codecs = {Path(t).name.split(".")[0]: Codec.load(t) for t in args.tokenizers}
    builder = Builder(codecs, args.seed, args)
    lines = [json.loads(line) for line in Path(args.manifest).read_text().splitlines() if line.strip()]
    started = time.time()
    for (name, commit), asked in by_tree(args.hand).items():
        builder.hand(str(Path(args.mirror) / name.replace("/", "+") / "repo"), name, commit, asked)
    for line in lines if not args.hand else []:
        if line["use"] != args.use:
            continue
        repo = str(Path(args.mirror) / line["repo"].replace("/", "+") / "repo")
        before = len(builder.questions)
        try:
            if "head" in args.trees_of:
                builder.head(repo, line["repo"], line["commit"], args.held_out)
            if "history" in args.trees_of:
                builder.history(repo, line["repo"], args.held_out)
        except (subprocess.CalledProcessError, ValueError, StopIteration) as error:
            print(f"{line['repo']}: left out, {error!r}", file=sys.stderr)
            continue
        new = builder.questions[before:]
        print(
            line["repo"],
            family(line["language"]),
            "segments",
            len(builder.store.paths),
            "questions",
            len(new),
            f"{time.time() - started:.0f} s",
            flush=True,
        )
    builder.save(Path(args.out))
    count: dict[str, int] = {}
    for q in builder.questions:
        count[q.type] = count.get(q.type, 0) + 1
    tokens = {m: sum(map(len, t)) for m, t in builder.store.tokens.items()}
    print("packs", len(builder.packs), "segments", len(builder.store.paths), "tokens", tokens, "questions", count)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--mirror", required=True, help="folder of bare repositories")
    parser.add_argument("--tokenizers", nargs="+", required=True, help="NAME.tokenizer.json of every model that may read the segments")
    parser.add_argument("--out", required=True)
    parser.add_argument("--use", choices=("train", "dev", "test"), default="train")
    parser.add_argument("--held-out", action="store_true", help="ask in the held-out wordings")
    parser.add_argument("--trees-of", nargs="+", choices=("head", "history"), default=["head", "history"])
    parser.add_argument("--hand", nargs="*", default=[], help="files of hand-written questions; then nothing else is made")
    parser.add_argument("--head", type=int, default=100, help="segments of the newest tree")
    parser.add_argument("--history", type=int, default=60, help="segments of an earlier tree")
    parser.add_argument("--trees", type=int, default=2, help="earlier trees of a repository")
    parser.add_argument("--commits", type=int, default=36, help="commit questions of an earlier tree")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--questions", type=int, default=40, help="most questions of a type in the newest tree")
    parser.add_argument("--prose", type=int, default=40, help="questions for `teach` in the newest tree")
    parser.add_argument("--block-header", action="store_true", help="repeat a file's path at the head of every block of its segments")
    parser.add_argument("--seed", type=int, default=7)
    parser.set_defaults(run=main)
