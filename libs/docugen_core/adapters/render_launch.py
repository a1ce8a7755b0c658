"""Starts fork servers, and what both sides of one have to agree on.

Imports next to nothing: a command starts its fork server first, and imports everything else while that one does the same.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from docugen_core.config import Settings
from docugen_core.errors import RenderInterrupted
from docugen_core.rendering.typst_library import library_digest

TASK_HEAD = struct.Struct(">Q")
TAKEN = b"\x06"
ANSWER_HEAD = struct.Struct(">IQ")
OUT_OF_MEMORY = "RENDER_OUT_OF_MEMORY"
OPEN_FILES_MAX = 64

CLOSED_TIME_ZONE = "NODATE12"
"""POSIX for "twelve hours west of UTC". Why: `docugen_core.rendering.pdf`, `timestamp`. Nothing else reads local time."""

ENVIRONMENT = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONHASHSEED": "0",
    "RAYON_NUM_THREADS": "1",
    "TZ": CLOSED_TIME_ZONE,
}
"""All a render process sees of the environment, besides PYTHONPATH: no setting, no secret, nothing of the machine."""

_PROGRAM = "from docugen_core.adapters.render_forkserver import main; main()"


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """memory_mb: address space. timeout_ms: the pool's deadline; CPU time beyond it ends a process the pool cannot reach."""

    memory_mb: int
    timeout_ms: int

    @classmethod
    def of(cls, settings: Settings) -> ChildLimits:
        return cls(settings.render_memory_mb, settings.render_timeout_ms)


class LaunchedServer:
    """A fork server that is on its way. control: requests wait in it until the server is ready.

    As a context manager it ends the server, whoever uses it by then.
    """

    def __init__(self, limits: ChildLimits) -> None:
        """Starts the server and returns at once. Raises RenderInterrupted where this machine cannot start another process."""
        self.limits = limits
        library = library_digest()
        try:
            with ExitStack() as stack:
                self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                stack.push(self.control)
                with theirs:
                    self._process = _started(theirs.fileno(), limits, library)
                stack.pop_all()
        except OSError as error:
            hint = "The machine may be out of processes, memory or file descriptors."
            raise RenderInterrupted(f"the fork server could not be started: {error.strerror}", hint=hint) from None
        self.control.setblocking(False)

    def __enter__(self) -> LaunchedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self.end()

    def end(self) -> None:
        """Kill the server, and with it every render process, and wait for its end. Blocks, for a moment. Idempotent.

        It has nothing to put away, and might be busy importing; the kernel ends what it forked.
        """
        self._process.kill()
        self._process.wait()


def _started(theirs: int, limits: ChildLimits, library: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry)
    return subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-S", "-s", "-P", "-c", _PROGRAM, str(theirs), json.dumps(asdict(limits)), library],
        env=ENVIRONMENT | {"PYTHONPATH": path},
        pass_fds=[theirs],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
