"""The life of a template pack as its author meets it: `docugen templates new`, `preview`, `lint`, `test`, as processes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import DOCUGEN, Ended, environment, process
from docugen_core.rendering.pack_loader import load_pack

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def new(folder: Path, kind: str = "web") -> Path:
    ended = process("templates", "new", "our-notes", "--kind", kind, "--out", "packs", cwd=folder)
    assert ended.code == 0, ended.err
    return folder / "packs" / "our-notes"


def replace(path: Path, old: str, new_text: str) -> None:
    """In one step, as editors save: whoever watches the folder never sees half a file."""
    text = path.read_text()
    assert old in text
    whole = path.with_name(f".{path.name}.new")
    whole.write_text(text.replace(old, new_text))
    whole.replace(path)


@pytest.mark.slow
def test_a_new_pack_renders_at_once_and_through_a_bundle_too(tmp_path: Path) -> None:
    pack = new(tmp_path, "letter")
    shown = process("templates", "preview", pack, "--json", "--ppi", "72", cwd=tmp_path)
    assert shown.code == 0, shown.err
    document = shown.json()
    assert document["pack"] == "our-notes@0.1.0"
    assert [(file["format"], file["page"]) for file in document["files"]] == [("pdf", 1)]
    image = tmp_path / "out" / "preview" / "our-notes" / "letter-1.png"
    assert image.read_bytes().startswith(PNG_MAGIC)
    assert int.from_bytes(image.read_bytes()[16:20], "big") == pytest.approx(595, abs=1), "A4 at 72 pixels an inch"

    data = json.loads((pack / "letter.sample.json").read_text())
    bundle = {"data": data, "documents": [{"name": "a.pdf", "format": "pdf", "template": "our-notes/letter"}]}
    rendered = process("render", "-", cwd=tmp_path, stdin=json.dumps(bundle), DOCUGEN_TEMPLATE_PATH="packs")
    assert rendered.code == 0, rendered.err


def test_new_overwrites_nothing_and_refuses_names_no_pack_may_have(
    docugen: Callable[..., Ended], tmp_path: Path
) -> None:
    made = docugen("templates", "new", "our-notes", "--json")
    assert made.json()["path"] == "our-notes"
    assert "letter.typ" in made.json()["files"]
    (tmp_path / "our-notes" / "letter.typ").write_text("mine")
    again = docugen("templates", "new", "our-notes", "--json")
    assert (again.code, again.error()["reason"]) == (2, "EXISTS")
    assert (tmp_path / "our-notes" / "letter.typ").read_text() == "mine"
    for name in ("Our-Notes", "x", "../elsewhere"):
        refused = docugen("templates", "new", name, "--json")
        assert (refused.code, refused.error()["violations"][0]["path"]) == (2, "name")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["our-notes"]


@pytest.mark.slow
def test_lint_prints_a_finding_a_line_and_only_errors_end_with_1(tmp_path: Path) -> None:
    pack = new(tmp_path)
    fine = process("templates", "lint", "packs", cwd=tmp_path)
    assert (fine.code, fine.out) == (0, "nothing to complain of\n")
    (pack / "notes.txt").touch()
    warned = process("templates", "lint", pack, cwd=tmp_path)
    assert warned.code == 0
    assert warned.out.startswith(f"{pack}/notes.txt: file-unused: nothing refers to this file (")
    assert warned.err == "1 pack: 0 errors, 1 warning\n"
    replace(pack / "notice.md", "data.title", "data.titel")
    failed = process("templates", "lint", pack, "--json", cwd=tmp_path)
    assert failed.code == 1
    [report] = failed.json()["packs"]
    assert (report["errors"], report["warnings"]) == (2, 1)
    assert {finding["code"] for finding in report["findings"]} == {"data-unknown", "template-fails", "file-unused"}
    assert report["findings"][0].keys() == {"file", "line", "code", "severity", "message", "hint"}


@pytest.mark.slow
def test_recorded_documents_are_the_same_until_an_input_changes_and_it_is_named(tmp_path: Path) -> None:
    pack = new(tmp_path, "table")
    unrecorded = process("templates", "test", pack, cwd=tmp_path)
    assert unrecorded.code == 1
    assert "new      list/sample/en.csv" in unrecorded.out
    assert process("templates", "test", pack, "--update", cwd=tmp_path).code == 0
    digest = load_pack(pack).digest
    same = process("templates", "test", pack, cwd=tmp_path)
    assert (same.code, same.out, same.err) == (0, "our-notes@0.1.0\n", "6 cases, 6 the same, 0 not\n")

    replace(pack / "labels" / "fr.toml", "Quantité", "Nombre")
    other = process("templates", "test", pack, "--json", "--images", "differs", cwd=tmp_path)
    assert other.code == 1
    differing = {case["case"]: case for case in other.json()["cases"] if case["status"] == "differs"}
    assert sorted(differing) == [f"list/sample/fr.{suffix}" for suffix in ("csv", "pdf", "xlsx")]
    assert all(case["causes"] == ["template: labels/fr.toml"] for case in differing.values())
    assert differing["list/sample/fr.pdf"]["images"] == ["differs/list-sample-fr-1.png"]
    assert (tmp_path / "differs" / "list-sample-fr-1.png").read_bytes().startswith(PNG_MAGIC)

    replace(pack / "labels" / "fr.toml", "Nombre", "Quantité")
    assert load_pack(pack).digest == digest, "what is recorded is no part of the pack"


@pytest.mark.slow
def test_data_of_ones_own_is_checked_like_a_requests(docugen: Callable[..., Ended], tmp_path: Path) -> None:
    pack = new(tmp_path)
    mine = tmp_path / "mine.json"
    mine.write_text('{"title": 7, "issued": "2026-03-09", "paragraphs": ["x"]}')
    wrong = process("templates", "preview", pack, "--template", "notice", "--data", mine, "--json", cwd=tmp_path)
    assert (wrong.code, [v["path"] for v in wrong.error()["violations"]]) == (2, ["title"])
    mine.write_text('{"title": "A title of mine", "issued": "2026-03-09", "paragraphs": ["x"]}')
    arguments = ("--template", "notice", "--data", mine, "--locale", "fr-FR", "--out", "shown")
    right = process("templates", "preview", pack, *arguments, cwd=tmp_path)
    assert right.code == 0, right.err
    assert "Publié le 9 mars 2026" in (tmp_path / "shown" / "notice.txt").read_text()
    for unusable in (("--data", mine), ("--locale", "xx-XX"), ("--watch", "--json")):
        assert docugen("templates", "preview", pack, *unusable).code == 2


@pytest.mark.slow
def test_watching_goes_on_after_a_mistake_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    pack = new(tmp_path)
    with subprocess.Popen(
        [DOCUGEN, "templates", "preview", pack, "--watch"],
        cwd=tmp_path,
        env=environment() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as watching:
        assert watching.stdout is not None

        def until_it_waits() -> str:
            lines = []
            for line in watching.stdout or ():
                if line.startswith("watching "):
                    break
                lines.append(line)
            return "".join(lines)

        assert "notice.html" in until_it_waits()
        replace(pack / "notice.txt", "data.title", "data.titel")
        assert "`data.titel` is undefined" in until_it_waits()
        replace(pack / "notice.txt", "data.titel", "data.title | upper")
        assert "notice.txt" in until_it_waits()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 130
    shown = tmp_path / "out" / "preview" / "our-notes" / "notice.txt"
    assert "THE READING ROOM CLOSES EARLY" in shown.read_text()


def test_a_folder_that_is_no_pack_is_named(docugen: Callable[..., Ended], tmp_path: Path) -> None:
    for command in ("lint", "preview", "test"):
        for path in (tmp_path, tmp_path / "nowhere"):
            ended = docugen("templates", command, path, "--json")
            assert (ended.code, ended.error()["reason"]) == (2, "FILE_NOT_USABLE")


def test_a_version_that_is_not_there_is_told_from_a_pack_that_is_not(docugen: Callable[..., Ended]) -> None:
    """`show invoice@9.9.9` said that there is no template pack 'invoice'."""
    error = docugen("templates", "show", "invoice@9.9.9", "--json").error()
    assert error["message"] == "no version '9.9.9' of template pack 'invoice'"
    assert "1.0.0" in error["hint"]
    assert "Did you mean 'invoice'?" in docugen("templates", "show", "invoce", "--json").error()["hint"]
