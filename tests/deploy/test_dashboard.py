"""The dashboard asks for what exists, in PromQL, adds up nothing twice, and has a panel for every alert.

`test_alerts_end_to_end` asks a Prometheus that has seen a real scheduler and real workers.
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest
from cli_process import ROOT
from deploy.grafana_dashboard import Panel, dashboard, panels
from deploy.prometheus_rules import Rule, exported, label_matches, metric_names, rules
from docugen_core.adapters.metrics import Kind

PANELS = panels()
RULES = rules()
ALERTS = [rule for rule in RULES if rule.is_alert]
RECORDED = {rule.name: rule.expression for rule in RULES if not rule.is_alert}
QUEUE_GAUGES = {n for n, i in exported().items() if i.kind is Kind.GAUGE and n.startswith("queue_")}
OF_PROMETHEUS = {"ALERTS"}


def title_of(panel: Panel) -> str:
    return f"{panel.number}-{panel.title}"


def sources(expressions: str) -> set[str]:
    """The metrics behind an expression: a recorded one is what it was computed from."""
    names = metric_names(expressions)
    return {deep for name in names for deep in (sources(RECORDED[name]) if name in RECORDED else {name})}


def test_the_committed_dashboard_is_the_one_the_tool_makes() -> None:
    done = subprocess.run(
        [sys.executable, "tools/dashboard.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_row_answers_whether_it_is_well() -> None:
    first = [panel for panel in PANELS if panel.row == "Is it well?"]
    assert PANELS[: len(first)] == first
    assert {panel.kind for panel in first} == {"stat"}
    asked = " ".join(expression for panel in first for expression in panel.expressions)
    for answer in ("error_ratio", "oldest_age_seconds", "dlq_depth", 'outcome="succeeded"'):
        assert answer in asked


def test_no_panel_has_the_number_or_the_place_of_another() -> None:
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(numbers) == len(set(numbers))
    for one, other in combinations(PANELS, 2):
        (x, y, w, h), (x2, y2, w2, h2) = one.place, other.place
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, (one.title, other.title)
    assert all(panel.place[0] + panel.place[2] <= 24 for panel in PANELS)


@pytest.mark.parametrize("panel", PANELS, ids=title_of)
def test_every_expression_is_promql_over_metrics_and_labels_that_exist(panel: Panel) -> None:
    assert panel.expressions
    for expression in panel.asks():
        promql_parser.parse(expression)
        assert sources(expression) <= exported().keys() | OF_PROMETHEUS
        for metric, label, value in label_matches(expression):
            assert metric in OF_PROMETHEUS or value in exported()[metric].labels[label]


@pytest.mark.parametrize("panel", PANELS, ids=title_of)
def test_what_every_scheduler_tells_alike_is_never_added_up(panel: Panel) -> None:
    for expression in panel.asks():
        for summed in re.findall(r"\b(?:sum|avg|count)\b[^(]*(?:\([^()]*\)\s*)?\(([^()]*)", expression):
            assert not metric_names(summed) & QUEUE_GAUGES
        bare = metric_names(expression) & QUEUE_GAUGES
        assert all(re.search(rf"max\({name}\)", expression) for name in bare), "one line for each scheduler"


def test_the_runbooks_say_which_panel_and_row_each_alert_links_to() -> None:
    text = (ROOT / "docs" / "architecture" / "operational-runbooks.md").read_text(encoding="utf-8")
    told = {
        alert: (row, panel)
        for alert, row, panel in re.findall(r"^\| (Docugen\w+) \| ([^|]+) \| ([^|]+) \|", text, re.MULTILINE)
    }
    by_number = {panel.number: (panel.row, panel.title) for panel in PANELS}
    linked = {a.name: by_number[int(a.annotations["dashboard_url"].partition("viewPanel=")[2])] for a in ALERTS}
    assert told == linked


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: f"{rule.name}{rule.labels.get('burn', '')}")
def test_every_alert_leads_to_a_panel_that_shows_what_it_is_about(alert: Rule) -> None:
    link = urlsplit(alert.annotations["dashboard_url"])
    assert link.path.split("/")[:2] == ["d", dashboard()["uid"]]
    (number,) = parse_qs(link.query)["viewPanel"]
    (panel,) = (panel for panel in PANELS if panel.number == int(number))
    assert sources(alert.expression) & {name for asked in panel.asks() for name in sources(asked)}
