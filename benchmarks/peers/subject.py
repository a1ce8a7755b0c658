"""A program under measurement: started, told lines, asked for answers, stopped, woken and killed, by its own process id."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.catalogue import HOMES, PROGRAMS, Peer
from benchmarks.stage import ROOT

ANSWER_S = 60.0


class PeerFailed(Exception):
    """It said something else than was asked for, or nothing in time. The others go on without it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whoever takes part: a peer, or DocuGen itself. slots: its concurrency when jobs do nothing."""

    name: str
    label: str
    slots: int
    peer: Peer | None = None
    mode: str = "noop"
    """What its worker is told for jobs that do nothing."""

    def program(self, *arguments: str | int) -> Program:
        if self.peer is not None:
            return Program(self.name, self.peer.command(*arguments), self.peer.home)
        command = [sys.executable, str(PROGRAMS / "docugen_peer.py"), *(str(argument) for argument in arguments)]
        return Program(self.name, command, ROOT)


DOCUGEN = Subject("docugen", "DocuGen", 128)
DOCUGEN_LOOP = Subject("docugen-loop", "DocuGen, bare loops", 128, mode="loop")


class Program:
    """Use as `async with`: inside, it has said `ready`."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self._name, self._command, self._folder = name, command, folder
        self._log = HOMES / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Program:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        pipe = asyncio.subprocess.PIPE
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=self._folder, stdin=pipe, stdout=pipe, stderr=log, start_new_session=True
            )
        try:
            await self.line("ready")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.signal(signal.SIGKILL)
        await self._running.wait()

    @property
    def running(self) -> bool:
        return self._running.returncode is None

    def go(self) -> None:
        self._write("go")

    def signal(self, number: signal.Signals) -> None:
        """To it and to the processes it started; they are a session of their own."""
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, number)

    async def ask(self, question: str, word: str) -> list[str]:
        """The rest of the answer, which begins with `word`."""
        self._write(question)
        return await self.line(word)

    async def line(self, word: str, within_s: float = ANSWER_S) -> list[str]:
        """The rest of its next line, which begins with `word`. Raises PeerFailed."""
        assert self._running.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                line = (await self._running.stdout.readline()).decode().split()
        except TimeoutError:
            raise PeerFailed(f"no {word!r} within {within_s:.0f} s") from None
        if line[:1] != [word]:
            raise PeerFailed(f"said {' '.join(line)!r}, not {word!r}; see {self._log.relative_to(ROOT)}")
        return line[1:]

    def _write(self, line: str) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(f"{line}\n".encode())

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process
