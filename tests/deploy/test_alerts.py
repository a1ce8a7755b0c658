"""Alerts ask for metrics that exist, say what to do, fire when they should and are silent when they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from cli_process import ROOT
from deploy.prometheus_rules import RULE_TESTS, Rule, exported, label_matches, metric_names, read_yaml, rules
from doc_pages import blocks
from docugen_core.adapters.metrics import Kind

RUNBOOKS = ROOT / "docs" / "architecture" / "operational-runbooks.md"
RULES = rules()
ALERTS = [rule for rule in RULES if rule.is_alert]
RECORDED = {rule.name for rule in RULES if not rule.is_alert}
WANTED = {
    *("DocugenQueueStalled", "DocugenQueueGrowing", "DocugenDeadLetters", "DocugenRetryStorm", "DocugenWorkersAbsent"),
    *("DocugenReclaimRate", "DocugenQueueUnobserved", "DocugenDeterminismViolation", "DocugenErrorBudgetBurn"),
    "DocugenRpcErrorRatio",
}


def name_of(rule: Rule) -> str:
    return f"{rule.name}{rule.labels.get('burn', '')}"


def test_every_alert_of_the_design_is_there_and_no_other() -> None:
    assert {alert.name for alert in ALERTS} == WANTED
    burns = {a.labels["burn"]: a.labels["severity"] for a in ALERTS if a.name == "DocugenErrorBudgetBurn"}
    assert burns == {"14.4": "page", "6": "page", "3": "ticket", "1": "ticket"}


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_every_metric_in_a_rule_is_an_instrument_or_recorded(rule: Rule) -> None:
    named = metric_names(rule.expression)
    assert named, "a rule about nothing"
    assert named <= exported().keys() | RECORDED


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_every_label_value_a_rule_asks_for_can_occur(rule: Rule) -> None:
    for metric, label, value in label_matches(rule.expression):
        assert value in exported()[metric].labels[label], f"{metric}{{{label}={value!r}}} never exists"


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_what_every_scheduler_tells_alike_is_never_summed(rule: Rule) -> None:
    gauges = {n for n, i in exported().items() if i.kind is Kind.GAUGE and n.startswith("queue_")}
    for summed in re.findall(r"\bsum[^(]*\(([^()]*)", rule.expression):
        assert not metric_names(summed) & gauges


def test_the_runbooks_ask_for_metrics_that_exist() -> None:
    asked = [block for block in blocks(RUNBOOKS) if block.language == "promql"]
    assert asked
    for line in (line for block in asked for line in block.body.splitlines()):
        assert metric_names(line) <= exported().keys() | RECORDED
        for metric, label, value in label_matches(line):
            assert value in exported()[metric].labels[label]


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_every_alert_says_how_bad_it_is_what_happened_and_where_to_read_on(alert: Rule) -> None:
    assert alert.labels["severity"] in ("page", "ticket")
    assert alert.annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    page, _, anchor = alert.annotations["runbook_url"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor == alert.name.lower()
    assert alert.name in headings


def test_every_section_of_an_alert_says_meaning_check_and_act() -> None:
    text = RUNBOOKS.read_text(encoding="utf-8")
    sections = re.findall(r"^### (Docugen\w+)\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in sections} == WANTED
    for name, body in sections:
        assert "**Meaning**" in body, name
        assert "**Check" in body, name
        assert "act**" in body.lower() or "**act" in body.lower(), name


def test_every_alert_has_a_case_that_fires_and_one_that_stays_silent() -> None:
    fires: set[str] = set()
    silent: defaultdict[str, int] = defaultdict(int)
    for path in RULE_TESTS:
        for case in read_yaml(path)["tests"]:
            for question in case["alert_rule_test"]:
                for expected in question["exp_alerts"]:
                    fires.add(f"{question['alertname']}{expected['exp_labels'].get('burn', '')}")
                if not question["exp_alerts"]:
                    silent[question["alertname"]] += 1
    assert fires == {name_of(alert) for alert in ALERTS}
    assert silent.keys() == WANTED


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_are_silent_as_their_cases_say(path: Path) -> None:
    """By promtool where it is installed; elsewhere the series of the cases are held to the instruments, as the rules are."""
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    for case in read_yaml(path)["tests"]:
        for series in case["input_series"]:
            assert metric_names(series["series"]) <= exported().keys()
            for metric, label, value in label_matches(series["series"]):
                assert label == "instance" or value in exported()[metric].labels[label]


def test_names_in_an_expression_are_found_and_nothing_else() -> None:
    expression = (
        'sum by (code) (rate(a_total{code!="OK", x="b_total"}[5m])) / on() (max(c:d) > 0) unless absent(e) offset 1h'
    )
    assert metric_names(expression) == {"a_total", "c:d", "e"}
    assert list(label_matches('a{b=~"c|d",e="f"} > 1')) == [("a", "b", "c"), ("a", "b", "d"), ("a", "e", "f")]
