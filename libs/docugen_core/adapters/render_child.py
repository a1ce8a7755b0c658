"""The life of one render process: read a task, render it, answer, until the other end closes.

    task    8 bytes length (big-endian), then a pickled Task                     from the service, which is trusted
    taken   1 byte: the task has arrived; before it, a dying process has not touched the task
    answer  4 bytes head length, 8 bytes data length, head (JSON), document      to the service, which trusts nothing here

The answer is plain data, never a pickle: a template that broke out of its engine must not be able to run code in the service,
and a panic of a native engine cannot be pickled anyway. A panic (a BaseException) poisons the engine for good: it is
reported, then the process exits. So does one that ran out of memory.

Imported by the fork server only, never by a service's own process; nothing in here may import grpc or the pool.
"""

from __future__ import annotations

import json
import pickle
import resource
import socket
from pathlib import Path
from typing import Any

from docugen_core.adapters.render_launch import (
    ANSWER_HEAD,
    OPEN_FILES_MAX,
    OUT_OF_MEMORY,
    TAKEN,
    TASK_HEAD,
    ChildLimits,
)
from docugen_core.domain.failure import Failure
from docugen_core.errors import DocugenError, RenderInterrupted
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import Rendering, Task

_MEMORY_SIGNS = (
    b"memory allocation of",
    b"std::bad_alloc",
    b"MemoryError",
    b"capacity overflow",
    b"out of memory",
    b"PyObject pointer is null",  # what the Rust side says when Python cannot make an object
)

CPU_SPARE_S = 5
ONE_PIECE_MAX = 1 << 20
_MIB = 1 << 20


def serve(connection: socket.socket, limits: ChildLimits) -> None:
    """Answer tasks until the connection ends or the process should not render again."""
    _confine(limits)
    while (payload := _read_task(connection)) is not None:
        connection.sendall(TAKEN)
        _arm_cpu_fuse(limits)
        head, data, sound = answer(payload)
        encoded = json.dumps(head).encode()
        _send(connection, ANSWER_HEAD.pack(len(encoded), len(data)) + encoded, data)
        if not sound:
            return


def answer(payload: bytes) -> tuple[dict[str, Any], bytes, bool]:
    """Head and document for a task, and whether this process may render another one.

    What needs memory that there is not is answered as RENDER_OUT_OF_MEMORY by whoever knows the bound: see `render_process`.
    """
    sound = True
    rendering = Rendering(b"")
    failure: Failure | None = None
    try:
        task: Task = pickle.loads(payload)  # noqa: S301 - from our own service, over a private socket
        rendering = render(task)
    except DocugenError as error:
        failure = error.failure()
    except MemoryError:
        sound, failure = False, _interrupted("the render process ran out of memory", OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - everything must be answered; its text may hold the document's data
        failure = Failure(
            code="INTERNAL",
            message=f"the renderer failed with {type(error).__name__}",
            hint="This is a defect of DocuGen; render the document with `docugen render` to find it.",
        )
    except BaseException as error:  # noqa: BLE001 - a panic of a native engine; it is poisoned from now on
        code = OUT_OF_MEMORY if tells_of_memory(repr(error).encode()) else RenderInterrupted.code
        sound, failure = False, _interrupted(f"the rendering engine failed with {type(error).__name__}", code)
    head = {"pages": rendering.pages, "rss": _resident_bytes(), "failure": failure and failure.to_json()}
    return head, rendering.data, sound


def tells_of_memory(words: bytes) -> bool:
    """Whether a panic or the last words of a dying process are about memory: those of Rust, C++ and Python."""
    return any(sign in words for sign in _MEMORY_SIGNS)


def _interrupted(message: str, code: str) -> Failure:
    hint = "Raise DOCUGEN_RENDER_MEMORY_MB if the document is large; otherwise report a defect with its template."
    return RenderInterrupted(message, hint=hint, code=code).failure()


def _send(connection: socket.socket, head: bytes, data: bytes) -> None:
    """In one piece where that is small, so that the service wakes once."""
    if len(data) <= ONE_PIECE_MAX:
        connection.sendall(head + data)
    else:
        connection.sendall(head)
        connection.sendall(data)


def _read_task(connection: socket.socket) -> bytes | None:
    head = _read(connection, TASK_HEAD.size)
    return None if head is None else _read(connection, TASK_HEAD.unpack(head)[0])


def _read(connection: socket.socket, size: int) -> bytes | None:
    """Exactly `size` bytes, or None when the other end closed."""
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        received = connection.recv_into(view[filled:])
        if not received:
            return None
        filled += received
    return bytes(buffer)


def _confine(limits: ChildLimits) -> None:
    """No core dumps (they hold documents), no file may be written, few may be open, memory has an end."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES_MAX, OPEN_FILES_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_mb * _MIB, limits.memory_mb * _MIB))


def _arm_cpu_fuse(limits: ChildLimits) -> None:
    """Allow this document its deadline in CPU time: an orphan that hangs ends by SIGXCPU."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(usage.ru_utime + usage.ru_stime) + limits.timeout_ms // 1000 + CPU_SPARE_S
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed if hard == resource.RLIM_INFINITY else min(allowed, hard), hard))


def _resident_bytes() -> int:
    """Present resident memory; the peak would recycle a process for memory it has given back."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()
