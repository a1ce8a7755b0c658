"""The promise in small: some drawn bundles under the most telling conditions, each in processes of its own. The whole proof is
`make determinism`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from determinism.conditions import Condition, everything_else, made_locales, pythons, surroundings, ways
from determinism.drawn import FAMILIES, drawn, install_binder
from determinism.matrix import Matrix, Row, first_difference
from determinism.report import as_json, as_text, coverage
from docugen_core.domain.bundle import Format
from other_pythons import python_folders

SEED = "test"
TELLING = (
    "parallel: 4 render processes",
    "taken over from the cache",
    "queue, workers killed mid bundle",
)


async def rows(folder: Path, *conditions: Condition, rounds: int = 1) -> list[Row]:
    """The reference and the conditions, two processes at once."""
    return await Matrix(SEED, rounds, folder, at_once=2).rows(conditions)


def told(found: list[Row]) -> str:
    return as_text(SEED, range(len(FAMILIES)), found)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_bytes_depend_neither_on_surroundings_nor_on_order_load_faults_and_caches(tmp_path: Path) -> None:
    """Clock, zone, locale, hash seed, HOME, folder, umask, threads: all at once; `make determinism` tells them apart."""
    telling = [replace(row, rounds=1) for row in ways() if row.name in TELLING]
    assert len(telling) == len(TELLING)
    locales = made_locales(tmp_path / "locales")

    found = await rows(tmp_path, everything_else(2, locales), *telling, rounds=2)

    assert all(row.holds for row in found), told(found)
    assert [sum(row.bundles.values()) for row in found] == [22, 22, 11, 11, 11]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_bytes_do_not_depend_on_the_python(tmp_path: Path) -> None:
    """Environments of the other Pythons are kept in .venvs/ and made anew when pyproject.toml changes."""
    others = pythons(1)
    if all(row.absent for row in others):
        pytest.skip(f"no other Python from 3.11 on but {sys.executable}: install one, with pyenv for example")

    found = await rows(tmp_path, *others)

    assert all(row.holds for row in found), told(found)


@pytest.mark.slow
async def test_a_difference_is_named_with_its_first_byte_and_a_condition_without_effect_proves_nothing(
    tmp_path: Path,
) -> None:
    """A matrix that could not fail would prove nothing."""
    other = install_binder(tmp_path / "other")
    table = other / "binder" / "slip.table.toml"
    table.write_text(table.read_text().replace('header = "Price"', 'header = "Prize"'))
    different = Condition("another pack", 1, settings={"template_path": str(other)})
    unseen = Condition("another zone", 1, env={"TZ": "UTC"}, proves=("zone",))
    never = Condition("nothing to take over", 1, needs=("documents taken over",))

    found = await rows(tmp_path, different, unseen, never)

    assert [row.holds for row in found] == [True, False, False, False]
    assert sum(found[1].equal.values()) == len(FAMILIES) - 1
    first = found[1].first
    assert first is not None
    assert (first.family, first.artefact) == ("made of others", "a.pdf")
    assert first.offset > 0
    assert first.here != first.there
    assert "another pack: bundle 10 (made of others), a.pdf, byte" in told(found)
    assert "3 rows DIFFER or prove nothing" in told(found)
    plain = json.loads(as_json(SEED, range(len(FAMILIES)), found))
    assert [row["holds"] for row in plain["rows"]] == [True, False, False, False]
    assert plain["rows"][1]["equal"] == dict.fromkeys(FAMILIES[:-1], 1)
    assert found[2].problem == "the process did not see it: zone as in the reference"
    assert found[3].problem == "never came about: documents taken over"


def test_the_bundles_of_the_whole_matrix_hold_every_shipped_template_in_every_format_and_every_generator() -> None:
    covered = coverage("first", range(46 * len(FAMILIES)))

    assert covered["missing"] == []
    assert set(covered["formats"]) == {format_.value for format_ in Format}


def test_a_condition_renders_whole_rounds_of_its_own() -> None:
    drawn_numbers = [
        Condition(name, 3, order="shuffled").numbers(SEED, 46, len(FAMILIES)) for name in ("one", "one", "two")
    ]

    assert drawn_numbers[0] == drawn_numbers[1]
    assert drawn_numbers[0] != sorted(drawn_numbers[0])
    assert set(drawn_numbers[0]) != set(drawn_numbers[2])
    assert Counter(drawn(SEED, n).family for n in drawn_numbers[0]) == dict.fromkeys(FAMILIES, 3)


def test_every_condition_proves_that_it_was_there_or_is_one_of_order_and_process() -> None:
    silent = {
        c.name
        for c in [*surroundings({}), everything_else(1, {}), *ways()]
        if not (c.proves or c.needs or c.absent or c.one_cpu)
    }

    assert silent == {c.name for c in ways() if not c.needs}


def test_the_first_difference_of_two_texts_is_found() -> None:
    assert [first_difference(b"abc", other) for other in (b"abd", b"ab", b"abcd", b"xbc")] == [2, 2, 3, 0]


def test_other_pythons_are_looked_for_beside_the_running_one_and_where_pyenv_is(tmp_path: Path) -> None:
    """With another HOME none was found, and the test of the other Pythons was gone without a word."""
    beside, in_pyenv = tmp_path / "beside" / "cpython-3.12.1-linux" / "bin", tmp_path / "pyenv" / "versions/3.13.0/bin"
    for folder in (beside, in_pyenv):
        folder.mkdir(parents=True)
    found = python_folders(pyenv_root=tmp_path / "pyenv", base_prefix=tmp_path / "beside" / "cpython-3.11.7-linux")
    assert found[:2] == [in_pyenv, beside]
