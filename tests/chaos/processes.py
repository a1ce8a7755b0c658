"""Services as processes that are killed, stopped and replaced: `python -m docugen_worker`, `python -m docugen_scheduler`.

A place (`Service`) outlives its processes, as a pod outlives its containers. Its log lines are handed on as they come; that is
how a storm knows which step a worker is at. `adopt_orphans` makes whatever a killed service leaves behind a child of this
process, so that `descendants` misses none.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

START_S = 60.0
END_S = 40.0
LINE_BYTES = 1 << 20
PR_SET_CHILD_SUBREAPER = 36

Line = Mapping[str, Any]


class Service:
    """One place of a service. hear: gets every log line, as soon as it is read. settings: DOCUGEN_ variables."""

    def __init__(
        self, name: str, module: str, settings: Mapping[str, str], hear: Callable[[Service, Line], None]
    ) -> None:
        self.name = name
        self.started: Line = {}
        self.busy = False
        self.stray = ""
        self._module = module
        self._settings = settings
        self._hear = hear
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._last: deque[str] = deque(maxlen=40)
        self._asked = True

    @property
    def process_id(self) -> int:
        """Of the present process; 0 when there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def start(self) -> None:
        """Start a process and wait until it works; one that finds no Redis is started again, as any supervisor would."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + START_S
        while not await self._begun():
            assert loop.time() < until_s, f"{self.name} does not start:\n" + "\n".join(self._last)
            await asyncio.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL, now."""
        self._asked = True
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    async def gone(self) -> None:
        """Return once the process has ended and its last line is heard."""
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def end(self) -> int:
        """SIGTERM; the exit code. -9 for one that had to be killed."""
        if self._process is None:
            return 0
        self._asked = True
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_S):
                await self.gone()
        except TimeoutError:
            self.kill()
            await self.gone()
        return self._process.returncode or 0

    async def _begun(self) -> bool:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._module),
            env=_environment(self._settings),
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_BYTES,
            start_new_session=True,
        )
        self._process, self._asked = process, False
        self._reading = asyncio.create_task(self._read(process))
        assert process.stdout is not None
        said = await process.stdout.readline()
        if not said:
            self._asked = True  # it says on standard error why
            await self.gone()
            return False
        self.started = json.loads(said)
        return True

    async def _read(self, process: Process) -> None:
        assert process.stderr is not None
        async for raw in process.stderr:
            text = raw.decode(errors="replace").rstrip()
            self._last.append(text)
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict):
                    self._hear(self, line)
        code = await process.wait()
        if not self._asked:
            self.stray = f"{self.name} ended by itself with {code}:\n" + "\n".join(self._last)

    def _signal(self, number: signal.Signals) -> None:
        if self.process_id:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process_id, number)


def adopt_orphans() -> None:
    """Processes whose parent dies become children of this one from now on (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> dict[int, str]:
    """Every living process below this one: its id and its name. Adopted ones that have ended are buried on the way."""
    found: dict[int, str] = {}
    parents: dict[int, list[tuple[int, str, str]]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name, _, rest = (entry / "stat").read_text().rpartition(") ")
                state, parent = rest.split()[:2]
                parents.setdefault(int(parent), []).append((int(entry.name), state, name.partition("(")[2]))
    waiting = [os.getpid()]
    while waiting:
        for pid, state, name in parents.get(waiting.pop(), []):
            if state == "Z":
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            else:
                found[pid] = name
                waiting.append(pid)
    return found


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DOCUGEN_")}  # noqa: TID251 - for the child
    return inherited | dict(settings)
