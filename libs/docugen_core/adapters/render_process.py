"""The service's handles on its fork server and render processes: start, fork, kill, hand over a task, read the answer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docugen_core.adapters.render_launch import (
    ANSWER_HEAD,
    OUT_OF_MEMORY,
    TAKEN,
    TASK_HEAD,
    ChildLimits,
    LaunchedServer,
)
from docugen_core.errors import RenderInterrupted

HEAD_MAX = 1 << 20
MESSAGE_MAX = 4_096


class ForkServer:
    """One fork server and the news of its render processes. Make it inside a running event loop."""

    def __init__(self, launched: LaunchedServer, on_exit: Callable[[int], None]) -> None:
        """Takes `launched` over: from now on it ends with `stop` or `reap`. on_exit: told each pid that ended."""
        self._loop = asyncio.get_running_loop()
        self._launched = launched
        self._control = launched.control
        self._on_exit = on_exit
        self._starting: deque[asyncio.Future[int]] = deque()
        self._exits: dict[int, asyncio.Future[tuple[int, bool]]] = {}
        self._problem = _Problem("its fork server ended")
        self.alive = True
        self._loop.add_reader(self._control.fileno(), self._hear)

    @property
    def limits(self) -> ChildLimits:
        return self._launched.limits

    def fork(self) -> RenderProcess:
        """A new render process. It is on its way when this returns; await `RenderProcess.started`."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        started: asyncio.Future[int] = self._loop.create_future()
        self._starting.append(started)
        with theirs:
            try:
                socket.send_fds(self._control, [b"F"], [theirs.fileno()])
            except OSError:
                self._gone()
        return RenderProcess(self, ours, started)

    def kill(self, pid: int) -> None:
        """SIGKILL, unless it ended already."""
        if not self.alive:
            return
        try:
            self._control.send(b"K%d" % pid)
        except OSError:
            self._gone()

    async def exit_status(self, pid: int) -> tuple[int, bool]:
        """The wait status of a process that ended or is about to, and whether it said that memory was the reason."""
        return await self._exits[pid]

    def forget(self, pid: int) -> None:
        self._exits.pop(pid, None)

    def reap(self) -> None:
        """Take leave of a server that is not alive any more."""
        self._gone()
        self._launched.end()

    async def stop(self) -> None:
        """End the server and with it every render process, and wait for its end."""
        self._gone()
        await asyncio.to_thread(self._launched.end)

    def _hear(self) -> None:
        try:
            message = self._control.recv(MESSAGE_MAX)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        kind, text = message[:1], message[1:]
        if kind == b"S":
            pid = int(text)
            self._exits[pid] = self._loop.create_future()
            started = self._starting.popleft()
            if not started.done():
                started.set_result(pid)
        elif kind == b"X":
            pid, status, of_memory = (int(part) for part in text.split())
            if pid in self._exits and not self._exits[pid].done():
                self._exits[pid].set_result((status, bool(of_memory)))
            self._on_exit(pid)
        elif kind == b"E":
            self._problem = _Problem.told(text)
        else:
            self._gone()

    def _gone(self) -> None:
        if not self.alive:
            return
        self.alive = False
        self._problem = self._last_words() or self._problem
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        for started in self._starting:
            if not started.done():
                started.set_exception(ServerGone(self._problem.words, self._problem.code))
                started.exception()  # nobody may be waiting for this one
        for ended in self._exits.values():
            if not ended.done():
                ended.set_result((signal.SIGKILL, False))

    def _last_words(self) -> _Problem | None:
        """Why it could not start, where it said so before it ended and nobody has listened yet."""
        with suppress(OSError):
            while message := self._control.recv(MESSAGE_MAX):
                if message.startswith(b"E"):
                    return _Problem.told(message[1:])
        return None


class ServerGone(Exception):
    """The fork server is not there (any more). code: of the error that kept it from starting; empty where there was none."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why a fork server is not there."""

    words: str
    code: str = ""

    @classmethod
    def told(cls, message: bytes) -> _Problem:
        """What the server said of itself: `CODE words`."""
        code, _, words = message.decode(errors="replace").partition(" ")
        return cls(words, code)


class NotTaken(Exception):
    """The process ended before it took the task: another one may do it. end: how it ended."""

    def __init__(self, end: ProcessEnd) -> None:
        super().__init__(end.words)
        self.end = end


def out_of_memory(limits: ChildLimits) -> RenderInterrupted:
    """For a document that needs more memory than its process may have."""
    return RenderInterrupted(
        f"the document needs more than the {limits.memory_mb} MiB of memory that its render process may have",
        code=OUT_OF_MEMORY,
        hint="Ask for less in one document, or raise DOCUGEN_RENDER_MEMORY_MB. A template may also double a text endlessly.",
        details={"limit_mb": str(limits.memory_mb)},
    )


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """words: after "the render process ...". details: its `signal` (a name) or its `exit_code`. of_memory: it said so."""

    words: str
    details: dict[str, str]
    of_memory: bool = False

    @classmethod
    def of_status(cls, status: int, of_memory: bool = False) -> ProcessEnd:
        """From a wait status."""
        if not os.WIFSIGNALED(status):
            code = os.waitstatus_to_exitcode(status)
            return cls(f"exited with code {code}", {"exit_code": str(code)}, of_memory)
        number = os.WTERMSIG(status)
        known = {member.value: member.name for member in signal.Signals}
        name = known.get(number, f"signal {number}")
        return cls(f"was ended by {name}", {"signal": name}, of_memory)


class RenderProcess:
    """One render process, doing one task at a time."""

    def __init__(self, server: ForkServer, connection: socket.socket, started: asyncio.Future[int]) -> None:
        self._server = server
        self._connection = connection
        self._started = started
        self.documents = 0
        self.resident_bytes = 0

    @property
    def pid(self) -> int:
        """0 until it is started."""
        done = self._started.done() and not self._started.cancelled() and self._started.exception() is None
        return self._started.result() if done else 0

    def alive(self) -> bool:
        """Whether its connection stands: the probe of an end that has not been reported yet."""
        if not self._server.alive or self._connection.fileno() < 0:
            return False
        try:
            return bool(self._connection.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def started(self) -> None:
        """Raises ServerGone when it never will be."""
        await asyncio.shield(self._started)

    async def render(self, payload: bytes, data_max: int) -> tuple[dict[str, Any], bytes]:
        """Hand over a pickled task and return the answer's head and document.

        Raises NotTaken when the process was dead already, EOFError or OSError when it dies over the task.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._connection, TASK_HEAD.pack(len(payload)) + payload)
            await self._read(len(TAKEN))
        except (EOFError, OSError):
            raise NotTaken(await self._end()) from None
        head_size, data_size = ANSWER_HEAD.unpack(await self._read(ANSWER_HEAD.size))
        if head_size > HEAD_MAX or data_size > data_max:
            raise EOFError("it answered with more than it may")
        head: dict[str, Any] = json.loads(await self._read(head_size))
        data = await self._read(data_size)
        self.documents += 1
        self.resident_bytes = int(head["rss"])
        return head, data

    async def died(self) -> RenderInterrupted:
        """What happened to a process whose connection ended."""
        end = await self._end()
        if end.of_memory:
            return out_of_memory(self._server.limits)
        hint = "If the document is large it may need more memory: raise DOCUGEN_RENDER_MEMORY_MB."
        return RenderInterrupted(f"the render process {end.words}", hint=hint, details=end.details)

    def kill(self) -> None:
        """End it now, whatever it does. Idempotent."""
        self._connection.close()
        self._started.add_done_callback(self._kill_started)

    async def _end(self) -> ProcessEnd:
        # Harmless to one that is ending already, its status is set; and it ends one that only closed its connection.
        self._server.kill(self.pid)
        return ProcessEnd.of_status(*await self._server.exit_status(self.pid))

    def _kill_started(self, started: asyncio.Future[int]) -> None:
        if not started.cancelled() and started.exception() is None:
            self._server.kill(started.result())
            self._server.forget(started.result())

    async def _read(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        buffer = bytearray(size)
        view, filled = memoryview(buffer), 0
        while filled < size:
            received = await loop.sock_recv_into(self._connection, view[filled:])
            if not received:
                raise EOFError("its connection ended")
            filled += received
        return bytes(buffer)
