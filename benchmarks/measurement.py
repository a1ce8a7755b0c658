"""One row of the table: a number, its floor, and the bound it should keep.

A row keeps every round. Subject and floor take turns, so a ratio pairs what ran under the same load; the first round warms
up and is dropped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

Step = Callable[[], Awaitable[float]]


class Curve(StrEnum):
    """What is measured at several points; tools/bench_plots.py draws each by its name."""

    CALLS = "calls by calls in flight"
    SUBMITS = "submit with so many queued"
    TAKES = "take with so many parked"
    WORKERS = "jobs by worker processes"
    WAITING = "start by workers that wait"
    MEMORY = "memory by jobs done"


@dataclass(frozen=True, slots=True)
class Bound:
    """What should hold of the ratio to the floor, or of the value itself where `of_value`. Reported, never asserted."""

    limit: float
    at_most: bool = False
    of_value: bool = False

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """values: one a round. floor_values: of the same rounds; empty where there is no floor."""

    name: str
    unit: str
    values: tuple[float, ...]
    floor: str = ""
    floor_values: tuple[float, ...] = ()
    bound: Bound | None = None
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance from the lowest to the highest round, as a part of the median."""
        return (max(self.values) - min(self.values)) / 2 / self.median if self.median else 0.0

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' own ratios to their floor."""
        pairs = zip(self.values, self.floor_values, strict=True) if self.floor_values else ()
        ratios = [value / floor for value, floor in pairs if floor]
        return median(ratios) if ratios else None

    @property
    def met(self) -> bool | None:
        """Whether the bound holds here; None where there is none."""
        if self.bound is None:
            return None
        seen = self.median if self.bound.of_value or self.ratio is None else self.ratio
        return seen <= self.bound.limit if self.bound.at_most else seen >= self.bound.limit

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "values": self.values,
            "floor": self.floor,
            "floor_values": self.floor_values,
            "ratio": self.ratio,
            "bound": str(self.bound) if self.bound else None,
            "met": self.met,
            "note": self.note,
            **self.facts,
        }


def point(curve: Curve, x: float, series: str = "DocuGen") -> dict[str, Any]:
    """Facts of a measurement that is a point of a curve."""
    return {"curve": curve, "x": x, "series": series}


async def in_turns(rounds: int, *steps: Step) -> list[tuple[float, ...]]:
    """Run the steps one after the other, `rounds` times after one round that is dropped; the values of each step."""
    taken = [[await step() for step in steps] for _ in range(rounds + 1)]
    return [tuple(values) for values in zip(*taken[1:], strict=True)]
