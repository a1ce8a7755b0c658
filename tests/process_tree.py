"""The processes below one of ours, and a way to hold them, so that what they work on does not end before a test is ready."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis_servers import wait_until


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, zombies aside, parents first."""
    parents = _parents()
    found: list[int] = []
    layer = {pid}
    while layer:
        layer = {child for child, parent in parents.items() if parent in layer}
        found += layer
    return found


def children(pid: int) -> list[int]:
    """Those directly below `pid`, zombies aside."""
    return [child for child, parent in _parents().items() if parent == pid]


def alive(pids: list[int]) -> list[int]:
    """Those that run or stand still, and are no zombies."""
    return [pid for pid in pids if _state(pid) not in ("", "Z")]


@contextmanager
def standing_still(pid: int) -> Iterator[list[int]]:
    """All processes below `pid`, stopped: with SIGSTOP, until the end of the context. None of them starts another meanwhile.

    A worker whose render processes stand still takes a job and does not finish it, however long a test takes to go on.
    """
    stopped: list[int] = []
    try:
        while below := [child for child in descendants(pid) if child not in stopped]:
            stopped += below
            _stop(below)
        yield stopped
    finally:
        for child in stopped:
            _signal(child, signal.SIGCONT)


@contextmanager
def without_new_ones(pid: int) -> Iterator[None]:
    """Those directly below `pid`, stopped in the same way, while those below them go on: nobody starts another.

    A worker whose fork server stands still renders with the processes that it has. Once these are due to be replaced
    (DOCUGEN_RENDER_RECYCLE_DOCUMENTS), the next document waits.
    """
    stopped = children(pid)
    try:
        _stop(stopped)
        yield
    finally:
        for child in stopped:
            _signal(child, signal.SIGCONT)


def _parents() -> dict[int, int]:
    """The parent of each process on this machine, zombies aside."""
    found: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            if words[0] != "Z":
                found[int(folder.name)] = int(words[1])
    return found


def _stop(pids: list[int]) -> None:
    """Returns once they stand still."""
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    wait_until(f"{pids} stand still", lambda: all(_state(pid) in "TZ" for pid in pids))


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _state(pid: int) -> str:
    """The letter that proc(5) has for it; empty when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
