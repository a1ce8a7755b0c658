"""A fork server that is started ahead of everything that will use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docugen_core.adapters.render_launch import ChildLimits, LaunchedServer
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from docugen_core.errors import RenderInterrupted
from pack_examples import PLEX, a_task

IMPORTED = """
import sys
import docugen.cli.render
from docugen_core.adapters import render_launch
late = {"asyncio", "docugen_core.assembly", "docugen_core.rendering.registry", "jsonschema_rs", "typst", "sqlite3"}
print(sorted(late & set(sys.modules)))
"""


def fork_servers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_pool_takes_over_what_was_started_ahead_and_ends_it() -> None:
    settings = Settings(render_processes=1)
    before = fork_servers_of(os.getpid())
    with LaunchedServer(ChildLimits.of(settings)) as launched:
        (own,) = set(fork_servers_of(os.getpid())) - set(before)
        async with RenderPool(settings, launched=launched) as pool:
            assert (await pool.render(a_task(PLEX + "Wren"))).pages == 1
            assert set(fork_servers_of(os.getpid())) - set(before) == {own}
        assert own not in fork_servers_of(os.getpid())


def test_what_nobody_took_over_ends_with_its_context() -> None:
    before = fork_servers_of(os.getpid())
    with LaunchedServer(ChildLimits.of(Settings())):
        (own,) = set(fork_servers_of(os.getpid())) - set(before)

    assert own not in fork_servers_of(os.getpid())


def test_a_fork_server_with_other_bounds_than_the_pools_is_refused() -> None:
    with (
        LaunchedServer(ChildLimits(memory_mb=1_024, timeout_ms=1_000)) as launched,
        pytest.raises(ValueError, match="was started ahead, but"),
    ):
        RenderPool(Settings(), launched=launched)


def test_a_machine_that_cannot_start_a_process_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(RenderInterrupted, match="the fork server could not be started: No such file or directory"):
        LaunchedServer(ChildLimits.of(Settings()))


def test_the_command_starts_its_fork_server_before_it_imports_the_rest() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
