"""What happened, for those who watch: the port through which executors, worker and scheduler record it.

    run      enqueued -> attempt, attempt ... -> ended
    attempt  begun -> ended (succeeded | retried | failed | cancelled | handed back), or lost with the process that had it

An attempt is counted once: by whoever ended it and was believed, or, when it is lost, by whoever takes the run up again. A
process that was killed counts nothing any more, and one that lost its lease says nothing.

Every label comes from an enumeration in here, or from the contract's own method and code names: never an id, never a caller's
text. Recording cannot fail and takes microseconds. Nothing in the domain or in rendering records: a render process returns, and
its parent records. `adapters.metrics` names the instruments; UNMEASURED is for everybody who watches nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from docugen_core.domain.bundle import Format
from docugen_core.domain.queue_state import QueueStats


class RunOutcome(Enum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptOutcome(Enum):
    """How one attempt ended. RETRIED: it failed, and another one follows. FAILED: it failed for good. HANDED_BACK: unspent, by
    a worker that stops, cannot serve it or has no slot for it. LOST: its process died, or its lease lapsed."""

    SUCCEEDED = "succeeded"
    RETRIED = "retried"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"
    LOST = "lost"


class FailureReason(Enum):
    """Why an attempt failed: the codes of errors that end attempts. OTHER: a code that is not listed here."""

    ARTEFACT_NOT_FOUND = "ARTEFACT_NOT_FOUND"
    ATTEMPT_TIMEOUT = "ATTEMPT_TIMEOUT"
    DETERMINISM_VIOLATION = "DETERMINISM_VIOLATION"
    FONT_CHANGED = "FONT_CHANGED"
    FONT_NOT_INSTALLED = "FONT_NOT_INSTALLED"
    GENERATOR_BROKEN = "GENERATOR_BROKEN"
    GENERATOR_NOT_FOUND = "GENERATOR_NOT_FOUND"
    INTERNAL = "INTERNAL"
    INVALID_SPEC = "INVALID_SPEC"
    LIBRARY_CHANGED = "LIBRARY_CHANGED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    PAYLOAD_UNREADABLE = "PAYLOAD_UNREADABLE"
    PROCESS_ENDED = "PROCESS_ENDED"
    RENDER_OUT_OF_MEMORY = "RENDER_OUT_OF_MEMORY"
    RENDER_PROCESS_DIED = "RENDER_PROCESS_DIED"
    RENDER_TIMEOUT = "RENDER_TIMEOUT"
    STORE_BUSY = "STORE_BUSY"
    STORE_CORRUPT = "STORE_CORRUPT"
    STORE_DAMAGED = "STORE_DAMAGED"
    STORE_FORBIDDEN = "STORE_FORBIDDEN"
    STORE_FULL = "STORE_FULL"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    TEMPLATE_CHANGED = "TEMPLATE_CHANGED"
    TEMPLATE_FAILED = "TEMPLATE_FAILED"
    TEMPLATE_NOT_FOUND = "TEMPLATE_NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"
    WORKER_LOST = "WORKER_LOST"
    OTHER = "OTHER"

    @classmethod
    def of(cls, code: str) -> FailureReason:
        """The reason of this code."""
        return cls.__members__.get(code, cls.OTHER)


class Measures(Protocol):
    """Records what happened. No method raises, waits or keeps what it is given; all may be called from the event loop."""

    def run_enqueued(self, count: int = 1) -> None:
        """Runs were accepted, or started again: those that were known before are none."""
        ...

    def attempt_begun(self, wait_ms: int) -> None:
        """An attempt began. wait_ms: since its run could have been taken."""
        ...

    def attempt_ended(self, outcome: AttemptOutcome, duration_s: float, code: str = "") -> None:
        """An attempt ended after duration_s. code: of its failure, where it failed."""
        ...

    def attempt_lost(self, code: str) -> None:
        """A run was taken up whose last attempt never ended. code: what its record says of that attempt."""
        ...

    def run_ended(self, outcome: RunOutcome) -> None:
        """A run came into a terminal state."""
        ...

    def document_rendered(self, format: Format, duration_s: float) -> None:
        """One document was rendered, or failed to; duration_s without waiting for a render process."""
        ...

    def document_looked_up(self, *, reused: bool) -> None:
        """The document cache was asked for one document. reused: it had it, so nothing is rendered."""
        ...

    def artefact_kept(self, format: Format, size: int) -> None:
        """One artefact of so many bytes went into the store."""
        ...

    def call_ended(self, method: str, code: str, duration_s: float) -> None:
        """One call to docugen.v1 ended. method: its plain name. code: name of its gRPC status."""
        ...

    def queue_seen(self, stats: QueueStats) -> None:
        """The queue at this moment. Forgotten again after a while in which it is not seen."""
        ...

    def slots_seen(self, busy: int, slots: int) -> None:
        """How many of this process's slots hold a run now."""
        ...


class _Unmeasured:
    """Implements Measures by keeping nothing."""

    def run_enqueued(self, count: int = 1) -> None: ...

    def attempt_begun(self, wait_ms: int) -> None: ...

    def attempt_ended(self, outcome: AttemptOutcome, duration_s: float, code: str = "") -> None: ...

    def attempt_lost(self, code: str) -> None: ...

    def run_ended(self, outcome: RunOutcome) -> None: ...

    def document_rendered(self, format: Format, duration_s: float) -> None: ...

    def document_looked_up(self, *, reused: bool) -> None: ...

    def artefact_kept(self, format: Format, size: int) -> None: ...

    def call_ended(self, method: str, code: str, duration_s: float) -> None: ...

    def queue_seen(self, stats: QueueStats) -> None: ...

    def slots_seen(self, busy: int, slots: int) -> None: ...


UNMEASURED: Measures = _Unmeasured()
