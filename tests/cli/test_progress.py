"""Progress: a live bar where somebody watches, plain lines where a log does, and never a byte of it on stdout."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from cli_process import BROKEN, DOCUGEN, broken_pack, environment
from scheduler_server import note_settings


@pytest.fixture
def packs(tmp_path: Path) -> str:
    """DOCUGEN_TEMPLATE_PATH with the packs `note` and `broken`."""
    path = note_settings(tmp_path / "installed").template_path
    broken_pack(Path(path))
    return path


def on_a_terminal(*arguments: str | Path, cwd: Path, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout (a pipe) and stderr (a terminal) of `docugen ARGUMENTS`."""
    ours, theirs = pty.openpty()
    terminal = environment() | {"TERM": "xterm-256color", "COLUMNS": "100"} | env
    with subprocess.Popen(
        [DOCUGEN, *arguments], cwd=cwd, env=terminal, stdout=subprocess.PIPE, stderr=theirs
    ) as command:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
        except OSError:  # Linux says EIO when the last process has closed its side of the terminal
            pass
        finally:
            os.close(ours)
        assert command.stdout is not None
        out = command.stdout.read()
    return command.returncode, out.decode(), shown.decode()


@pytest.mark.slow
def test_a_terminal_gets_a_bar_that_is_gone_at_the_end(tmp_path: Path, note_file: Path, packs: str) -> None:
    code, out, shown = on_a_terminal("render", note_file, "--json", cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs)
    assert code == 0
    assert json.loads(out)["artefacts"][0]["name"] == "note.txt"
    assert "1/1" in shown
    assert shown.rstrip().endswith("\x1b[2K"), "the last thing is the bar being erased"


def test_no_color_gets_lines_without_escapes(tmp_path: Path, note_file: Path, packs: str) -> None:
    code, _, shown = on_a_terminal("render", note_file, cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs, NO_COLOR="1")
    assert code == 0
    assert "\x1b" not in shown
    assert shown.startswith("rendered  note.txt")


@pytest.mark.slow
def test_quiet_shows_nothing(tmp_path: Path, note_file: Path, packs: str) -> None:
    code, _, shown = on_a_terminal("render", note_file, "-q", cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs)
    assert (code, shown) == (0, "")


def test_a_failed_document_stays_on_the_terminal(tmp_path: Path, packs: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(BROKEN))
    code, _, shown = on_a_terminal("render", path, cwd=tmp_path, DOCUGEN_TEMPLATE_PATH=packs)
    assert code == 1
    assert "failed    broken.txt" in shown
    assert "[TEMPLATE_FAILED]" in shown
