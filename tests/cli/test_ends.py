"""How a command ends for the shell: interrupted, cut off by its reader, or told nonsense."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import DOCUGEN, INVOICE, Ended, environment
from worker_world import bundle, write_pack


@pytest.fixture
def endless(tmp_path: Path) -> dict[str, str]:
    """Settings under which `endless.json` in tmp_path renders for ever, once its first document is there."""
    write_pack(tmp_path / "packs")
    quick, slow = bundle("note"), bundle("hang")
    (tmp_path / "endless.json").write_text(json.dumps(quick | {"documents": quick["documents"] + slow["documents"]}))
    return {
        "DOCUGEN_TEMPLATE_PATH": str(tmp_path / "packs"),
        "DOCUGEN_RENDER_TIMEOUT_MS": "600000",
        "DOCUGEN_RENDER_PROCESSES": "2",
    }


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_without_a_traceback(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [DOCUGEN, "validate", "-"],
        cwd=tmp_path,
        env=environment() | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdin is not None
        command.stdin.write(b'{"documents": ' + b" " * 200_000)  # more than a pipe holds: it is reading now
        command.stdin.flush()
        command.send_signal(number)
        out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err.strip()) == (code, b"", b"")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_while_rendering_leaves_nothing_behind(
    tmp_path: Path, endless: dict[str, str], number: signal.Signals, code: int
) -> None:
    """SIGTERM, as a build server or `timeout` sends it, left a hidden `.docugen-*` folder beside the output."""
    with subprocess.Popen(
        [DOCUGEN, "render", "endless.json"],
        cwd=tmp_path,
        env=environment() | endless,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stderr is not None
        assert command.stderr.readline().startswith(b"rendered"), "the first of two documents"
        command.send_signal(number)
        out, err = command.communicate(timeout=60)
    assert (command.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_command_in_the_background_of_a_script_is_ended_by_sigterm(tmp_path: Path, endless: dict[str, str]) -> None:
    """A shell without job control starts it with SIGINT ignored: SIGTERM, passed on as SIGINT, was lost."""
    script = f'"{DOCUGEN}" render endless.json & echo $!; wait $!; echo "ended with $?"'
    with subprocess.Popen(
        ["sh", "-c", script],
        cwd=tmp_path,
        env=environment() | endless,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        assert shell.stderr is not None
        process_id = int(shell.stdout.readline())
        assert shell.stderr.readline().startswith("rendered"), "the first of two documents"
        os.kill(process_id, signal.SIGTERM)
        out, err = shell.communicate(timeout=60)
    assert out == "ended with 143\n"
    assert "Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [DOCUGEN, "config"], cwd=tmp_path, env=environment(), stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["frob"], "USAGE"),
        (["render"], "USAGE"),
        (["render", "nowhere.json"], "BUNDLE_NOT_FOUND"),
        (["render", "."], "BUNDLE_NOT_READABLE"),
        (["submit", "note.json", "--label", "team"], "USAGE"),
        (["runs", "ls", "--limit", "0"], "USAGE"),
        (["runs", "show"], "USAGE"),
        (["verify", "run", "--local", "--server", "127.0.0.1:1"], "USAGE"),
        (["templates", "show", "nope"], "TEMPLATE_NOT_FOUND"),
        (["templates", "show", "invoice/nope"], "TEMPLATE_NOT_FOUND"),
        (["templates", "show", "invoice@9.9.9"], "TEMPLATE_NOT_FOUND"),
        (["templates", "show", "a/b/c"], "INVALID_INPUT"),
    ],
)
def test_wrong_usage_and_input_end_with_2_and_a_remedy(
    docugen: Callable[..., Ended], note_file: Path, arguments: list[str], reason: str
) -> None:
    assert note_file.exists()
    ended = docugen(*arguments, "--json")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.error()["reason"] == reason
    assert ended.error()["hint"]
    text = docugen(*arguments)
    assert text.code == 2
    assert text.err.startswith("error: ")
    assert "\nhint: " in text.err


def test_a_server_that_does_not_answer_is_a_failure_and_not_wrong_input(docugen: Callable[..., Ended]) -> None:
    ended = docugen("runs", "ls", "--server", "127.0.0.1:1", "--json")
    assert ended.code == 1
    assert ended.error()["reason"] == "UNAVAILABLE"
    assert "docugen serve" in ended.error()["hint"]


@pytest.mark.parametrize("command", [["render", "-"], ["validate", "-"], ["submit", "-"], ["config"], ["serve"]])
def test_a_misspelt_setting_is_refused_by_every_command_that_reads_settings(
    docugen: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("DOCUGEN_STORE_ULR", "file:///srv")
    ended = docugen(*command, "--json")
    assert ended.code == 2
    assert ended.error()["reason"] == "INVALID_CONFIGURATION"
    assert "did you mean DOCUGEN_STORE_URL?" in ended.error()["message"]


@pytest.mark.parametrize("group", [(), ("runs",), ("templates",)])
def test_a_group_without_a_command_shows_its_help_and_no_error(
    docugen: Callable[..., Ended], group: tuple[str, ...]
) -> None:
    ended = docugen(*group)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"Usage: {' '.join(('docugen', *group))} ")
    assert "[USAGE]" not in ended.err


def test_a_file_in_the_place_of_the_folder_is_refused_before_anything_renders(
    docugen: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("mine")
    ended = docugen("render", INVOICE, "--out", "taken")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: taken: is no folder")
    assert (tmp_path / "taken").read_text() == "mine"
