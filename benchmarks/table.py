"""The measurements for people and for programs: one table, one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement

SCHEMA = "docugen.bench/v1"
HEADINGS = ("what", "median", "unit", "spread", "floor", "of what", "ratio", "bound", "")


def table(measurements: Sequence[Measurement]) -> str:
    """Markdown, aligned, so that it reads in a terminal and on a page."""
    rows = [HEADINGS, *(_row(m) for m in measurements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def facts(machine: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in machine.items())


def write_json(path: Path, machine: Mapping[str, Any], measurements: Sequence[Measurement]) -> None:
    document = {"schema": SCHEMA, "machine": machine, "measurements": [m.to_json() for m in measurements]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _row(m: Measurement) -> tuple[str, ...]:
    floor = sorted(m.floor_values)[len(m.floor_values) // 2] if m.floor_values else None
    verdict = {None: "", True: "met", False: "missed"}[m.met]
    bound = "" if m.bound is None else f"{m.bound}{f' {m.unit}' if m.bound.of_value else ''}"
    ratio = "" if m.ratio is None else f"{m.ratio:.2f}"
    return (m.name, _number(m.median), m.unit, f"{m.spread:.0%}", _number(floor), m.floor, ratio, bound, verdict)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 100 else f"{value:.3g}"
