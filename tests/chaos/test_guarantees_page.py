"""docs/explanation/guarantees.md has a row for each fault, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "explanation" / "guarantees.md"
ROWS = re.findall(r"^\| (\d+) \| .+? \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))))


def test_each_fault_of_the_matrix_has_its_row_and_each_row_a_test() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 29))
    assert [number for number, shown in ROWS if "::test_" not in shown] == []


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    source = (TESTS / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test}\(", source, re.MULTILINE), f"tests/{file} has no {test}"
