"""The command line as its users meet it: as a process, and, where that is quicker, by its `run` in this process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_process import DOCUGEN, NOTE, Ended, Server, broken_pack, environment
from docugen.cli import run as in_this_process
from scheduler_server import note_settings


@pytest.fixture
def docugen(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ended]:
    """`docugen(ARGUMENTS)` in this process, in an empty folder. Only for commands that start no engine: those set up logs."""
    for name in environment().keys() ^ os.environ.keys():  # noqa: TID251
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Ended:
        code = in_this_process([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture
def note_file(tmp_path: Path) -> Path:
    """A small bundle whose template is in the pack `note`."""
    path = tmp_path / "note.json"
    path.write_text(json.dumps(NOTE))
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests of this folder: they use ids of their own."""
    settings = note_settings(tmp_path_factory.mktemp("scheduler"))
    broken_pack(Path(settings.template_path))
    env = {
        "DOCUGEN_GRPC_ADDRESS": settings.grpc_address,
        "DOCUGEN_METRICS_ADDRESS": "",
        "DOCUGEN_STORE_URL": settings.store_url,
        "DOCUGEN_TEMPLATE_PATH": settings.template_path,
    }
    with subprocess.Popen(
        [DOCUGEN, "serve"],
        env=environment() | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as scheduler:
        assert scheduler.stdout is not None
        started = json.loads(scheduler.stdout.readline())
        yield Server(started["address"], settings.store_url, settings.template_path)
        scheduler.terminate()
        assert scheduler.wait(60) == 0
