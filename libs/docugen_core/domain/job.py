"""A job as the queue's record knows it: what is submitted, what became of it, and what changes.

Times are milliseconds since the epoch by the queue's clock, 0 for "not yet". No clock, no chance, no I/O in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from docugen_core.domain.failure import Failure
from docugen_core.domain.run import Priority, RunState


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
class Accepted:
    """A NewJob that is in the queue now, as of time_ms, under `entry`."""

    job: NewJob
    entry: str
    time_ms: int

    @property
    def next_attempt_time_ms(self) -> int:
        """When it is due, 0 for at once."""
        return self.job.not_before_ms if self.job.not_before_ms > self.time_ms else 0

    @property
    def record(self) -> JobRecord:
        """Its first record. Made when asked for: in bulk, making it costs a quarter of what submitting does."""
        return JobRecord(
            run_id=self.job.run_id,
            spec_digest=self.job.spec_digest,
            state=RunState.QUEUED,
            revision=1,
            entry=self.entry,
            priority=self.job.priority,
            create_time_ms=self.time_ms,
            queue_time_ms=self.time_ms,
            next_attempt_time_ms=self.next_attempt_time_ms,
            about=self.job.about,
        )


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The answer to one NewJob. accepted: on NEW. known: the record there is on SAME, and on CONFLICT that of the run that has
    the id."""

    verdict: Verdict
    accepted: Accepted | None = None
    known: JobRecord | None = None

    @property
    def record(self) -> JobRecord | None:
        """As it is now; None when FULL."""
        return self.accepted.record if self.accepted else self.known


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
