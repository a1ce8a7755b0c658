"""Bytes are held against golden digests, and golden digests against the last release: see golden_sets.

Renewing goldens is `make goldens`.
"""

from __future__ import annotations

import json

import golden_sets
import pytest
from golden_sets import GoldenSet

BEFORE: dict[str, GoldenSet] = {
    "packs/invoice": {
        "identity": "spec",
        "engine": {"typst": "1"},
        "artefacts": {"invoice.pdf": "aa", "lines.csv": "bb"},
    }
}


@pytest.mark.slow
@pytest.mark.parametrize("name", golden_sets.names())
def test_bytes_are_those_of_the_golden_digests(name: str) -> None:
    made, kept = golden_sets.comparable(golden_sets.made(name), golden_sets.kept(name))

    assert made == kept, "say why in CHANGELOG.md under Bytes, and run `make goldens`"


def test_every_shipped_template_format_and_generator_has_golden_digests() -> None:
    on_disk = {f"{path.parent.name}/{path.stem}" for path in golden_sets.GOLDEN.glob("*/*.json")}

    assert on_disk == set(golden_sets.names())


def test_every_byte_that_changed_since_the_release_is_in_the_changelog() -> None:
    present = {name: golden_sets.kept(name) for name in golden_sets.names()}
    released = json.loads(golden_sets.RELEASED.read_text(encoding="utf-8"))
    changelog = (golden_sets.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert released["release"] == golden_sets.last_release(changelog), (
        "a release keeps its goldens: make goldens RELEASE=..."
    )
    assert golden_sets.untold(released["sets"], present, golden_sets.bytes_section(changelog)) == []
    assert golden_sets.unraised(released["sets"], present) == [], "raise RENDERING_EDITION, or the generator's version"


@pytest.mark.parametrize(
    ("line", "untold"),
    [
        ("", ["packs/invoice: invoice.pdf"]),
        ("- the invoice is wider", ["packs/invoice: invoice.pdf"]),
        ("- `csv`: quotes", ["packs/invoice: invoice.pdf"]),
        ("- `invoice`: wider", []),
        ("- `packs/invoice`: wider", []),
        ("- `pdf`: a new Typst", []),
    ],
)
def test_a_changed_artefact_is_told_by_its_set_or_its_format(line: str, untold: list[str]) -> None:
    assert golden_sets.untold(BEFORE, _changed(**{"invoice.pdf": "cc"}), line) == untold


def test_an_artefact_that_is_gone_has_to_be_told_and_a_new_one_not() -> None:
    gone: dict[str, GoldenSet] = {"packs/new": BEFORE["packs/invoice"]}

    assert golden_sets.untold(BEFORE, gone, "") == ["packs/invoice: invoice.pdf", "packs/invoice: lines.csv"]
    assert golden_sets.untold(BEFORE, BEFORE | gone, "") == []


def test_other_bytes_of_the_same_request_and_engine_ask_for_an_edition() -> None:
    changed = _changed(**{"invoice.pdf": "cc"})
    other_engine = {name: golden | {"engine": {"typst": "2"}} for name, golden in changed.items()}
    other_request = {name: golden | {"identity": "other"} for name, golden in changed.items()}

    assert golden_sets.unraised(BEFORE, changed) == ["packs/invoice"]
    assert golden_sets.unraised(BEFORE, BEFORE) == []
    assert golden_sets.unraised(BEFORE, other_engine) == []
    assert golden_sets.unraised(BEFORE, other_request) == []


def test_only_the_unreleased_part_of_the_changelog_counts() -> None:
    changelog = "# C\n## [Unreleased]\n### Added\n- a\n### Bytes\n- `b`\n## [1.2.0] - x\n### Bytes\n- `c`\n## [1.1.0]\n"

    assert golden_sets.bytes_section(changelog).strip() == "- `b`"
    assert golden_sets.last_release(changelog) == "1.2.0"
    assert golden_sets.last_release("## [Unreleased]\n") == ""


def _changed(**artefacts: str) -> dict[str, GoldenSet]:
    golden = BEFORE["packs/invoice"]
    return {"packs/invoice": golden | {"artefacts": golden["artefacts"] | artefacts}}
