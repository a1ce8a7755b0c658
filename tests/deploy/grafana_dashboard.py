"""The dashboard of deploy/grafana as JSON: its panels, and what each asks Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cli_process import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "docugen.json"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. expressions: PromQL, with Grafana's own words in it. place: x, y, width, height on the grid of 24 columns."""

    number: int
    title: str
    kind: str
    expressions: tuple[str, ...]
    place: tuple[int, int, int, int]
    row: str

    def asks(self) -> Iterator[str]:
        """Its expressions as Prometheus gets them: over a minute, where Grafana would choose."""
        return (one.replace("$__rate_interval", "1m") for one in self.expressions)


def dashboard() -> dict[str, Any]:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return board


def panels() -> list[Panel]:
    """Every panel that shows something, in order."""
    found, row = list[Panel](), ""
    for raw in dashboard()["panels"]:
        if raw["type"] == "row":
            row = raw["title"]
            continue
        grid = raw["gridPos"]
        place = (grid["x"], grid["y"], grid["w"], grid["h"])
        asked = tuple(target["expr"] for target in raw["targets"])
        found.append(Panel(raw["id"], raw["title"], raw["type"], asked, place, row))
    return found
