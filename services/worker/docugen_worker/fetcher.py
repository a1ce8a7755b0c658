"""Takes jobs for free slots, and quick ones ahead of them (`jobs`). The only one in a worker that asks for work.

    a slot is free -> take -> start each delivery        nothing there -> wait; it brings the first job that comes
    a take or wait raised -> back off -> recover -> take its reply may be lost, and with it the leases it gave
    a reply is older than a lease -> recover             nothing of it is begun: others may have it, the rest goes back unspent
    closing -> the wait is cut short -> recover          the last step: nothing is taken after it, and another one is woken

`hears` says whether the loop gets answers at all: a loop that hangs in a dead connection looks idle from outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from docugen_core.adapters.lifetime import unless
from docugen_core.domain.lease import Delivery, Hold, Takings
from docugen_core.errors import Unavailable
from docugen_core.ports import TAKE_MAX, JobSource

from docugen_worker.backoff import Backoff
from docugen_worker.jobs import JobsInHand

BLOCK_S = 2.0
DEAF_AFTER_S = 2 * BLOCK_S
"""Two times the longest wait at the doorbell: a loop that works has completed a read by then."""

log = structlog.get_logger(__name__)

Start = Callable[[Delivery, float], None]


class Fetcher:
    """See the module. start: begins a delivery; gets a time at which its lease had not begun yet, and never raises."""

    def __init__(self, source: JobSource, jobs: JobsInHand, consumer: str, start: Start, *, lease_ms: int) -> None:
        self._source = source
        self._jobs = jobs
        self._start = start
        self._lease_s = lease_ms / 1_000
        self._backoff = Backoff(consumer, "take")
        self._heard_s = float("-inf")
        self._waits_for_slot = False
        self._reply_lost = False
        self._hold = Hold.NONE

    @property
    def hears(self) -> bool:
        """Whether the last read completed within two block times. True while all slots are taken: nothing is read then."""
        return self._waits_for_slot or asyncio.get_running_loop().time() - self._heard_s <= DEAF_AFTER_S

    @property
    def hold(self) -> Hold:
        """Why the queue hands out nothing, as of the last take."""
        return self._hold

    async def run(self, closing: asyncio.Event) -> None:
        """Fetch until `closing`. Raises ConfigurationError when Redis refuses this worker."""
        while not closing.is_set():
            try:
                await self._round(closing)
                self._answered()
            except Unavailable as error:
                delay_s = self._backoff.next_s()
                if self._backoff.failures == 1:
                    log.warning("queue_unreachable", error=error.message)
                await unless(closing, asyncio.sleep(delay_s))
        await self._end()

    async def _round(self, closing: asyncio.Event) -> None:
        if self._reply_lost:
            await self._recover()
        if not await self._slot_free(closing):
            return
        wanted = min(self._jobs.free, TAKE_MAX)
        if wanted < 1:  # a job that was taken ahead began to wait for its turn meanwhile
            return
        self._reply_lost = True
        takings = self._begun(await self._source.take(wanted))
        self._jobs.taken(len(takings.deliveries), wanted=wanted)
        self._answered()
        # The bell brings a job, so it is rung for those who have a slot: wanted may have been more than the slots.
        if len(takings.deliveries) < wanted and self._jobs.free >= 1 and not self._reply_lost:
            self._reply_lost = True
            waited = await unless(closing, self._source.wait())
            if waited:
                self._begun(waited[0])

    async def _slot_free(self, closing: asyncio.Event) -> bool:
        if self._jobs.free < 1:
            self._waits_for_slot = True
            await unless(closing, self._jobs.slot_free())
            self._waits_for_slot = False
            self._heard_s = asyncio.get_running_loop().time()
        return not closing.is_set()

    async def _recover(self, *, last: bool = False) -> None:
        handed_back = await self._source.recover((job.lease for job in self._jobs), last=last)
        self._reply_lost = False
        if handed_back:
            log.info("jobs_recovered", count=handed_back)

    async def _end(self) -> None:
        """What a wait that was cut short may have been given goes back at once, and whoever waits looks at what this worker was
        woken for. Unheard, it goes back with the goodbye."""
        with suppress(Unavailable):
            await self._recover(last=True)

    def _begun(self, takings: Takings) -> Takings:
        # Whoever was stopped while the reply was on its way (SIGSTOP, a machine that sleeps) must not begin what may be
        # another's by now: it could be published before the first beat says so.
        age_s = asyncio.get_running_loop().time() - takings.since_s
        self._reply_lost = bool(takings.deliveries) and age_s > self._lease_s
        if self._reply_lost:
            log.warning("take_came_late", count=len(takings.deliveries), age_ms=round(age_s * 1_000))
        else:
            for delivery in takings.deliveries:
                self._start(delivery, takings.since_s)
        if takings.hold is not self._hold:
            self._hold = takings.hold
            log.info("queue_hold_changed", hold=takings.hold.value or "none")
        return takings

    def _answered(self) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        if self._backoff.failures:
            log.info("queue_reached", failures=self._backoff.failures)
            self._backoff.reset()
