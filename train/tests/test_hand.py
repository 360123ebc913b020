"""The questions written by hand: what every line holds, and, where the repositories were cloned, that its places are there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[1]
MANIFEST = {entry["repo"]: entry for entry in map(json.loads, (TRAIN / "manifest.jsonl").read_text().splitlines())}
FILES = sorted((TRAIN / "hand").glob("*.jsonl"))
QUESTIONS = [(file.name, entry) for file in FILES for entry in map(json.loads, file.read_text().splitlines())]
MIRROR = os.environ.get("BLOCKSIGHT_MIRROR", "")  # where `clone` put the repositories
FIELDS = {"repo", "commit", "language", "question", "files", "answer", "facts"}


@cache
def lines_of(repo: str, commit: str, path: str) -> list[str]:
    bare = Path(MIRROR) / repo.replace("/", "+") / "repo"
    return subprocess.run(["git", "-C", str(bare), "show", f"{commit}:{path}"], check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )


def test_every_file_asks_about_one_training_repository_at_the_manifests_commit():
    for name, entry in QUESTIONS:
        known = MANIFEST[entry["repo"]]
        assert name == entry["repo"].replace("/", "-") + ".jsonl"
        assert known["use"] == "train", f"{entry['repo']} is reserved"
        assert (entry["commit"], entry["language"]) == (known["commit"], known["language"])


def test_every_line_has_a_question_places_an_answer_and_one_to_four_facts():
    for name, entry in QUESTIONS:
        where = f"{name}: {entry['question']}"
        assert set(entry) == FIELDS, where
        assert entry["question"].strip() and entry["answer"].strip(), where
        assert entry["files"] and all(1 <= f["lines"][0] <= f["lines"][1] and len(f["lines"]) == 2 for f in entry["files"]), where
        assert 1 <= len(entry["facts"]) <= 4 and all(fact and all(fact) for fact in entry["facts"]), where


def test_every_answer_gives_its_own_facts():
    for name, entry in QUESTIONS:
        said = entry["answer"].lower()
        for fact in entry["facts"]:
            assert any(way.lower() in said for way in fact), f"{name}: {entry['question']}: {fact}"


def test_no_question_about_a_repository_stands_twice():
    asked = [(entry["repo"], entry["question"]) for _, entry in QUESTIONS]
    assert len(asked) == len(set(asked))


@pytest.mark.skipif(not MIRROR, reason="BLOCKSIGHT_MIRROR does not name the cloned repositories")
def test_every_place_is_in_the_repository_and_every_quoted_name_in_the_files_named():
    for name, entry in QUESTIONS:
        where = f"{name}: {entry['question']}"
        for place in entry["files"]:
            lines = lines_of(entry["repo"], entry["commit"], place["path"])
            first, last = place["lines"]
            assert last <= len(lines) and lines[first - 1].strip(), f"{where}: {place}"
        text = "\n".join(p["path"] + "\n" + "\n".join(lines_of(entry["repo"], entry["commit"], p["path"])) for p in entry["files"])
        for quoted in re.findall(r"`([^`]+)`", entry["answer"]):
            assert all(word in text for word in re.findall(r"\w+", quoted)), f"{where}: `{quoted}`"
