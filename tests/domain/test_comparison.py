"""What explains the difference between two runs: every input by its name, and nothing that did not change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docugen_core.comparison import (
    FIELDS_MAX,
    VALUE_CHARACTERS_MAX,
    Change,
    Evidence,
    Verdict,
    compare_runs,
)
from docugen_core.domain.bundle import Format
from docugen_core.domain.manifest import ArtefactEntry, ArtefactStatus, Engine, Manifest
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.fonts import FontFile
from docugen_core.rendering.packs import TemplatePack, pack_digest

ENGINE = Engine((("typst", "1.0"), ("zlib", "1.3")), (("plex.ttf", "f" * 64),))
LETTER = ArtefactEntry("letter.txt", Format.TXT, size=5, sha256="a" * 64, document_digest="d" * 64)
EMPTY = TemplateCatalogue([])
SPEC: dict[str, Any] = {
    "schema": "docugen.bundle/v1",
    "documents": [
        {
            "name": "letter.txt",
            "format": "txt",
            "template": {"pack": "post", "template": "letter", "version": "1.0.0", "digest": "1" * 64},
            "data": {},
            "optional": False,
            "fallback": None,
            "members": [],
        }
    ],
    "data": {"lines": [{"price": "1.00"}, {"price": "2.00"}], "to": {"name": "Wren Fable"}, "odd key": 1},
    "generate": None,
    "seed": "",
    "locale": "en-GB",
}


def manifest(spec_digest: str = "5" * 64, **changes: Any) -> Manifest:
    plain = Manifest(spec_digest, spec_digest, ENGINE, (("post", "1.0.0", "1" * 64),), (), (LETTER,))
    return replace(plain, **changes)


def changed(before: Evidence, now: Evidence, catalogue: TemplateCatalogue = EMPTY) -> dict[str, tuple[str, str]]:
    return {c.input: (c.before, c.now) for c in compare_runs(before, now, catalogue).changed_inputs}


def asked(**changes: Any) -> Evidence:
    """Another request than SPEC."""
    return Evidence(manifest("6" * 64), {**SPEC, **changes})


FIRST = Evidence(manifest(), SPEC)


def test_equal_runs_have_no_differences() -> None:
    compared = compare_runs(FIRST, FIRST, EMPTY)

    assert (compared.verdict, compared.changed_inputs) == (Verdict.IDENTICAL, ())
    assert [a.change for a in compared.artefacts] == [Change.EQUAL]


def test_other_bytes_from_the_same_inputs_are_a_violation() -> None:
    other = Evidence(manifest(artefacts=(replace(LETTER, sha256="b" * 64),)), SPEC)

    assert compare_runs(FIRST, other, EMPTY).verdict is Verdict.DETERMINISM_VIOLATION


@pytest.mark.parametrize(
    ("data", "path", "values"),
    [
        ({"lines": [{"price": "1.00"}, {"price": "2.50"}]}, "request.data.lines[1].price", ('"2.00"', '"2.50"')),
        ({"lines": [{"price": "1.00"}]}, "request.data.lines[1]", ('{"price":"2.00"}', "")),
        ({"to": {"name": "Wren Fable", "title": "Dr"}}, "request.data.to.title", ("", '"Dr"')),
        ({"odd key": None}, 'request.data["odd key"]', ("1", "null")),
        ({"odd key": True}, 'request.data["odd key"]', ("1", "true")),
    ],
)
def test_a_field_of_the_request_is_named_by_its_path_with_both_values(
    data: dict[str, Any], path: str, values: tuple[str, str]
) -> None:
    assert changed(FIRST, asked(data={**SPEC["data"], **data})) == {path: values}


def test_documents_go_by_name_whatever_their_order() -> None:
    (letter,) = SPEC["documents"]
    before = asked(documents=[letter, {**letter, "name": "b.txt"}])
    now = Evidence(manifest("7" * 64), {**SPEC, "documents": [{**letter, "name": "b.txt", "optional": True}, letter]})

    assert changed(before, now) == {'request.documents["b.txt"].optional': ("", "true")}


def test_a_default_that_is_written_out_is_no_difference() -> None:
    (letter,) = SPEC["documents"]
    short = {"name": "letter.txt", "format": "txt", "template": "post/letter@1.0.0"}

    assert changed(asked(documents=[letter]), Evidence(manifest("7" * 64), {**SPEC, "documents": [short]})) == {}


def test_long_values_and_long_lists_of_fields_are_cut() -> None:
    before = asked(data={str(n): "x" * 1_000 for n in range(FIELDS_MAX + 5)})

    found = compare_runs(before, Evidence(manifest("7" * 64), {**SPEC, "data": {}}), EMPTY).changed_inputs

    assert all(len(c.before) <= VALUE_CHARACTERS_MAX for c in found)
    assert found[-1].input == "request (and 5 more fields)" or len(found) <= 1 + FIELDS_MAX


def test_without_both_specs_only_the_digests_of_the_request_can_be_told() -> None:
    assert changed(FIRST, Evidence(manifest("6" * 64))) == {"request": ("5" * 64, "6" * 64)}


def test_a_derived_seed_is_told_only_where_something_was_made_from_it() -> None:
    generators = (("household", "1"),)
    before = Evidence(manifest(generators=generators), SPEC)
    now = Evidence(manifest("6" * 64, generators=generators), SPEC)

    assert changed(before, now) == {"seed": ("5" * 64, "6" * 64)}
    assert changed(FIRST, asked()) == {}
    assert changed(FIRST, Evidence(manifest(seed="march"), SPEC)) == {"seed": ("5" * 64, "march")}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"generators": (("household", "2"),)}, {"generator.household": ("", "2")}),
        (
            {"engine": Engine((("typst", "1.1"), ("zlib", "1.3")), ENGINE.fonts)},
            {"engine.typst": ("1.0", "1.1")},
        ),
        ({"engine": Engine(ENGINE.components, ())}, {"font.plex.ttf": ("f" * 64, "")}),
        (
            {"packs": (("post", "1.1.0", "2" * 64),)},
            {"pack.post": ("1.0.0 " + "1" * 64, "1.1.0 " + "2" * 64)},
        ),
    ],
    ids=["generator", "engine", "font", "pack"],
)
def test_every_other_input_is_named(changes: dict[str, Any], expected: dict[str, tuple[str, str]]) -> None:
    assert changed(FIRST, Evidence(manifest(**changes), SPEC)) == expected


def pack(version: str, files: dict[str, bytes], fonts: dict[str, FontFile] | None = None) -> TemplatePack:
    return TemplatePack("post", version, "", pack_digest(files, fonts), {}, files, fonts=fonts or {})


def test_files_of_a_pack_are_named_where_both_contents_are_installed() -> None:
    old = pack("1.0.0", {"letter.txt": b"Dear", "same.txt": b"same", "gone.txt": b""})
    new = pack("1.1.0", {"letter.txt": b"Hello", "same.txt": b"same", "new.txt": b""})
    before = Evidence(manifest(packs=(("post", "1.0.0", old.digest),)))
    now = Evidence(manifest(packs=(("post", "1.1.0", new.digest),)))

    both = [name for name in changed(before, now, TemplateCatalogue([old, new])) if "/" in name]
    one = [name for name in changed(before, now, TemplateCatalogue([new])) if "/" in name]

    assert both == ["pack.post/gone.txt", "pack.post/letter.txt", "pack.post/new.txt"]
    assert one == []


def test_a_font_of_a_pack_is_named_like_its_other_files() -> None:
    def quay(sha256: str) -> dict[str, FontFile]:
        return {"fonts/Quay.ttf": FontFile(Path("Quay.ttf"), "Quay Sans", "normal", 400, sha256)}

    old, new = pack("1.0.0", {}, quay("1" * 64)), pack("1.1.0", {}, quay("2" * 64))
    before = Evidence(manifest(packs=(("post", "1.0.0", old.digest),)))
    now = Evidence(manifest(packs=(("post", "1.1.0", new.digest),)))

    assert changed(before, now, TemplateCatalogue([old, new]))["pack.post/fonts/Quay.ttf"] == ("1" * 64, "2" * 64)


def test_artefacts_are_equal_changed_omitted_or_in_one_run_only() -> None:
    def entry(name: str, sha256: str = "a" * 64) -> ArtefactEntry:
        return replace(LETTER, name=name, sha256=sha256)

    gone = ArtefactEntry("left-out", Format.TXT, ArtefactStatus.OMITTED, reason="TEMPLATE_FAILED")
    before = manifest(artefacts=(entry("same"), entry("other"), entry("left-out"), entry("old")))
    now = manifest(artefacts=(entry("same"), entry("other", "b" * 64), gone, entry("new")))

    compared = compare_runs(Evidence(before), Evidence(now), EMPTY)

    assert {a.name: a.change for a in compared.artefacts} == {
        "same": Change.EQUAL,
        "other": Change.CHANGED,
        "left-out": Change.OMITTED,
        "old": Change.ONLY_BEFORE,
        "new": Change.ONLY_NOW,
    }
