"""What is recorded of a pack's output, and how a difference is explained."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from docugen_core.authoring.golden import (
    GOLDEN_FILE,
    Golden,
    causes,
    golden_cases,
    golden_folder,
    golden_of,
    read_golden,
    write_golden,
)
from docugen_core.authoring.scaffold import new_pack
from docugen_core.errors import ConfigurationError
from docugen_core.rendering.engine import engine
from docugen_core.rendering.registry import render

CASE = "notice/sample/en.txt"


def recorded(folder: Path) -> Golden:
    pack = new_pack("mine", "web", folder)
    cases = golden_cases(pack, golden_folder(folder / "mine"))
    return golden_of(pack, engine(), cases, {case.name: render(case.task).data for case in cases})


def test_every_sample_language_and_format_is_a_case(tmp_path: Path) -> None:
    pack = new_pack("mine", "web", tmp_path)
    folder = golden_folder(tmp_path / "mine")
    (folder / "notice").mkdir(parents=True)
    (folder / "notice" / "short.json").write_text('{"title": "x"}')

    names = [case.name for case in golden_cases(pack, folder)]
    assert len(names) == 2 * 2 * 3
    assert names[:2] == ["notice/sample/en.html", "notice/sample/en.md"]
    assert "notice/short/fr.txt" in names
    assert folder == tmp_path / "mine.tests"


def test_recording_does_not_change_the_pack_and_reads_back_the_same(tmp_path: Path) -> None:
    golden = recorded(tmp_path)
    pack = new_pack("other", "web", tmp_path)
    path = write_golden(golden_folder(tmp_path / "other"), pack, golden)

    assert path == tmp_path / "other.tests" / "golden.json"
    assert read_golden(path.parent) == golden
    assert read_golden(tmp_path) is None


@pytest.mark.parametrize(
    ("field", "change", "cause"),
    [
        ("files", {"notice.txt": "0" * 64}, "template: notice.txt"),
        ("files", {"gone.typ": "0" * 64}, "template: gone.typ is gone"),
        ("components", {"typst": "0.1.0"}, "engine: typst 0.1.0 -> "),
        ("fonts", {"plex/Old.ttf": "0" * 64}, "font: plex/Old.ttf is gone"),
    ],
)
def test_a_difference_is_put_down_to_the_input_that_changed(
    tmp_path: Path, field: str, change: dict[str, str], cause: str
) -> None:
    now = recorded(tmp_path)
    then = dataclasses.replace(now, **{field: {**getattr(now, field), **change}})

    [found] = causes(CASE, then, now)
    assert found.startswith(cause)


def test_other_data_is_a_cause_and_no_cause_at_all_is_said_plainly(tmp_path: Path) -> None:
    now = recorded(tmp_path)
    then = dataclasses.replace(now, outputs={**now.outputs, CASE: ("0" * 64, "0" * 64)})

    assert causes(CASE, then, now) == ("data: the sample has other values",)
    assert "the promise of equal bytes is broken" in causes(CASE, now, now)[0]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("golden.json", "{}", "is no golden file"),
        ("golden.json", "[", "is no golden file"),
        ("notice/x.json", "[]", "must be a JSON object"),
        ("notice/x.json", "{", "is not JSON"),
        ("notice/sample.json", "{}", "is the pack's own sample"),
        ("notis/x.json", "{}", "the pack has no such template"),
    ],
)
def test_files_beside_a_pack_that_make_no_sense_are_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    pack = new_pack("mine", "web", tmp_path)
    folder = golden_folder(tmp_path / "mine")
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_text(text)

    with pytest.raises(ConfigurationError, match=message) as caught:
        read_golden(folder) if file == GOLDEN_FILE else golden_cases(pack, folder)
    assert caught.value.reason == "GOLDEN_UNUSABLE"
