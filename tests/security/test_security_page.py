"""SECURITY.md: every threat has a test, and every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "SECURITY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| .+? \| .+ \| (.+) \|$", PAGE, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


def test_threats_are_numbered_and_each_has_a_test() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 14
    assert [number for number, shown in ROWS if "::test_" not in shown] == []


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    source = (TESTS / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test}\(", source, re.MULTILINE), f"tests/{file} has no {test}"
