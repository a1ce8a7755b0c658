"""`docugen render`, as a process: what lands in the folder, what does not, and how a failure reads."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cli_process import INVOICE, NOTE, process
from scheduler_server import note_settings


@pytest.fixture
def packs(tmp_path: Path) -> str:
    """DOCUGEN_TEMPLATE_PATH with the pack `note`."""
    return note_settings(tmp_path / "installed").template_path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_becomes_files_with_a_manifest_that_vouches_for_them(tmp_path: Path) -> None:
    ended = process("render", INVOICE, "--json", cwd=tmp_path)
    assert ended.code == 0, ended.err
    document = ended.json()
    folder = tmp_path / "out" / "invoice"
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert document["directory"] == "out/invoice"
    assert document["manifest"]["sha256"] == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert {a["name"]: a["sha256"] for a in document["artefacts"]} == {
        a["name"]: hashlib.sha256((folder / a["name"]).read_bytes()).hexdigest() for a in manifest["artefacts"]
    }
    assert files(folder) == sorted(["manifest.json", *(a["name"] for a in manifest["artefacts"])])
    assert files(tmp_path / "out") == ["invoice"], "the private store must be gone"
    assert [line.split()[0] for line in ended.err.splitlines()] == ["rendered"] * len(manifest["artefacts"])


@pytest.mark.slow
def test_rendering_again_touches_nothing_and_mends_what_was_changed(note_file: Path, packs: str) -> None:
    folder = note_file.parent / "out" / "note"
    first = process("render", note_file, cwd=note_file.parent, DOCUGEN_TEMPLATE_PATH=packs)
    assert first.code == 0, first.err
    stamps = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    second = process("render", note_file, "--quiet", cwd=note_file.parent, DOCUGEN_TEMPLATE_PATH=packs)
    assert "all files are up to date" in second.out
    assert second.err == ""
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps
    (folder / "note.txt").write_text("SPECIMEN hallo\n")
    third = process("render", note_file, "--json", cwd=note_file.parent, DOCUGEN_TEMPLATE_PATH=packs)
    assert [a["changed"] for a in third.json()["artefacts"]] == [True]
    assert (folder / "note.txt").read_text() == "SPECIMEN hello\n"


def test_a_bundle_of_which_everything_was_omitted_says_so(tmp_path: Path, packs: str) -> None:
    """It said "nothing to write, all files are up to date", beside the manifest it had just written."""
    (Path(packs) / "note" / "note.txt").write_text("SPECIMEN\nDear {{ data.nmae }},\n")
    bundle = NOTE | {"documents": [{"name": "note.txt", "format": "txt", "template": "note/note", "optional": True}]}
    ended = process("render", "-", cwd=tmp_path, stdin=json.dumps(bundle), DOCUGEN_TEMPLATE_PATH=packs)
    assert ended.code == 0, ended.err
    assert "files     out/bundle  (0 written, 1 omitted)\n" in ended.out
    assert '(TEMPLATE_FAILED)\n          To see what failed, render it with "optional": false.\n' in ended.out
    assert files(tmp_path / "out" / "bundle") == ["manifest.json"]


def test_what_was_omitted_is_counted_beside_what_was_written(tmp_path: Path, packs: str) -> None:
    (Path(packs) / "note" / "note.txt").write_text('{% if data.text == "no" %}{{ data.nmae }}{% endif %}SPECIMEN\n')
    missing = {"name": "other.txt", "format": "txt", "template": "note/note", "optional": True, "data": {"text": "no"}}
    bundle = {"documents": [*NOTE["documents"], missing], "data": NOTE["data"]}
    first = process("render", "-", cwd=tmp_path, stdin=json.dumps(bundle), DOCUGEN_TEMPLATE_PATH=packs)
    again = process("render", "-", cwd=tmp_path, stdin=json.dumps(bundle), DOCUGEN_TEMPLATE_PATH=packs)
    assert "(1 written, 1 omitted)" in first.out, first.err
    assert "(nothing to write, all files are up to date, 1 omitted)" in again.out


def test_a_document_of_the_fallback_is_told_from_one_of_its_own_template(tmp_path: Path, packs: str) -> None:
    """It stood in the table like any other, and only the manifest knew."""
    shutil.copytree(Path(packs) / "note", Path(packs) / "plain")
    pack = Path(packs) / "plain" / "pack.toml"
    pack.write_text(pack.read_text().replace('name = "note"', 'name = "plain"', 1))
    (Path(packs) / "note" / "note.txt").write_text("SPECIMEN {{ data.nmae }}\n")
    note = {"name": "note.txt", "format": "txt", "template": "note/note", "fallback": "plain/note"}
    bundle = NOTE | {"documents": [note]}
    ended = process("render", "-", cwd=tmp_path, stdin=json.dumps(bundle), DOCUGEN_TEMPLATE_PATH=packs)
    assert ended.code == 0, ended.err
    assert "\nfallback  note.txt  (TEMPLATE_FAILED)\n" in ended.out


def test_a_bundle_may_come_from_standard_input(tmp_path: Path, packs: str) -> None:
    ended = process("render", "-", cwd=tmp_path, stdin=json.dumps(NOTE), DOCUGEN_TEMPLATE_PATH=packs)
    assert ended.code == 0, ended.err
    assert files(tmp_path / "out" / "bundle") == ["manifest.json", "note.txt"]


def test_the_store_of_the_settings_is_left_alone(tmp_path: Path, note_file: Path, packs: str) -> None:
    store = tmp_path / "kept"
    settings = {"DOCUGEN_TEMPLATE_PATH": packs, "DOCUGEN_STORE_URL": f"file://{store}", "DOCUGEN_QUEUE_ENABLED": "true"}
    ended = process("render", note_file, cwd=tmp_path, **settings)
    assert ended.code == 0, ended.err
    assert not store.exists()


@pytest.mark.slow
def test_a_template_failure_shows_the_place_the_line_and_the_remedy(
    tmp_path: Path, note_file: Path, packs: str
) -> None:
    (Path(packs) / "note" / "note.txt").write_text("SPECIMEN\nDear {{ data.nmae }},\n")
    ended = process("render", note_file, cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs)
    assert ended.code == 1
    assert ended.out == ""
    assert "--> note.txt:2" in ended.err
    assert "2 | Dear {{ data.nmae }}," in ended.err
    assert "[TEMPLATE_FAILED]" in ended.err
    assert "Traceback" not in ended.err
    error = process("render", note_file, "-q", "--json", cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs).error()
    assert (error["document"], error["location"]["file"], error["location"]["line"]) == ("note.txt", "note.txt", 2)
    assert not (tmp_path / "out" / "note").exists(), "a failed run leaves nothing"


@pytest.mark.slow
def test_an_older_result_is_kept_when_the_new_run_fails(tmp_path: Path, note_file: Path, packs: str) -> None:
    assert process("render", note_file, cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs).code == 0
    (Path(packs) / "note" / "note.txt").write_text("{{ data.nmae }}")
    assert process("render", note_file, cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs).code == 1
    assert files(tmp_path / "out" / "note") == ["manifest.json", "note.txt"]


@pytest.mark.parametrize("ulimit", ["-n 20", "-v 900000"])
def test_render_processes_that_cannot_start_name_the_limits_and_are_tried_twice(tmp_path: Path, ulimit: str) -> None:
    """It spoke of something that kills processes, after five attempts with 75 seconds between them."""
    ended = process("render", INVOICE, cwd=tmp_path, ulimit=ulimit)
    assert ended.code == 1
    assert "no render process could start" in ended.err
    assert "ulimit -n" in ended.err
    assert "DOCUGEN_RENDER_MEMORY_MB" in ended.err
    assert ended.err.count("there will be another one") == 1


def test_a_user_who_set_the_attempts_gets_them(tmp_path: Path) -> None:
    settings = {"DOCUGEN_QUEUE_MAX_ATTEMPTS": "3", "DOCUGEN_QUEUE_BACKOFF_MS": "1"}
    ended = process("render", INVOICE, cwd=tmp_path, ulimit="-n 20", **settings)
    assert ended.err.count("there will be another one") == 2


@pytest.mark.parametrize("ulimit", ["-f 16", "-f 200"], ids=["at the start", "later"])
def test_a_full_disk_is_called_that(tmp_path: Path, ulimit: str) -> None:
    """It said that the run ledger cannot be used, or where "the store" is full: things the user has never heard of."""
    bundle = INVOICE.with_name("quarterly-account-pack.json")
    error = process("render", bundle, "--json", "--quiet", cwd=tmp_path, ulimit=ulimit).error()
    assert (error["reason"], error["message"]) == ("STORE_FULL", f"{tmp_path / 'out'}: the disk is full")
    assert "--out" in error["hint"]
