"""`curves`: figures of JSON lines to an SVG, a panel a figure, a line a file. Without any dependency, so that the same files give the same picture."""

from __future__ import annotations

import argparse
import json
from html import escape
from pathlib import Path

WIDTH, HEIGHT, LEFT, GAP = 300, 200, 46, 34
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#555555")  # told apart by colour-blind readers too


def series_of(file: Path, x: str, y: str) -> list[tuple[float, float]]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [(line[x], line[y]) for line in lines if x in line and y in line]


def panel(at: int, title: str, series: list[list[tuple[float, float]]]) -> str:
    """Axes from the smallest to the largest value of all series."""
    points = [p for one in series for p in one]
    if not points:
        raise SystemExit(f"no line has {title!r}")
    (low_x, high_x), (low_y, high_y) = ((min(v), max(v)) for v in zip(*points))
    left, top = LEFT + at * (WIDTH + LEFT + GAP), GAP
    place = lambda p: (
        left + WIDTH * (p[0] - low_x) / ((high_x - low_x) or 1), top + HEIGHT * (1 - (p[1] - low_y) / ((high_y - low_y) or 1)),
    )  # fmt: skip
    parts = [f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>']
    parts.append(f'<text x="{left}" y="{top - 10}" font-weight="bold">{escape(title)}</text>')
    for value, y in ((high_y, top + 10), (low_y, top + HEIGHT)):
        parts.append(f'<text x="{left - 6}" y="{y}" text-anchor="end">{value:.3g}</text>')
    for value, x, anchor in ((low_x, left, "start"), (high_x, left + WIDTH, "end")):
        parts.append(f'<text x="{x}" y="{top + HEIGHT + 16}" text-anchor="{anchor}">{value:g}</text>')
    for colour, one in zip(COLOURS, series):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, one))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    return "\n".join(parts)


def picture(files: list[Path], x: str, ys: list[str]) -> str:
    wide, high = LEFT + len(ys) * (WIDTH + LEFT + GAP), GAP + HEIGHT + 40 + 18 * len(files)
    parts = [panel(i, y, [series_of(f, x, y) for f in files]) for i, y in enumerate(ys)]
    for i, (file, colour) in enumerate(zip(files, COLOURS)):
        y = GAP + HEIGHT + 44 + 18 * i
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + 24}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{LEFT + 32}" y="{y}">{escape(file.stem)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>", ""])


def main(args: argparse.Namespace) -> None:
    Path(args.out).write_text(picture([Path(f) for f in args.files], args.x, args.y.split(",")))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", help="JSON lines; the file's name is the line's")
    parser.add_argument("--x", default="step")
    parser.add_argument("--y", required=True, help="figures, comma-separated")
    parser.add_argument("--out", required=True)
    parser.set_defaults(run=main)
