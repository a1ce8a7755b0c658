"""The curves as an SVG: one panel for each job size, both axes logarithmic, a line for each number of partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

WIDTH, HEIGHT, LEFT, TOP, FOOT = 330, 250, 52, 34, 40
COLOURS = ("#6b2d3c", "#b3661f", "#3c7a4e", "#2f5d8c")
LEAST_PER_S = 10.0
Points = Sequence[tuple[int, float, float]]
"""Nodes, jobs a second, busy part of the servers."""


def plot(found: Mapping[tuple[float, int], Points]) -> str:
    """found: by job size in milliseconds and number of partitions."""
    works = list(dict.fromkeys(work for work, _ in found))
    partitions = list(dict.fromkeys(parts for _, parts in found))
    nodes = sorted({k for points in found.values() for k, _, _ in points})
    powers = 1 + int(log10(max(per_s for points in found.values() for _, per_s, _ in points)))
    body: list[str] = []
    for number, work in enumerate(works):
        panel = _Panel((number % 2) * WIDTH, (number // 2) * HEIGHT, nodes[-1], powers)
        body += panel.axes(f"{work:g} ms jobs: jobs/s against nodes", nodes)
        body += [panel.curve(found[work, parts], COLOURS[at]) for at, parts in enumerate(partitions)]
    rows = (len(works) + 1) // 2
    for at, parts in enumerate(partitions):
        x, y = LEFT + at * 150, rows * HEIGHT + 24
        body.append(f'<path d="M{x} {y}h20" stroke="{COLOURS[at]}" stroke-width="3"/>')
        body.append(_text(x + 26, y + 4, f"{parts} partition{'' if parts == 1 else 's'}"))
    size = f"{2 * WIDTH + 20} {rows * HEIGHT + FOOT}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="11">'
    title = "<title>Simulated throughput against worker nodes</title>"
    return "\n".join([head, title, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""])


class _Panel:
    def __init__(self, x: int, y: int, nodes_max: int, powers: int) -> None:
        self._x, self._y, self._nodes_max, self._powers = x, y, nodes_max, powers

    def axes(self, title: str, nodes: Sequence[int]) -> list[str]:
        right = self._across(self._nodes_max)
        lines = [_text(self._x + LEFT, self._y + 18, title, weight="bold")]
        for power in range(1, self._powers + 1):
            at = self._up(10.0**power)
            lines.append(f'<path d="M{self._across(1):.1f} {at:.1f}H{right:.1f}" stroke="#ddd"/>')
            lines.append(_text(self._across(1) - 6, at + 4, f"{10**power:,}".replace(",", " "), anchor="end"))
        return lines + [_text(self._across(k), self._y + HEIGHT - 4, str(k), anchor="middle") for k in nodes]

    def curve(self, points: Points, colour: str) -> str:
        places = " ".join(f"{self._across(k):.1f},{self._up(per_s):.1f}" for k, per_s, _ in points)
        return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def _across(self, nodes: int) -> float:
        return self._x + LEFT + log10(nodes) / log10(self._nodes_max) * (WIDTH - LEFT - 12)

    def _up(self, per_s: float) -> float:
        part = (log10(max(per_s, LEAST_PER_S)) - 1) / (self._powers - 1)
        return self._y + HEIGHT - 18 - part * (HEIGHT - TOP - 22)


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{words}</text>'
