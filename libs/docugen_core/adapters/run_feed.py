"""Who wants to hear of which run: publish and subscribe inside one process.

A watcher gets full snapshots with growing revision, so it may miss any but the last: only the newest unread one is kept for
it, whatever its pace. Memory is one snapshot a watcher; a run nobody watches costs nothing, and its snapshots are dropped.

There is no task in here and no lock: everything happens on one event loop, between awaits. Snapshots that other processes
write are not seen; with a queue, the ledger's own events feed this room.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from docugen_core.domain.run import BundleRun
from docugen_core.errors import Overloaded

WATCHERS_MAX = 10_000


class RunFeed:
    """Hands every published snapshot to the run's watchers. Use it on one event loop only."""

    def __init__(self, watchers_max: int = WATCHERS_MAX) -> None:
        self._seats: dict[str, set[_Seat]] = {}
        self._left: deque[tuple[str, _Seat]] = deque()
        self._watchers_max = watchers_max
        self._watchers = 0
        self._closed = False

    @property
    def watchers(self) -> int:
        """How many are watching now."""
        self._clear_left()
        return self._watchers

    @property
    def run_ids(self) -> frozenset[str]:
        """The runs that somebody watches now."""
        self._clear_left()
        return frozenset(self._seats)

    def publish(self, run: BundleRun) -> None:
        """Offer `run` to its watchers; never waits. A snapshot that is not newer than the last one is ignored."""
        self._clear_left()
        for seat in self._seats.get(run.run_id, ()):
            seat.offer(run)

    def watch(self, run_id: str, first: BundleRun) -> AsyncIterator[BundleRun]:
        """Snapshots of a run: `first` (or a newer one, if it came meanwhile), then newer ones; ends after a terminal state.

        Subscribes at once, not at the first step: nothing published from now on is lost. Drop the iterator at any time, or
        cancel a step and go on later; one reader at a time. After `close`, it ends with what is left unread.
        Raises Overloaded when `watchers_max` are watching.
        """
        if self.watchers >= self._watchers_max:
            raise Overloaded(
                f"{self._watchers_max} callers are watching runs already",
                hint="Ask for the run again later, or poll it.",
            )
        seat = _Seat(first, closed=self._closed)
        watch = _Watch(seat)
        self._seats.setdefault(run_id, set()).add(seat)
        self._watchers += 1
        # An iterator may be dropped before its first step, where an async generator's `finally` would never run.
        watch.leave = weakref.finalize(watch, self._left.append, (run_id, seat))
        watch.leave.atexit = False
        return watch

    def end(self, run_id: str) -> None:
        """End the watchers of one run, once they have read what is there: nothing more will be published of it."""
        self._clear_left()
        for seat in self._seats.get(run_id, ()):
            seat.close()

    def close(self) -> None:
        """End all watchers, present and future, once they have read what is there. Idempotent."""
        self._closed = True
        self._clear_left()
        for seats in self._seats.values():
            for seat in seats:
                seat.close()

    def _clear_left(self) -> None:
        # Watchers only leave a note: the garbage collector may call them in the middle of anything, also of a loop below.
        while self._left:
            run_id, seat = self._left.popleft()
            seats = self._seats[run_id]
            seats.discard(seat)
            self._watchers -= 1
            if not seats:
                del self._seats[run_id]


@dataclass(slots=True, eq=False)
class _Seat:
    """The one snapshot a watcher has not read, and its bell."""

    unread: BundleRun | None
    closed: bool
    revision: int = -1
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        if self.unread is not None:
            self.revision = self.unread.revision

    def offer(self, run: BundleRun) -> None:
        if run.revision > self.revision:
            self.unread, self.revision = run, run.revision
            self.bell.set()

    def close(self) -> None:
        self.closed = True
        self.bell.set()


class _Watch(AsyncIterator[BundleRun]):
    """What a watcher holds. The feed knows only its seat, so that dropping this ends the subscription."""

    def __init__(self, seat: _Seat) -> None:
        self._seat = seat
        self.leave: weakref.finalize[..., _Watch]

    async def __anext__(self) -> BundleRun:
        seat = self._seat
        while seat.unread is None:
            if seat.closed:
                await self.aclose()
                raise StopAsyncIteration
            seat.bell.clear()
            await seat.bell.wait()
        # Nothing from here on gives way to another task: a step that was cancelled has taken nothing.
        run, seat.unread = seat.unread, None
        if run.state.is_terminal:
            await self.aclose()
        return run

    async def aclose(self) -> None:
        """Stop watching, as dropping the iterator does."""
        self._seat.closed, self._seat.unread = True, None
        self._seat.bell.set()
        self.leave()
