"""The curves of docs/explanation/performance.md, drawn from what `make bench` wrote: `make bench-plots`.

    python tools/bench_plots.py              every curve that is in var/bench/*.json, into docs/images/bench-*.svg
    python tools/bench_plots.py FILE ...     the same from these files; of a curve that is in several, the last one's

Each round is a dot, the line goes through the medians, and the vertical axis begins at zero: a curve is as steep as it is.
Plain SVG with two sets of colours, for light and for dark pages; the same numbers give the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import floor, log10
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEASURED, IMAGES = ROOT / "var" / "bench", ROOT / "docs" / "images"

WIDTH, HEIGHT = 660, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 48, 48
TICKS = 5
LABELS_MAX = 8
LOGARITHMIC_FROM = 20
"""Where the last point lies so many times as far out as the first, distances are of the exponent."""
COLOURS = (("#2563a8", "#7fb4ea"), ("#8a8f98", "#8a8f98"), ("#b4541a", "#f0a060"))
STYLE = """\
  text { font: 13px system-ui, sans-serif; fill: #3b4048 } .title { font-size: 15px; font-weight: 600; fill: #16191d }
  .grid { stroke: #d9dce1 } .floor { stroke-dasharray: 5 4 } polyline { fill: none; stroke-width: 2 } circle { opacity: .45 }
  @media (prefers-color-scheme: dark) { text { fill: #b9c0ca } .title { fill: #eef1f5 } .grid { stroke: #3a4049 } }"""


@dataclass(frozen=True, slots=True)
class Plot:
    """What a curve is called and shows. is_proportional: a dashed line shows so many times the first point."""

    file: str
    title: str
    across: str
    unit: str
    is_proportional: bool = False


PLOTS: Mapping[str, Plot] = {
    "calls by calls in flight": Plot("bench-calls", "CreateBundleRun", "calls in flight", "calls a second"),
    "submit with so many queued": Plot("bench-submit", "Submitting to a full queue", "jobs queued", "us a job"),
    "take with so many parked": Plot("bench-take", "Taking beside parked jobs", "jobs parked", "us a take"),
    "jobs by worker processes": Plot(
        "bench-workers", "Jobs of 100 ms that wait, 8 slots a worker", "worker processes", "jobs a second", True
    ),
    "start by workers that wait": Plot(
        "bench-waiting", "From submit to start of a lone job", "workers that wait", "us"
    ),
    "memory by jobs done": Plot("bench-memory", "Resident memory", "jobs done", "MB"),
}


@dataclass(slots=True)
class Series:
    """Rounds by x. is_floor: drawn dashed."""

    rounds: dict[float, Sequence[float]] = field(default_factory=dict)
    is_floor: bool = False


def main() -> int:
    files = [Path(name) for name in sys.argv[1:]] or sorted(MEASURED.glob("*.json"), key=lambda f: f.stat().st_mtime)
    curves = {name: series for file in files for name, series in curves_of(json.loads(file.read_text())).items()}
    if not curves:
        print("no curve in these files: run `make bench` first", file=sys.stderr)
        return 1
    for name, series in curves.items():
        picture = IMAGES / f"{PLOTS[name].file}.svg"
        picture.write_text(drawn(PLOTS[name], series))
        print(f"{picture.relative_to(ROOT)}: drawn")
    return 0


def curves_of(document: Mapping[str, Any]) -> dict[str, dict[str, Series]]:
    """Every curve of a benchmark's JSON: its series by name, DocuGen's first."""
    found: dict[str, dict[str, Series]] = {}
    for measured in document["measurements"]:
        if measured.get("curve") not in PLOTS:
            continue
        plot, series = PLOTS[measured["curve"]], found.setdefault(measured["curve"], {})
        series.setdefault(measured["series"], Series()).rounds[measured["x"]] = measured["values"]
        if measured["floor_values"] and not plot.is_proportional:
            beside = series.setdefault(measured["floor"], Series(is_floor=True))
            beside.rounds[measured["x"]] = measured["floor_values"]
    for name, series in found.items():
        if PLOTS[name].is_proportional:
            (rounds,) = [one.rounds for one in series.values()]
            first, once = min(rounds), median(rounds[min(rounds)])
            series["proportional"] = Series({x: [once * x / first] for x in rounds}, is_floor=True)
    return found


def drawn(plot: Plot, series: Mapping[str, Series]) -> str:
    """The SVG of one curve."""
    across = _Across(sorted({x for one in series.values() for x in one.rounds}))
    up = _Up(max(max(rounds) for one in series.values() for rounds in one.rounds.values()))
    ends = _apart([up(median(one.rounds[max(one.rounds)])) for one in series.values()])
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">',
            f"<title>{escape(plot.title)}: {escape(plot.unit)} by {escape(plot.across)}</title>",
            _style(len(series)),
            f'<text class="title" x="{LEFT}" y="22">{escape(plot.title)}, {escape(plot.unit)}</text>',
            *_grid(up),
            *_below(across, plot.across),
            *(
                _line(number, name, one, across, up, end)
                for number, ((name, one), end) in enumerate(zip(series.items(), ends, strict=True))
            ),
            "</svg>\n",
        ]
    )


def _grid(up: _Up) -> Iterator[str]:
    for tick in range(TICKS + 1):
        value = up.top * tick / TICKS
        yield f'<path class="grid" d="M{LEFT} {up(value):.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text text-anchor="end" x="{LEFT - 8}" y="{up(value) + 4:.1f}">{_number(value)}</text>'


def _below(across: _Across, what: str) -> Iterator[str]:
    for x in across.labelled:
        yield f'<text text-anchor="middle" x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 20}">{_number(x)}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text text-anchor="middle" x="{middle:.0f}" y="{HEIGHT - 8}">{escape(what)}</text>'


def _line(number: int, name: str, one: Series, across: _Across, up: _Up, end: float) -> str:
    """The line through the medians, a dot for each round, the name at its end."""
    at = {x: f"{across(x):.1f}" for x in sorted(one.rounds)}
    line = " ".join(f"{at[x]},{up(median(one.rounds[x])):.1f}" for x in at)
    dots = "".join(f'<circle cx="{at[x]}" cy="{up(value):.1f}" r="2.5"/>' for x in at for value in one.rounds[x])
    dashed = ' class="floor"' if one.is_floor else ""
    label = f'<text x="{WIDTH - RIGHT + 10}" y="{end + 4:.1f}">{escape(name)}</text>'
    return f'<g class="s{number}"><polyline{dashed} points="{line}"/>{dots}{label}</g>'


class _Up:
    """Where a value lies, from zero at the bottom to a round number at the top."""

    def __init__(self, highest: float) -> None:
        unit = 10.0 ** floor(log10(highest / TICKS))
        self.top = next(
            unit * step * TICKS for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step * TICKS >= highest
        )

    def __call__(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)


class _Across:
    """Where an x lies: each of a few points has its label, many begin at zero."""

    def __init__(self, xs: Sequence[float]) -> None:
        few = len(xs) <= LABELS_MAX
        self.labelled = xs if few else [0.0, *xs[len(xs) // TICKS - 1 :: len(xs) // TICKS]]
        self._is_logarithmic = few and xs[0] > 0 and xs[-1] / xs[0] >= LOGARITHMIC_FROM
        self._first = self._scaled(self.labelled[0])
        self._width = self._scaled(xs[-1]) - self._first or 1.0

    def __call__(self, x: float) -> float:
        return LEFT + 14 + (self._scaled(x) - self._first) / self._width * (WIDTH - LEFT - RIGHT - 28)

    def _scaled(self, x: float) -> float:
        return log10(x) if self._is_logarithmic else x


def _style(series: int) -> str:
    light = " ".join(_coloured(number, light) for number, (light, _) in enumerate(COLOURS[:series]))
    dark = " ".join(_coloured(number, dark) for number, (_, dark) in enumerate(COLOURS[:series]))
    return f"<style>\n{STYLE}\n  {light}\n  @media (prefers-color-scheme: dark) {{ {dark} }}\n</style>"


def _coloured(number: int, colour: str) -> str:
    filled = f".s{number} circle, .s{number} text {{ fill: {colour} }}"
    return f".s{number} polyline {{ stroke: {colour} }} {filled}"


def _apart(ends: Sequence[float], least: float = 16.0) -> list[float]:
    """The same heights, none nearer to the next than a line of text is high."""
    placed: dict[int, float] = {}
    for index in sorted(range(len(ends)), key=lambda i: ends[i]):
        above = max(placed.values(), default=-least)
        placed[index] = max(ends[index], above + least)
    return [placed[index] for index in range(len(ends))]


def _number(value: float) -> str:
    return (
        f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        if value >= 10 or value == int(value)
        else f"{value:g}"
    )


if __name__ == "__main__":
    sys.exit(main())
