"""`report`: tables from evaluation records, with 95 % bootstrap intervals. Several files are compared on the questions that all of them have."""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path

from .data.family import family
from .pointer import Candidate, chosen

ABSENT = re.compile(r"not defined in this repository|is not in this repository|no .{1,60} in this repository", re.I)
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
RESAMPLES = 1000


def load(path: str) -> tuple[dict, dict[tuple[str, str, str], dict]]:
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return lines[0], {(r["pack"], r["type"], r["text"]): r for r in lines[1:]}


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


def recall(record: dict, k: int) -> float:
    """Share of the question's gold files among the first k."""
    gold = set(record["gold"])
    return len(gold & {path for path, _ in record["files"][:k]}) / len(gold)


def citation_right(record: dict) -> float:
    """The first location that the answer names is a gold file. Without a pointer: the first path in backquotes."""
    if record.get("pointed"):
        match = re.search(r"<\|?file_sep\|?>([^\n]+)", record["answer"])
    else:
        match = re.search(r"<\|?file_sep\|?>([^\n]+)|`([^`]*[./][^`]*)`", record["answer"])
    named = next((g for g in match.groups() if g), "") if match else ""
    return float(named.strip() in record["gold"])


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def signature_exact(record: dict) -> float:
    match = re.match(r"`([^`]+)`", record["expected"])
    return float(bool(match) and squeezed(match.group(1)) in squeezed(record["answer"]))


def facts_given(record: dict) -> float:
    """Share of the facts that the answer holds, each in one of its spellings."""
    answer = record["answer"].lower()
    return sum(any(spelling.lower() in answer for spelling in fact) for fact in record["facts"]) / len(record["facts"])


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
        with_gold, absent = [k for k in keys if first[k]["gold"]], [k for k in keys if not first[k]["gold"]]
        one = [k for k in with_gold if len(first[k]["gold"]) == 1]
        measures = {
            "citation right, where": ([k for k in one if k[1] == "where"], citation_right),
            "citation right, others with one gold file": ([k for k in one if k[1] != "where"], citation_right),
            "signature exact": ([k for k in with_gold if k[1] == "signature"], signature_exact),
            "facts given, hand-written": ([k for k in with_gold if first[k].get("facts")], facts_given),
            "absent, said so": (absent, lambda r: float(bool(ABSENT.search(r["answer"])))),
            "present, called absent": (with_gold, lambda r: float(bool(ABSENT.search(r["answer"])))),
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
        print(table(rows), "\n")
        for name, records in answering.items():
            sweep = pointer_sweep([records[k] for k in keys])
            if sweep["n"]:
                print("pointer weight,", name, json.dumps(sweep))
    for name, (head, _) in loaded.items():
        print(name, json.dumps({k: head[k] for k in ("adapter", "heads", "coverage") if k in head}))
    if len(loaded) == 2:
        a, b = (records for _, records in loaded.values())
        members = [k for k in keys if first[k]["gold"]]
        for n in (1, 3):
            print(f"paired difference, recall@{n}:", shown([recall(b[k], n) - recall(a[k], n) for k in members]))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("records", nargs="+", help="files that `evaluate` or `lexical` wrote; the first is the baseline")
    parser.set_defaults(run=main)
