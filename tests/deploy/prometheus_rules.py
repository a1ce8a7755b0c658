"""The rules and rule tests of deploy/prometheus, read as YAML, and the names in a PromQL expression, without Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cli_process import ROOT
from docugen_core.adapters.metrics import INSTRUMENTS, Instrument, Kind

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))

_STRING = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\{[^}]*\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_DURATION = re.compile(r"\[[^\]]*\]|\b\d+[smhdw]\b")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(?!\w)(?!\s*\()")
_SELECTOR = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "sum", "max", "min"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. name: of the alert, or of what it records."""

    name: str
    expression: str
    is_alert: bool
    labels: dict[str, str]
    annotations: dict[str, str]


def rules() -> list[Rule]:
    """Every rule of every file."""
    return [
        Rule(
            raw.get("alert") or raw["record"],
            raw["expr"],
            "alert" in raw,
            raw.get("labels", {}),
            raw.get("annotations", {}),
        )
        for path in RULES
        for group in read_yaml(path)["groups"]
        for raw in group["rules"]
    ]


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def exported(instruments: tuple[Instrument, ...] = INSTRUMENTS) -> dict[str, Instrument]:
    """The series names that Prometheus sees, each with its instrument."""
    suffixes = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
    return {one.name + suffix: one for one in instruments for suffix in suffixes.get(one.kind, ("",))}


def metric_names(expression: str) -> set[str]:
    """The names of metrics in a PromQL expression: identifiers that are no function, operator, label or duration."""
    plain = expression
    for noise in (_STRING, _LABELS, _GROUPING, _DURATION):
        plain = noise.sub(" ", plain)
    return set(_NAME.findall(plain)) - _WORDS


def label_matches(expression: str) -> Iterator[tuple[str, str, str]]:
    """(metric, label, value) of each value that a selector asks for; the alternatives of a regular expression one by one."""
    for metric, body in _SELECTOR.findall(expression):
        for label, operator, value in _MATCHER.findall(body):
            for one in value.split("|") if operator.endswith("~") else [value]:
                yield metric, label, one
