"""What this worker has in hand: each Job from the take that brought it, and on until its end is answered.

    taken -> (waiting ->) rendering -> ending -> gone      stop() ends waiting and rendering early, for one of four reasons

A job that is ending needs no slot: the next one renders while the queue is told. While the queue does not answer, as many may
be ending as may be taken, and no more.

Quick jobs from a long queue are taken ahead of free slots (`pace`) and wait here for their turn. More are taken when none waits
any more, and what ended meanwhile is told then: two calls for several jobs. One that waits for long was taken by mistake, as
what is in the slots is slower than those before; it goes back unspent, for another worker may be idle. One that was begun
before never waits: it may have been lost with a worker, and what killed that one may be beside it again.

A job's lease counts from the *sending* of the last take or beat that was answered: what Redis did then, it did no earlier. No
I/O in here; times are seconds of the loop's monotonic clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from docugen_core.domain.lease import Delivery, Lease
from docugen_core.domain.run import DocumentProgress, DocumentState
from docugen_core.domain.worker import HeldJob
from docugen_core.measures import UNMEASURED, Measures

from docugen_worker.pace import AHEAD_S, Pace

TURN_S_MAX = 3 * AHEAD_S
"""How long a job that was taken ahead waits for a slot."""
HOLD_S_MAX = AHEAD_S
"""How long the ends of others wait meanwhile to be told."""


class Stop(Enum):
    """Why a job is stopped. LEASE_LOST: it may be somebody else's, say nothing. CANCELLED: by its caller. LEAVING: this worker
    ends and hands it back. PASSED_ON: it got no slot, and is handed back."""

    LEASE_LOST = "lease_lost"
    CANCELLED = "cancelled"
    LEAVING = "leaving"
    PASSED_ON = "passed_on"


@dataclass(eq=False, slots=True)
class Job:
    """One delivery in hand. heard_s: when the last answered take or beat was sent; of the take it is taken_s. deadline_s: when
    its attempt must have ended; its lease is not renewed beyond. turn: of a job that waits for a slot. begun_s: since when it
    has one, None without."""

    delivery: Delivery
    heard_s: float
    deadline_s: float
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    why: Stop | None = None
    begun_s: float | None = None
    turn: asyncio.Future[None] | None = None
    ending: bool = False
    documents: dict[str, DocumentProgress] = field(default_factory=dict)
    taken_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.taken_s = self.heard_s

    @property
    def lease(self) -> Lease:
        return self.delivery.lease

    @property
    def waits(self) -> bool:
        """Whether it waits for a slot."""
        return self.turn is not None

    def held(self, now_s: float) -> HeldJob:
        """What is told of it at now_s."""
        states = [document.state for document in self.documents.values()]
        rendering = (name for name, document in self.documents.items() if document.state is DocumentState.RENDERING)
        return HeldJob(
            run_id=self.lease.run_id,
            attempt=self.lease.attempt,
            age_ms=max(0, round((now_s - self.taken_s) * 1_000)),
            documents=len(states),
            ended=sum(state not in (DocumentState.PENDING, DocumentState.RENDERING) for state in states),
            document=next(rendering, ""),
        )

    def may_be_lost(self, now_s: float, lease_s: float) -> bool:
        """Whether nothing was heard for a lease: another worker may have it by now."""
        return now_s - self.heard_s > lease_s

    def stop(self, why: Stop) -> None:
        """End waiting or rendering. A lease that is lost outweighs every other reason; else the first one stands."""
        if self.why is None or why is Stop.LEASE_LOST:
            self.why = why
        self.stopping.set()
        self.wake()

    def wake(self) -> None:
        """End its waiting for a slot, if it waits for one."""
        if self.turn is not None and not self.turn.done():
            self.turn.set_result(None)


class JobsInHand:
    """The jobs of one worker: `slots` at most that render, some that wait for their turn, as many again that end.

    pace: how quick those that had a slot were; it is told here. turn_s: longest wait for a slot. hold_s: of `none_waits`.
    """

    def __init__(
        self,
        slots: int,
        measures: Measures = UNMEASURED,
        *,
        pace: Pace | None = None,
        turn_s: float = TURN_S_MAX,
        hold_s: float = HOLD_S_MAX,
    ) -> None:
        self.slots = slots
        self.pace = pace or Pace()
        self._turn_s, self._hold_s = turn_s, hold_s
        self._backlog = False
        self._unused = slots
        self._waiting: deque[Job] = deque()
        self._ending = 0
        # Not by lease: what is passed on may come back under an equal one, before the answer that it has gone.
        self._jobs: dict[Job, None] = {}
        self._by_entry: dict[str, Job] = {}
        self._room, self._none_waits, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._measures = measures
        self._note_change()

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs))

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def rendering(self) -> int:
        """Slots that are taken."""
        return len(self._jobs) - len(self._waiting) - self._ending

    @property
    def free(self) -> int:
        """How many more may be taken. None while one waits for its turn: the next call is to be worth it."""
        if self._waiting:
            return 0
        room = self.slots + (self.pace.ahead(self.slots) if self._backlog else 0)
        return min(room - self.rendering, 2 * room - len(self))

    def taken(self, count: int, *, wanted: int) -> None:
        """How much a take was given of what it asked for: if all, there is likely more, and some may be taken ahead."""
        self._backlog = count == wanted
        self._note_change()

    def add(self, job: Job) -> None:
        """Take a job in hand. An older lease on the same entry, which this worker lost to itself, is stopped."""
        older = self._by_entry.get(job.lease.entry)
        if older is not None:
            older.stop(Stop.LEASE_LOST)
        self._by_entry[job.lease.entry] = job
        self._jobs[job] = None
        self._note_change()

    async def turn(self, job: Job) -> None:
        """Wait until the job has a slot, or is stopped: at once, unless it was taken ahead."""
        if job.stopping.is_set():
            return
        if self._unused and not self._waiting:
            self._begin(job)
            return
        # What is handed back keeps its attempts, and not that it lapsed.
        if job.delivery.lapsed or job.lease.attempt > 1:
            self._pass_on(job)
            return
        loop = asyncio.get_running_loop()
        job.turn = loop.create_future()
        self._waiting.append(job)
        self._note_change()
        too_long = loop.call_later(self._turn_s, self._pass_on, job)
        try:
            await job.turn
        finally:
            too_long.cancel()
            job.turn = None
            if job.begun_s is None:
                self._waiting.remove(job)
                self._note_change()

    def ending(self, job: Job) -> None:
        """Free its slot: what is left to do is to tell the queue."""
        if not job.ending:
            job.ending = True
            self._ending += 1
        self._free_slot(job)
        self._note_change()

    def remove(self, job: Job) -> None:
        """Forget it, its end was answered. Safe to repeat."""
        self._free_slot(job)
        if job in self._jobs:
            del self._jobs[job]
            if self._by_entry.get(job.lease.entry) is job:
                del self._by_entry[job.lease.entry]
            self._ending -= job.ending
            self._note_change()

    async def slot_free(self) -> None:
        """Return once there is room for one more."""
        while self.free < 1:
            self._room.clear()  # an event that stood although there is none would be waited for without end, and never yield
            await self._room.wait()

    async def none_waits(self) -> None:
        """Return once no job waits for its turn, or after hold_s."""
        if self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._hold_s):
                    await self._none_waits.wait()

    async def empty(self) -> None:
        """Return once nothing is in hand."""
        while self._jobs:
            self._empty.clear()
            await self._empty.wait()

    def _pass_on(self, job: Job) -> None:
        if job.begun_s is None:
            self.pace.forget()
            job.stop(Stop.PASSED_ON)
            self._note_change()

    def _begin(self, job: Job) -> None:
        self._unused -= 1
        job.begun_s = asyncio.get_running_loop().time()

    def _free_slot(self, job: Job) -> None:
        if job.begun_s is None:
            return
        self.pace.ended(job.begun_s, asyncio.get_running_loop().time())
        job.begun_s = None
        self._unused += 1
        if self._waiting:
            following = self._waiting.popleft()
            self._begin(following)
            following.wake()

    def _note_change(self) -> None:
        self._measures.slots_seen(min(self.rendering, self.slots), self.slots)
        _show(self._room, self.free >= 1)
        _show(self._none_waits, not self._waiting)
        _show(self._empty, not self._jobs)


def _show(event: asyncio.Event, is_so: bool) -> None:
    if is_so:
        event.set()
    else:
        event.clear()
