"""What becomes of a command whose standard streams are closed, full, or no longer read."""

from __future__ import annotations

import subprocess

import pytest
from cli_process import DOCUGEN, environment


def ended(redirected: str) -> tuple[int, str]:
    """Exit code and stderr of a shell that runs `docugen` with `redirected` arguments. Output is buffered, as in a pipe."""
    own = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
    command = ["bash", "-o", "pipefail", "-c", f"{DOCUGEN} {redirected}"]
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stderr


@pytest.mark.parametrize("redirected", ["--help >&-", "version 2>&- >/dev/null", "version >/dev/null"])
def test_a_stream_that_is_not_there_is_no_failure(redirected: str) -> None:
    assert ended(redirected) == (0, "")


def test_a_full_disk_is_told_and_no_success() -> None:
    code, said = ended("version >/dev/full")

    assert code == 1
    assert "the output cannot be written: No space left on device [OUTPUT_NOT_WRITABLE]" in said
    assert "Traceback" not in said


def test_a_reader_that_went_away_ends_the_command_without_a_word() -> None:
    assert ended("config --json | true") in ((141, ""), (0, ""))
