"""The same documents for every renderer: tasks for DocuGen, and HTML with the same data, fonts and look for the others.

The peers get finished HTML, so filling a template is no part of their time; it is part of DocuGen's. Each is made for several
numbers, so that no engine's memory of the last document helps. Every page says SPECIMEN; people and institutions are invented.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from docugen_core.rendering.task import RenderTask
from minijinja import Environment

from benchmarks.rendering import EXAMPLES, tasks
from benchmarks.stage import ROOT

PAGES = Path(__file__).parent / "pages"
FONTS = ROOT / "libs" / "docugen_core" / "fonts" / "ibm-plex-sans"
REPORT = ROOT / "libs" / "docugen_core" / "templates" / "report" / "report.sample.json"
REPORT_AGAIN = 40
"""So many of the sample's blocks come a second time, which makes twenty pages."""
DATE = re.compile(r"\d{4}-\d\d")
VARIED = ("text", "rows", "values", "value")
FILLS = ("#6b2d3c", "#b98a94", "#d9c3c8", "#8d8d96")


@dataclass(frozen=True, slots=True)
class Case:
    """One document. pages: what DocuGen makes of it; the others come close."""

    name: str
    pages: int
    bundle: Mapping[str, Any]
    document: str

    def tasks(self, count: int) -> list[RenderTask]:
        """The document with `count` different contents."""
        if self.name != "report":
            return list(islice(tasks(self.bundle, self.document), count))
        return [next(tasks(_varied(self.bundle, number), self.document)) for number in range(count)]

    def html(self, task: RenderTask, path: Path) -> None:
        """Write it with its style sheet and fonts beside it."""
        template = (PAGES / f"{self.name}.html").read_text(encoding="utf-8")
        html = Environment(auto_escape_callback=lambda _: True).render_str(template, "page.html", **_filled(task.data))
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PAGES / "page.css", path.parent)
        shutil.copytree(FONTS, path.parent / "fonts", dirs_exist_ok=True)
        path.write_text(html, encoding="utf-8")


def cases() -> tuple[Case, ...]:
    invoice = json.loads((EXAMPLES / "invoice.json").read_text())
    account = json.loads((EXAMPLES / "quarterly-account-pack.json").read_text())
    return (
        Case("invoice", 1, invoice, "invoice.pdf"),
        Case("statement", 5, account, "releve-de-compte.pdf"),
        Case("report", 20, _report_bundle(), "report.pdf"),
    )


def _report_bundle() -> dict[str, Any]:
    data = json.loads(REPORT.read_text(encoding="utf-8"))
    data["blocks"] += data["blocks"][:REPORT_AGAIN]
    settings = {"seed": "report", "locale": "en-GB", "time_zone": "Europe/London", "document_date": "2026-10-02"}
    document = {"name": "report.pdf", "format": "pdf", "template": "report/report"}
    return {"schema": "docugen.bundle/v1", "specimen": True, **settings, "data": data, "documents": [document]}


def _varied(bundle: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Other digits in every text and number, of the same width; noughts stay."""
    others = str.maketrans("123456789", "".join(Random(number).sample("123456789", 9)))  # noqa: S311 - contents of a benchmark

    def walk(value: Any, of: str) -> Any:
        if isinstance(value, dict):
            return {key: walk(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [walk(each, of) for each in value]
        varied = isinstance(value, str) and of in VARIED and not DATE.search(value)
        return value.translate(others) if varied else value

    data = dict(bundle["data"])
    return dict(bundle) | {"data": data | {"blocks": walk(data["blocks"], "")}}


def _filled(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with what a page without a program cannot compute: the places of lines and bars."""
    more: dict[str, Any] = dict(data)
    if "transactions" in data:
        balances = [float(entry["balance"]) for entry in data["transactions"]]
        low, high = min(balances), max(balances)
        step = 600 / max(1, len(balances) - 1)
        course = [(round(n * step, 1), round(178 - 168 * (v - low) / (high - low), 1)) for n, v in enumerate(balances)]
        spent = sorted(
            (e for e in data["categories"] if e["amount"].startswith("-")), key=lambda e: float(e["amount"])
        )[:9]
        most = max(abs(float(entry["amount"])) for entry in spent)
        more |= {
            "course": course,
            "categories": [e | {"share": round(200 * abs(float(e["amount"])) / most)} for e in spent],
        }
    if "blocks" in data:
        more["blocks"] = [_block(number, dict(block)) for number, block in enumerate(data["blocks"])]
    return more


def _block(number: int, block: dict[str, Any]) -> dict[str, Any]:
    plain = {key: re.sub(r"\*\*|\[\^[^\]]+\]", "", value) for key, value in block.items() if isinstance(value, str)}
    return block | plain | {"number": number} | (_bars(block) if block["type"] == "chart" else {})


def _bars(chart: Mapping[str, Any]) -> dict[str, Any]:
    parts = chart.get("parts") or []
    places = chart.get("places") or [part["name"] for part in parts]
    series = chart.get("series") or [{"values": [part["value"] for part in parts]}]
    width = 600 / len(places)
    values = [[max(0.0, float(value or 0)) for value in one["values"]] for one in series]
    most = max(max(one) for one in values) or 1.0
    each = width * 0.8 / len(series)
    bars = [
        {
            "x": round(width * (at + 0.1) + each * which, 1),
            "y": round(210 - 200 * value / most, 1),
            "width": round(each, 1),
            "height": round(200 * value / most, 1),
            "fill": FILLS[which % len(FILLS)],
        }
        for which, one in enumerate(values)
        for at, value in enumerate(one)
    ]
    labels = [{"x": round(width * (at + 0.5), 1), "text": text} for at, text in enumerate(places)]
    return {"bars": bars, "labels": labels}
