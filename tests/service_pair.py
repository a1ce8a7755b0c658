"""A scheduler in a process of its own, for tests that put workers beside it (`worker_world`)."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docugen_core.config import Settings
from worker_world import START_S, environment, logged


@dataclass(frozen=True, slots=True)
class SchedulerProcess:
    """A scheduler that answers at `address`. metrics_address: empty where it has none. log: its standard error."""

    process: Process
    address: str
    metrics_address: str
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return logged(self.log)


@asynccontextmanager
async def scheduler_process(settings: Settings, folder: Path) -> AsyncIterator[SchedulerProcess]:
    """With these settings, and this process's other environment. Killed at the end, unless it has ended."""
    log = folder / "scheduler.log"
    with log.open("ab") as stderr:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "docugen_scheduler", env=environment(settings), stdout=PIPE, stderr=stderr
        )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(START_S):
            line = await child.stdout.readline()
        assert line, f"the scheduler did not start:\n{log.read_text()}"
        started = json.loads(line)
        yield SchedulerProcess(child, started["address"], started["metrics_address"], log)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
