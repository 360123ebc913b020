"""Reading of bare git repositories: trees, commits, diffs. Nothing is checked out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from typing import NamedTuple

MOST_BYTES = 200_000  # larger files are data or generated


class Commit(NamedTuple):
    hash: str
    subject: str
    body: str
    changed: list[str]  # paths of modified source files


def git(repo: str, *args: str, stdin: str | None = None) -> bytes:
    command = ["git", "-C", repo, *args]
    data = stdin.encode() if stdin is not None else None
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def text(repo: str, *args: str) -> str:
    return git(repo, *args).decode("utf8", "replace")


def tree(repo: str, commit: str, pattern: re.Pattern[str], asked_for: Collection[str] = ()) -> dict[str, str]:
    """Path to text of a commit's files whose path fits, those that are `asked_for` however large. A blob that a snapshot lacks is left out."""
    wanted = []
    for line in text(repo, "ls-tree", "-r", "-l", commit).splitlines():
        meta, _, path = line.partition("\t")
        _, kind, blob, size = meta.split()
        small = size == "-" or (size.isdigit() and 0 < int(size) < MOST_BYTES)  # "BAD": the snapshot lacks it
        if kind == "blob" and (small or (path in asked_for and size != "BAD")) and pattern.search(path):
            wanted.append((path, blob))
    if not wanted:
        return {}
    out = git(repo, "cat-file", "--batch", stdin="\n".join(blob for _, blob in wanted) + "\n")
    files, at = {}, 0
    for path, _ in wanted:
        end = out.index(b"\n", at)
        head = out[at:end].split()
        at = end + 1
        if head[-1] == b"missing":
            continue
        size = int(head[2])
        files[path] = out[at : at + size].decode("utf8", "replace")
        at += size + 1
    return files


# Subjects that name no behaviour: merges, releases, dependency bumps, formatting, housekeeping.
SKIPPED = re.compile(
    r"^(merge|bump|release|prepare|version|revert|typos?|fix(ed)? (a )?typo|lint|format|black|prettier"
    r"|update (pre|dep|req|change|copy|readme|version)|changelog|\[?pre-commit|build\(deps|chore|ci[:( ]|docs?[:( ]|v?\d)"
    r"|dependabot|renovate|\bclippy\b|\beslint\b|copyright",
    re.I,
)
TRAILER = re.compile(
    r"\s*(signed-off|co-authored|reviewed-by|(fix|clos|resolv|ref)(e[sd]?|s|erences?)?\b.{0,14}#|change-id|cherry|\* |- |---|<|>)",
    re.I,
)
NOISE = re.compile(
    r"\(?(?:gh-|#|issue |pr )\d+\)?|\bhttps?://\S+|^\[[^\]]*\]|^(fix|feat|feature|refactor|perf)(\([^)]*\))?!?:|\([A-Z]+-\d+\)|^[A-Z]+-\d+:?",
    re.I,
)


def clean(subject: str, body: str) -> tuple[str, str]:
    """A message without numbers, links, prefixes and trailers: the subject and the body's beginning."""

    def tidy(part: str) -> str:
        return re.sub(r"\s+", " ", NOISE.sub("", part)).strip(" .:-")

    kept: list[str] = []
    for paragraph in re.split(r"\n\s*\n", body):
        if TRAILER.match(paragraph) or sum(map(len, kept)) > 160:
            break
        kept.append(tidy(paragraph))
    return tidy(NOISE.sub("", subject)), " ".join(filter(None, kept))[:280]


def commits(repo: str, source: re.Pattern[str], most_files: int = 4) -> list[Commit]:
    """Small changes of source files, oldest first. The first quarter of a history is left out: its trees are tiny."""
    log = text(
        repo,
        "log",
        "--no-merges",
        "--date-order",
        "--format=%x01%H%x00%s%x00%b%x00",
        "--name-status",
        "--no-renames",
        "HEAD",
    )
    found = []
    for entry in log.split("\x01")[1:]:
        fields = entry.split("\x00", 3)
        if len(fields) < 4:  # a message that holds the separator itself
            continue
        commit, subject, body, status = fields
        if SKIPPED.search(subject) or len(subject.split()) < 3:
            continue
        rows = [row.split("\t") for row in status.strip().splitlines() if row.count("\t") == 1]
        changed = [path for state, path in rows if state == "M" and source.search(path)]
        if not 1 <= len(changed) <= most_files or len(rows) > 12:
            continue
        subject, body = clean(subject, body)
        gives_away = any(path.rsplit("/", 1)[-1].lower() in (subject + body).lower() for path in changed)
        if 20 <= len(subject) <= 160 and not gives_away:
            found.append(Commit(commit, subject, body, changed))
    found.reverse()
    return found[len(found) // 4 :]


def removed_and_context(repo: str, commit: str, path: str) -> list[tuple[bool, str]]:
    """Lines of a commit's diff that stood there before: (was removed, text). Empty where a blob is missing or the diff is long."""
    try:
        diff = text(repo, "show", "--format=", "-U2", "--no-renames", commit, "--", path)
    except subprocess.CalledProcessError:
        return []
    lines = diff.splitlines()
    if len(lines) > 400:
        return []
    return [(line[0] == "-", line[1:]) for line in lines if line[:1] in "- " and not line.startswith("---")]
