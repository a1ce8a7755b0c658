"""A job on its way through the queue: what is submitted, leased, settled, buried. Plain values, stdlib only.

    NewJob -> entry in a lane -> Delivery under a Lease -> Settlement(Done | Retry | Bury | Cancelled) -> Settled
                                                       -> handed back unspent
    Bury -> DeadLetter -> redriven (same id, same seed, counted) | dropped

A *lease* is the fencing token (consumer, attempt) on one entry. The queue checks it inside every step, so a worker that lost it
changes nothing: its answer is STALE, and it stops. Attempts count deliveries, from 1: a lost lease is one, a graceful stop
is none.

Times are milliseconds since the epoch by the queue's clock, 0 for "not yet". No clock, no chance, no I/O in here.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from docugen_core.domain.failure import Failure
from docugen_core.domain.run import Priority, RunState

WORKER_LOST = Failure(
    code="WORKER_LOST",
    message="the worker that had this run stopped renewing its lease",
    hint="See the worker's log around the end of the attempt; a render that kills its worker does it every time.",
    retryable=True,
)
"""What the record of an attempt says whose lease lapsed. Not LEASE_LOST: that is for the worker, this is for the caller."""

CONSUMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Full-match pattern of a consumer name; names with `~` are the queue's own."""


# --- submitting -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewJob:
    """A run to queue. payload: opaque to the queue, of version payload_version. about: opaque JSON kept in the record (policy,
    labels, templates, documents). not_before_ms: earliest start, 0 for at once. The pair (run_id, spec_digest) is its identity.
    """

    run_id: str
    spec_digest: str
    payload: bytes
    payload_version: int = 1
    priority: Priority = Priority.NORMAL
    not_before_ms: int = 0
    about: bytes = b"{}"


class Verdict(Enum):
    """NEW: accepted now. SAME: known before. CONFLICT: the id names another spec. FULL: no room, nothing was stored."""

    NEW = "new"
    SAME = "same"
    CONFLICT = "conflict"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The answer to one NewJob. record: as it is now; of the run that has the id on CONFLICT; None when FULL."""

    verdict: Verdict
    record: JobRecord | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that failed. number: from 1, anew after a redrive."""

    number: int
    worker: str
    start_time_ms: int
    finish_time_ms: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class JobRecord:
    """Everything the queue knows of a run; survives it until the record expires.

    revision grows by at least one with every change. attempt counts deliveries, handed-back ones not. attempts: the last ten
    failed ones, oldest first. queue_time_ms: when it last entered the queue. entry is opaque. progress: how far its documents
    are in this attempt, as run_record.encode_documents writes it; empty before the first report.
    """

    run_id: str
    spec_digest: str
    state: RunState
    revision: int
    entry: str = ""
    priority: Priority = Priority.NORMAL
    attempt: int = 0
    create_time_ms: int = 0
    queue_time_ms: int = 0
    start_time_ms: int = 0
    finish_time_ms: int = 0
    next_attempt_time_ms: int = 0
    worker: str = ""
    failure: Failure | None = None
    manifest_digest: str = ""
    cancel_reason: str = ""
    redrive_count: int = 0
    dead_letter: str = ""
    about: bytes = b"{}"
    attempts: tuple[Attempt, ...] = ()
    progress: bytes = b""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records, newest first. next_before: pass as `before` for the page after; empty at the end."""

    records: tuple[JobRecord, ...]
    next_before: str = ""


@dataclass(frozen=True, slots=True)
class RunChange:
    """One revision of one run: it came into `state`."""

    run_id: str
    revision: int
    state: RunState


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes in order. cursor: pass as `after` to go on. gap: changes between were trimmed; read the records anew."""

    changes: tuple[RunChange, ...]
    cursor: str
    gap: bool = False


# --- working --------------------------------------------------------------------------------------------------------------


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
    """The answer to a take. wait_ms: until the next due time, -1 when nothing is due ever. since_s: a time of
    this process's loop at which the leases had not begun yet: counted from there, they end too early, never too late."""

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


# --- operating ------------------------------------------------------------------------------------------------------------


class CancelVerdict(Enum):
    """CANCELLED: it will not run. CANCELLING: its worker was told. ENDED: it had ended before. UNKNOWN: no such run."""

    CANCELLED = "cancelled"
    CANCELLING = "cancelling"
    ENDED = "ended"
    UNKNOWN = "unknown"


class RetryVerdict(Enum):
    """QUEUED: it runs again. NOT_RETRYABLE: it has not ended, or it succeeded. PAYLOAD_GONE: its dead letter was dropped."""

    QUEUED = "queued"
    FULL = "full"
    UNKNOWN = "unknown"
    NOT_RETRYABLE = "not_retryable"
    PAYLOAD_GONE = "payload_gone"


class EraseVerdict(Enum):
    """UNFINISHED: it has not ended, and nothing was removed. UNKNOWN: there is no record."""

    ERASED = "erased"
    UNFINISHED = "unfinished"
    UNKNOWN = "unknown"


class Redriven(Enum):
    """REFUSED: put back as often as allowed, or its run is not failed any more. MISSING: no such letter."""

    REDRIVEN = "redriven"
    REFUSED = "refused"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A run that failed for good, with all that is needed to run it again, here or elsewhere."""

    letter_id: str
    run_id: str
    spec_digest: str
    create_time_ms: int
    failure: Failure
    attempt: int
    worker: str
    engine: str
    redrive_count: int
    priority: Priority
    payload: bytes
    payload_version: int
    about: bytes
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Dead letters, oldest first. next_after: pass as `after` for the page after; empty at the end."""

    letters: tuple[DeadLetter, ...]
    next_after: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when nothing is handed out, and why."""

    since_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The queue at one moment. depth: undelivered and parked; parked: waiting for a retry or a start time; in_flight: leased.
    oldest_age_ms: how long the oldest job waits that could run; 0 when there is none.
    """

    observe_time_ms: int
    depth: int
    in_flight: int
    parked: int
    dead_letters: int
    oldest_age_ms: int
    pause: Pause | None


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job in a worker's hands. age_ms: since it was taken. documents: of the bundle, 0 until it is read; ended: of these.
    document: one that is being rendered, empty between two."""

    run_id: str
    attempt: int
    age_ms: int
    documents: int = 0
    ended: int = 0
    document: str = ""


@dataclass(frozen=True, slots=True)
class WorkerAdvert:
    """What a worker says of itself. packs: digests of the template packs it has. bundle_runs: what it holds; jobs: what it does
    with them."""

    host: str
    process_id: int
    start_time_ms: int
    slots: int
    engine_fingerprint: str
    version: str
    packs: tuple[str, ...] = ()
    bundle_runs: tuple[str, ...] = ()
    jobs: tuple[HeldJob, ...] = ()

    def to_text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str | bytes) -> WorkerAdvert:
        """Reads adverts of other releases too: fields it does not know are passed over, those it misses are empty."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            host=raw.get("host", ""),
            process_id=raw.get("process_id", 0),
            start_time_ms=raw.get("start_time_ms", 0),
            slots=raw.get("slots", 0),
            engine_fingerprint=raw.get("engine_fingerprint", ""),
            version=raw.get("version", ""),
            packs=tuple(raw.get("packs", ())),
            bundle_runs=tuple(raw.get("bundle_runs", ())),
            jobs=tuple(HeldJob(**{k: v for k, v in job.items() if k in _HELD}) for job in raw.get("jobs", ())),
        )


_HELD = frozenset(one.name for one in fields(HeldJob))


@dataclass(frozen=True, slots=True)
class WorkerSighting:
    """A worker that announced itself, last at seen_time_ms."""

    consumer: str
    seen_time_ms: int
    draining: bool
    advert: WorkerAdvert


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one pass of housekeeping mended: entries without a due time, due times too far ahead, and what it forgot."""

    adopted: int = 0
    clamped: int = 0
    workers_forgotten: int = 0
    consumers_forgotten: int = 0
    letters_dropped: int = 0
    index_entries_removed: int = 0


def consumer_name(host: str, process_id: int, boot_id: str, start_ticks: int) -> str:
    """A consumer's name: never used twice, so an old lease can never fit a new process.

    host, process id and boot alone repeat when a container restarts (always process 1 of the same boot); start_ticks, the
    process's start in clock ticks since boot, does not. Characters that a name may not have become `-`.
    """
    plain = f"{host[:64]}-{process_id}-{boot_id.replace('-', '')[:8]}-{start_ticks}"
    name = re.sub(r"[^A-Za-z0-9._-]", "-", plain).lstrip("._-")
    if CONSUMER.fullmatch(name) is None:
        raise ValueError(f"{name!r} cannot name a consumer")
    return name
