"""One tail of the queue's events for all who watch runs on this scheduler.

    watch(run) --> read the record --> RunFeed seat <-- publish <-- records of watched runs that changed <-- tail of `events`

However many callers watch, Redis is asked once: the tail reads changes (run, revision, state) in order from a cursor, drops
those of runs nobody watches here, and reads the records of the rest in one call. Watchers get full snapshots, so a change
that is missed is made good by the next one; what must not be missed is the last. Hence the records are read anew:

    when the tail begins      a change may have come between a caller's first look and the cursor
    on a gap                  events are capped; those between were trimmed, or the stream was lost
    every RECHECK_MS          a failover may lose an event and keep the record

The tail runs while somebody watches and ends when nobody does: an idle scheduler asks nothing of Redis, and one that starts
before Redis has nothing to wait for. When Redis is away it asks again with growing pauses and goes on from its cursor, so
watchers notice nothing but the silence.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context

import structlog

from docugen_core.adapters.run_feed import RunFeed
from docugen_core.domain.run import BundleRun
from docugen_core.errors import DocugenError, Unavailable
from docugen_core.ports import Clock, JobQueue

ReadRuns = Callable[[Iterable[str]], Awaitable[Mapping[str, BundleRun]]]
"""Present snapshots by run id; runs that are unknown are left out."""

BLOCK_MS = 2_000
PAUSE_MS_MIN = 100
PAUSE_MS_MAX = 2_000
RECHECK_MS = 30_000
LOST_FROM_START = "0-0"

log = structlog.get_logger(__name__)


class RunWatcher:
    """See the module. `read` gives snapshots; `queue` says which changed. Use it on one event loop."""

    def __init__(self, queue: JobQueue, read: ReadRuns, clock: Clock) -> None:
        self._queue = queue
        self._read = read
        self._clock = clock
        self._feed = RunFeed()
        self._arriving: Counter[str] = Counter()
        self._newest: dict[str, BundleRun] = {}
        self._cursor = ""
        self._checked_ms = 0
        self._tail: asyncio.Task[None] | None = None

    @property
    def is_tailing(self) -> bool:
        return self._tail is not None

    async def watch(self, run_id: str, first: Callable[[], Awaitable[BundleRun]]) -> AsyncIterator[BundleRun]:
        """Snapshots of a run with growing revision: the one `first` reads, then newer ones, the terminal one last.

        Ends without a terminal one when the run is lost (its record and its manifest are gone), and on `aclose`. Raises what
        `first` raises, and Overloaded when too many watch. Safe to abandon.
        """
        with self._arrival(run_id):
            run = await first()
            newer = self._newest.get(run_id)
            if newer is not None and newer.revision > run.revision:
                run = newer
            snapshots = self._feed.watch(run_id, run)  # from here on the feed holds the place
        async for snapshot in snapshots:
            yield snapshot

    async def aclose(self) -> None:
        """End all watchers and the tail."""
        self._feed.close()
        if self._tail is not None:
            self._tail.cancel()
            await asyncio.wait([self._tail])

    @contextmanager
    def _arrival(self, run_id: str) -> Iterator[None]:
        """While a caller's first snapshot is read: what the tail reads of the run meanwhile is kept for it."""
        self._arriving[run_id] += 1
        if self._tail is None:
            # In a context of its own: it outlives the call that begins it, and its lines are not that call's.
            self._tail = asyncio.create_task(self._follow(), name="run watcher", context=Context())
        try:
            yield
        finally:
            self._arriving[run_id] -= 1
            if not self._arriving[run_id]:
                del self._arriving[run_id]
                self._newest.pop(run_id, None)

    def _wanted(self) -> set[str]:
        return {*self._feed.run_ids, *self._arriving}

    async def _follow(self) -> None:
        """The tail. Between the last look at what is wanted and its end nothing gives way, so no watcher is left behind."""
        pause_ms = PAUSE_MS_MIN
        self._cursor = ""
        try:
            while self._wanted():
                try:
                    await self._step()
                    pause_ms = PAUSE_MS_MIN
                except Unavailable:
                    await self._clock.sleep_ms(pause_ms)
                    pause_ms = min(2 * pause_ms, PAUSE_MS_MAX)
                except DocugenError as error:  # a wrong password, a missing right: somebody has to mend it
                    log.warning("run_watcher_refused", reason=error.reason, error=error.message, hint=error.hint)
                    await self._clock.sleep_ms(PAUSE_MS_MAX)
                except Exception:
                    log.exception("run_watcher_crashed")
                    await self._clock.sleep_ms(PAUSE_MS_MAX)
        finally:
            self._tail = None

    async def _step(self) -> None:
        if not self._cursor:
            self._cursor = await self._queue.newest_change()
            await self._recheck()
        page = await self._queue.changes(after=self._cursor, wait_ms=BLOCK_MS)
        if page.gap or self._clock.now_ms() - self._checked_ms >= RECHECK_MS:
            await self._recheck()
        else:
            await self._show({c.run_id for c in page.changes} & self._wanted())
        # Last: when anything above fails, the same changes are read again.
        self._cursor = page.cursor if page.changes or not page.gap else LOST_FROM_START

    async def _recheck(self) -> None:
        wanted = self._wanted()
        found = await self._show(wanted)
        for run_id in wanted - found - self._arriving.keys():
            self._feed.end(run_id)
        self._checked_ms = self._clock.now_ms()

    async def _show(self, run_ids: set[str]) -> set[str]:
        """Publish the present snapshots of these runs; the ids of those that exist."""
        if not run_ids:
            return set()
        runs = await self._read(run_ids)
        for run_id, run in runs.items():
            if run_id in self._arriving:
                self._newest[run_id] = run
            self._feed.publish(run)
        return set(runs)
