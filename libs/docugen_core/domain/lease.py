"""A job in a worker's hands: taken, held, settled. Plain values, stdlib only.

    NewJob -> entry in a lane -> Delivery under a Lease -> Settlement(Done | Retry | Bury | Cancelled) -> Settled
                                                       -> handed back unspent
    Bury -> DeadLetter -> redriven (same id, same seed, counted) | dropped

A *lease* is the fencing token (consumer, attempt) on one entry. The queue checks it inside every step, so a worker that lost it
changes nothing: its answer is STALE, and it stops. Attempts count deliveries, from 1: a lost lease is one, a graceful stop
is none.

Times are milliseconds since the epoch by the queue's clock, 0 for "not yet". No clock, no chance, no I/O in here. What is
submitted and recorded: `job`; what is buried: `dead_letter`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from docugen_core.domain.failure import Failure

WORKER_LOST = Failure(
    code="WORKER_LOST",
    message="the worker that had this run stopped renewing its lease",
    hint="See the worker's log around the end of the attempt; a render that kills its worker does it every time.",
    retryable=True,
)
"""What the record of an attempt says whose lease lapsed. Not LEASE_LOST: that is for the worker, this is for the caller."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to render a run, until it lapses. (consumer, attempt) on `entry` is the fencing token."""

    run_id: str
    entry: str
    consumer: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job in a worker's hands. cancelling: do not render; look whether it was published, and settle it. waited_ms: since it
    was queued, or since the time of its retry or start. lapsed: it was running elsewhere, and that lease lapsed. start_time_ms:
    of this attempt. last_worker, last_start_time_ms: of the one before, empty and 0 for the first since it was queued."""

    lease: Lease
    payload: bytes
    payload_version: int
    cancelling: bool = False
    waited_ms: int = 0
    lapsed: bool = False
    start_time_ms: int = 0
    last_worker: str = ""
    last_start_time_ms: int = 0


class Hold(Enum):
    """Why nothing was handed out: the queue is PAUSED, or this worker is DRAINING. NONE: it is neither."""

    NONE = ""
    PAUSED = "paused"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Takings:
    """The answer to a take. wait_ms: until the next due time, 0 where more may be there, -1 when nothing is due ever. since_s:
    a time of this process's loop at which the leases had not begun yet: counted from there, they end too early, never too
    late."""

    deliveries: tuple[Delivery, ...]
    hold: Hold = Hold.NONE
    wait_ms: int = -1
    since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """The answer to a beat. lost: somebody else has or had them: kill their renders. cancelled: stop, then settle Cancelled."""

    lost: tuple[Lease, ...] = ()
    cancelled: tuple[Lease, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """How far the documents of a job are, as run_record.encode_documents writes it; opaque to the queue."""

    lease: Lease
    progress: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The manifest is published. Also right for a run that is being cancelled: it was finished first.

    progress, here and below: the last word on its documents; empty to leave what was reported.
    """

    manifest_digest: str
    progress: bytes = b""


@dataclass(frozen=True, slots=True)
class Retry:
    """It failed for a reason that may pass: try again in delay_ms (see domain.retry)."""

    failure: Failure
    delay_ms: int
    progress: bytes = b""


@dataclass(frozen=True, slots=True)
class Bury:
    """It failed for good: into the dead letters."""

    failure: Failure
    progress: bytes = b""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The render was stopped because the run was cancelled; nothing was published."""


Outcome = Done | Retry | Bury | Cancelled


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one attempt ended."""

    lease: Lease
    outcome: Outcome


class Settled(Enum):
    """What the queue made of a settlement. STALE: the lease was lost, nothing changed; not a failure of the run."""

    DONE = "done"
    PARKED = "parked"
    BURIED = "buried"
    CANCELLED = "cancelled"
    STALE = "stale"
