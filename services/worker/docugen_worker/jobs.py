"""What this worker has in hand: one Job a slot, from the take that brought it, and on until its end is answered.

    taken -> rendering -> ending -> gone          stop() ends the rendering early, for one of three reasons

A job that is ending needs no slot: the next one renders while the queue is told. While the queue does not answer, as many may
be ending as there are slots, and no more.

A job's lease counts from the *sending* of the last take or beat that was answered: what Redis did then, it did no earlier. No
I/O in here; times are seconds of the loop's monotonic clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from docugen_core.domain.lease import Delivery, Lease
from docugen_core.domain.run import DocumentProgress, DocumentState
from docugen_core.domain.worker import HeldJob
from docugen_core.measures import UNMEASURED, Measures


class Stop(Enum):
    """Why a job is stopped. LEASE_LOST: it may be somebody else's, say nothing. CANCELLED: by its caller. LEAVING: this worker
    ends and hands it back."""

    LEASE_LOST = "lease_lost"
    CANCELLED = "cancelled"
    LEAVING = "leaving"


@dataclass(eq=False, slots=True)
class Job:
    """One delivery in hand. heard_s: when the last answered take or beat was sent; of the take it is taken_s. deadline_s: when
    its attempt must have ended; its lease is not renewed beyond."""

    delivery: Delivery
    heard_s: float
    deadline_s: float
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    why: Stop | None = None
    ending: bool = False
    documents: dict[str, DocumentProgress] = field(default_factory=dict)
    taken_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.taken_s = self.heard_s

    @property
    def lease(self) -> Lease:
        return self.delivery.lease

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
        """End the rendering. A lease that is lost outweighs every other reason; else the first one stands."""
        if self.why is None or why is Stop.LEASE_LOST:
            self.why = why
        self.stopping.set()


class JobsInHand:
    """The jobs of one worker: `slots` at most that render, as many again that end."""

    def __init__(self, slots: int, measures: Measures = UNMEASURED) -> None:
        self.slots = slots
        self._jobs: dict[Lease, Job] = {}
        self._changed = asyncio.Event()
        self._measures = measures
        measures.slots_seen(0, slots)

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs.values()))

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def rendering(self) -> int:
        """Slots that are taken."""
        return sum(not job.ending for job in self._jobs.values())

    @property
    def free(self) -> int:
        """How many more may be taken."""
        return min(self.slots - self.rendering, 2 * self.slots - len(self))

    def add(self, job: Job) -> None:
        """Take a job into a slot. An older lease on the same entry, which this worker lost to itself, is stopped."""
        for other in self:
            if other.lease.entry == job.lease.entry:
                other.stop(Stop.LEASE_LOST)
        self._jobs[job.lease] = job
        self._note_change()

    def ending(self, job: Job) -> None:
        """Free its slot: what is left to do is to tell the queue."""
        job.ending = True
        self._note_change()

    def remove(self, job: Job) -> None:
        """Forget it, its end was answered. Safe to repeat."""
        if self._jobs.pop(job.lease, None) is not None:
            self._note_change()

    async def slot_free(self) -> None:
        """Return once there is room for one more."""
        while self.free < 1:
            await self._change()

    async def empty(self) -> None:
        """Return once nothing is in hand."""
        while self._jobs:
            await self._change()

    def _note_change(self) -> None:
        self._measures.slots_seen(self.rendering, self.slots)
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
