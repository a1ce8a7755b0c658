"""The queue: for those who submit and ask, for workers, and for operators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from docugen_core.domain.dead_letter import DeadLetter, LetterPage, Redriven
from docugen_core.domain.demand import Demand
from docugen_core.domain.job import (
    Acceptance,
    CancelVerdict,
    ChangePage,
    EraseVerdict,
    JobRecord,
    NewJob,
    RecordPage,
    RetryVerdict,
)
from docugen_core.domain.lease import Lease, ProgressReport, Pulse, Settled, Settlement, Takings
from docugen_core.domain.queue_state import QueueStats, SweepReport
from docugen_core.domain.survey import QueueSurvey
from docugen_core.domain.worker import WorkerAdvert, WorkerSighting


class JobQueue(Protocol):
    """The queue for those who submit and ask. Every method may raise Unavailable, and may then be repeated as it was."""

    async def submit(self, jobs: Sequence[NewJob]) -> tuple[Acceptance, ...]:
        """Accept jobs durably, one answer each: NEW, SAME, CONFLICT or FULL. Raises Overloaded (QUEUE_MEMORY_FULL)."""
        ...

    async def get(self, run_ids: Sequence[str]) -> tuple[JobRecord | None, ...]:
        """Records in order, None for a run that is unknown or expired; 1000 at most."""
        ...

    async def payload(self, run_id: str) -> tuple[int, bytes] | None:
        """Version and bytes of a job that has not succeeded; None where the queue holds none (any more)."""
        ...

    async def runs(self, *, before: str = "", limit: int = 50, tenant: str = "") -> RecordPage:
        """Records newest first. before: next_before of the page before. tenant: whose alone; empty for everybody's."""
        ...

    async def cancel(self, run_id: str, reason: str) -> CancelVerdict:
        """Stop a run, at once or through its worker. Cancelling twice is cancelling once."""
        ...

    async def retry(self, run_id: str) -> RetryVerdict:
        """Start a failed or cancelled run again, from attempt 1. Two at once are one."""
        ...

    async def erase(self, run_id: str) -> EraseVerdict:
        """Remove the record of a run that has ended, and its dead letter. Erasing twice is erasing once."""
        ...

    async def changes(self, *, after: str, wait_ms: int = 0, limit: int = 1_000) -> ChangePage:
        """Changes of any run after a cursor, waiting up to wait_ms (2000 at most) for the first. Safe to cancel."""
        ...

    async def newest_change(self) -> str:
        """The cursor after which only what happens from now on is read."""
        ...


TAKE_MAX = 256
"""Jobs that one take may want."""


class JobSource(Protocol):
    """The queue for one worker process. After a take that raised, call recover before the next one."""

    async def take(self, want: int) -> Takings:
        """Up to `want` jobs (1 to TAKE_MAX) under new leases: due ones first, then new ones by priority, none starved."""
        ...

    async def wait(self, wait_ms_max: int = 2_000) -> Takings:
        """Return when there may be something to take, with the first job of it. After an error or a cancellation: recover."""
        ...

    async def beat(self, leases: Sequence[Lease]) -> Pulse:
        """Renew leases; hear which are lost or cancelled."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> tuple[Settled, ...]:
        """End attempts, one answer each; the same again answers the same. STALE is no failure of the run."""
        ...

    async def progress(self, reports: Sequence[ProgressReport]) -> tuple[bool, ...]:
        """Show how far jobs are; False where the lease is not held. The same again changes nothing."""
        ...

    async def release(self, leases: Sequence[Lease], delay_ms: int = 0) -> tuple[bool, ...]:
        """Hand jobs back with their attempts unspent, to be taken after delay_ms; False where the lease is not held."""
        ...

    async def recover(self, known: Iterable[Lease], *, last: bool = False) -> int:
        """Hand back, unspent, what this worker holds on record but does not know of. last: nothing is taken after this."""
        ...

    async def announce(self, advert: WorkerAdvert) -> bool:
        """Say that this worker lives, and what it is. True when it was told to drain."""
        ...

    async def leave(self) -> int:
        """Say goodbye; the number of jobs still held."""
        ...


class QueueDesk(Protocol):
    """The queue for operators and housekeeping."""

    async def stats(self) -> QueueStats: ...

    async def demand(self, soon_ms: int) -> Demand:
        """The jobs that need a worker now, or are parked and due within soon_ms (a lease at least)."""
        ...

    async def survey(self) -> QueueSurvey:
        """Lane by lane, and what is due next."""
        ...

    async def pause(self, reason: str) -> None:
        """Hand out nothing from now on; submits are accepted. Pausing twice is pausing once."""
        ...

    async def resume(self) -> bool:
        """End a pause. Whether there was one."""
        ...

    async def workers(self) -> tuple[WorkerSighting, ...]:
        """Workers that announced themselves and were not forgotten, by name."""
        ...

    async def drain_worker(self, consumer: str) -> bool:
        """Let one worker take nothing new. False for a worker that is not known."""
        ...

    async def letters(self, *, after: str = "", limit: int = 50) -> LetterPage:
        """Dead letters, oldest first. after: next_after of the page before."""
        ...

    async def letter(self, letter_id: str) -> DeadLetter | None:
        """One dead letter; None where there is none of that id."""
        ...

    async def newest_letter(self) -> str:
        """Id of the newest dead letter, `0-0` when there is none: those that come later have greater ids."""
        ...

    async def redrive(self, letters: Sequence[tuple[str, str]], *, force: bool = False) -> tuple[Redriven, ...]:
        """Put dead letters (letter id, run id) back into the queue, with id and seed, counted."""
        ...

    async def drop(self, letter_ids: Sequence[str]) -> int:
        """Remove dead letters for good; how many there were."""
        ...

    async def sweep(self) -> SweepReport:
        """One pass of housekeeping: mend the index, forget the dead. Any worker, any time."""
        ...
