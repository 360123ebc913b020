"""`report`: tables from evaluation records, with 95 % bootstrap intervals. Several files are compared on the questions that all of them have.

With `--data` also what answers quote that stands nowhere; with `--against NAME` that file's paired differences to every other one.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path
from statistics import median

from .batches import CHAT
from .data.codec import Codec
from .data.family import family
from .inventions import Packs
from .pointer import Candidate, chosen

ABSENT = re.compile(r"not defined in this repository|is not in this repository|no .{1,60} in this repository", re.I)
CITATION = re.compile(r"<\|?file_sep\|?>([^\n]+)")
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
RESAMPLES = 1000


def load(path: str) -> tuple[dict, dict[tuple[str, str, str], dict]]:
    """The head and the records by question. Files that are one behind the other are one."""
    # Not splitlines: the engine's records may hold U+2028, which ends no line here.
    lines = [json.loads(line) for line in Path(path).read_text("utf8").split("\n") if line]
    return lines[0], {(r["pack"], r["type"], r["text"]): r for r in lines if "pack" in r}


def interval(values: list[float], seed: int = 1) -> tuple[float, float, float]:
    """Mean and the middle 95 % of means of resampled questions, in percent."""
    rng, n = random.Random(seed), len(values)
    means = sorted(sum(rng.choices(values, k=n)) / n for _ in range(RESAMPLES))
    return 100 * sum(values) / n, 100 * means[int(0.025 * RESAMPLES)], 100 * means[int(0.975 * RESAMPLES) - 1]


def shown(values: list[float]) -> str:
    if not values:
        return "–"
    mean, low, high = interval(values)
    return f"{mean:.1f} [{low:.0f}, {high:.0f}]"


def shown_share(counts: list[tuple[int, int]], seed: int = 1) -> str:
    """The share of k of n over all answers in percent, resampled by answer: what one answer quotes hangs together."""
    of = lambda some: 100 * sum(k for k, _ in some) / max(1, sum(n for _, n in some))
    rng = random.Random(seed)
    shares = sorted(of(rng.choices(counts, k=len(counts))) for _ in range(RESAMPLES)) if counts else [0.0] * RESAMPLES
    low, high = shares[int(0.025 * RESAMPLES)], shares[int(0.975 * RESAMPLES) - 1]
    return f"{of(counts):.1f} [{low:.1f}, {high:.1f}] of {sum(n for _, n in counts)}"


def recall(record: dict, k: int) -> float:
    """Share of the question's gold files among the first k."""
    gold = set(record["gold"])
    return len(gold & {path for path, _ in record["files"][:k]}) / len(gold)


def citation_right(record: dict) -> float:
    """The first location that the answer names is a gold file. Without citations it may name a path in any way."""
    match = CITATION.search(record["answer"])
    if match is None:
        return float(named_file(record) in record["gold"]) if not record.get("pointed") else 0.0
    if record.get("cited"):
        return float(record["cited"][0] in record["gold"])  # of several repositories, which the path alone does not tell
    return float(match.group(1).strip() in record["gold"])


def named_file(record: dict) -> str | None:
    """The file of the first path in the answer, quoted or not, whole or by its end (`_cmp.py`) where that tells the file.

    A path is what has a folder and ends as one of the known files does, or the name of a known file. Known are the gold files and those
    that were ranked first or shown.
    """
    known = list(dict.fromkeys([*record["gold"], *record.get("shown", []), *(path for path, _ in record["files"])]))
    endings = {path.rsplit(".", 1)[-1] for path in known if "." in path.rsplit("/", 1)[-1]}
    for token in re.findall(r"[\w@.+/-]*\w", record["answer"]):
        token = token.removeprefix("./")
        if "." not in token and "/" not in token:
            continue
        fits = [p for p in known if p == token] or [p for p in known if p.endswith("/" + token)]
        if fits:
            return fits[0] if len(fits) == 1 else None
        if "/" in token and "." in token and token.rsplit(".", 1)[-1] in endings:
            return None
    return None


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def signature_exact(record: dict) -> float:
    match = re.match(r"`([^`]+)`", record["expected"])
    return float(bool(match) and squeezed(match.group(1)) in squeezed(record["answer"]))


def facts_given(record: dict) -> float:
    """Share of the facts that the answer holds, each in one of its spellings."""
    answer = record["answer"].lower()
    return sum(any(spelling.lower() in answer for spelling in fact) for fact in record["facts"]) / len(record["facts"])


def denied_or_cited(record: dict) -> float:
    """What no answer to a general instruction should do: say that something is not in the repository, or name a place in it."""
    return float(bool(ABSENT.search(record["answer"]) or CITATION.search(record["answer"])))


def words(record: dict) -> int:
    return len(record["answer"].split())


def pointer_sweep(records: list[dict]) -> dict[str, float]:
    """Share of first citations whose choice would be gold, by weight; "focus": focus alone."""
    pointed = [r for r in records if r.get("pointed") and r["gold"]]
    candidates = [[Candidate(*c) for c in r["pointed"][0]] for r in pointed]
    out = {}
    for weight in WEIGHTS:
        out[str(weight)] = sum(chosen(c, weight).path in r["gold"] for c, r in zip(candidates, pointed)) / max(1, len(pointed))
    out["focus"] = sum(max(c, key=lambda x: x.focus).path in r["gold"] for c, r in zip(candidates, pointed)) / max(1, len(pointed))
    out["amongCandidates"] = sum(any(x.path in r["gold"] for x in c) for c, r in zip(candidates, pointed)) / max(1, len(pointed))
    return {k: round(100 * v, 1) for k, v in out.items()} | {"n": len(pointed)}


def table(rows: list[list[str]]) -> str:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(r, widths)) + " |" for r in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def groups_of(keys: list[tuple[str, str, str]], records: dict) -> dict[str, list[tuple[str, str, str]]]:
    groups: dict[str, list] = {}
    for key in keys:
        record = records[key]
        if record["gold"]:
            groups.setdefault(f"type {record['type']}", []).append(key)
            groups.setdefault(f"language {family(record['language'])}", []).append(key)
            groups.setdefault("all", []).append(key)
    return dict(sorted(groups.items(), key=lambda item: (item[0] != "all", item[0])))


def main(args: argparse.Namespace) -> None:
    loaded = {Path(p).stem: load(p) for p in args.records}
    shared = set.intersection(*(set(records) for _, records in loaded.values()))
    keys = sorted(shared)
    first = next(iter(loaded.values()))[1]
    print(f"{len(keys)} questions that all of {', '.join(loaded)} have\n")
    rows = [["recall@1 / @3 / @5", "n", *loaded]]
    for group, members in groups_of(keys, first).items():
        cells = [" / ".join(shown([recall(records[k], n) for k in members]) for n in (1, 3, 5)) for _, records in loaded.values()]
        rows.append([group, str(len(members)), *cells])
    print(table(rows), "\n")
    answering = {name: records for name, (_, records) in loaded.items() if any("answer" in r for r in records.values())}
    if answering:
        about, chat = [k for k in keys if k[1] != CHAT], [k for k in keys if k[1] == CHAT]  # what is general is about nothing here
        with_gold, absent = [k for k in about if first[k]["gold"]], [k for k in about if not first[k]["gold"]]
        one = [k for k in with_gold if len(first[k]["gold"]) == 1]
        measures = {
            "citation right, where": ([k for k in one if k[1] == "where"], citation_right),
            "citation right, others with one gold file": ([k for k in one if k[1] != "where"], citation_right),
            "signature exact": ([k for k in with_gold if k[1] == "signature"], signature_exact),
            "facts given, hand-written": ([k for k in with_gold if first[k].get("facts")], facts_given),
            "absent, said so": (absent, lambda r: float(bool(ABSENT.search(r["answer"])))),
            "present, called absent": (with_gold, lambda r: float(bool(ABSENT.search(r["answer"])))),
            "chat, denied or cited": (chat, denied_or_cited),
        }
        rows = [["answers", "n", *answering]]
        for name, (members, measure) in measures.items():
            rows.append(
                [
                    name,
                    str(len(members)),
                    *(shown([measure(records[k]) for k in members]) for records in answering.values()),
                ]
            )
        rows.append(
            [
                "words of an answer, median",
                str(len(about)),
                *(str(median(words(records[k]) for k in about)) if about else "–" for records in answering.values()),
            ]
        )
        if args.data:
            packs = Packs([Path(p) for p in args.data], args.model, Codec.load(args.tokenizer))
            for name, members in (("by hand", [k for k in with_gold if first[k].get("facts")]), ("all", about)):
                cells = []
                for records in answering.values():
                    invented = [packs.quoted(records[k]) for k in members if packs.knows(records[k])]
                    cells.append(shown_share([(sum(i), len(i)) for i in invented]))
                rows.append([f"quoted names that stand nowhere, {name}", str(len(members)), *cells])
        print(table(rows), "\n")
        for name, records in answering.items():
            sweep = pointer_sweep([records[k] for k in keys])
            if sweep["n"]:
                print("pointer weight,", name, json.dumps(sweep))
    for name, (head, _) in loaded.items():
        print(name, json.dumps({k: head[k] for k in ("adapter", "heads", "coverage") if k in head}))
    against = args.against or (list(loaded)[1] if len(loaded) == 2 else "")
    if against:
        print(table(differences(keys, {name: records for name, (_, records) in loaded.items()}, against)))


def differences(keys: list[tuple[str, str, str]], records: dict[str, dict], against: str) -> list[list[str]]:
    """Paired differences in recall of `against` minus every other one, by group of questions."""
    mine, others = records[against], {name: r for name, r in records.items() if name != against}
    rows = [[f"{against} minus, recall@1 / @3", "n", *others]]
    groups = {name: members for name, members in groups_of(keys, mine).items() if not name.startswith("language")}
    for group, members in groups.items():
        cells = [" / ".join(shown([recall(mine[k], n) - recall(r[k], n) for k in members]) for n in (1, 3)) for r in others.values()]
        rows.append([group, str(len(members)), *cells])
    return rows


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("records", nargs="+", help="files that `evaluate` or `lexical` wrote; the first is the baseline")
    parser.add_argument("--against", default="", help="whose paired differences to the others are shown; of two files the second")
    parser.add_argument("--data", nargs="*", default=[], help="data folders of the records: counts quoted names that stand nowhere")
    parser.add_argument("--tokenizer", help="needed with --data")
    parser.add_argument("--model", default="coder", help="name of the model's tokens in the data folders")
    parser.set_defaults(run=main)
