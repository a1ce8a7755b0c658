"""The life of a bundle run: one table of legal moves, used by the runtime check, the docs and the stateful test.

QUEUED      -> RUNNING, CANCELLING, CANCELLED, FAILED
RUNNING     -> SUCCEEDED, RETRYING, FAILED, CANCELLING, QUEUED (handed back unspent)
RETRYING    -> RUNNING, CANCELLING, CANCELLED, FAILED
CANCELLING  -> CANCELLED, SUCCEEDED (it was finished first), FAILED
SUCCEEDED   (terminal)
FAILED      -> QUEUED (retried or redriven by an operator)
CANCELLED   -> QUEUED (retried by the caller)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from docugen_core.domain.failure import Failure
from docugen_core.domain.trace import NO_TRACE, TraceContext


class RunState(Enum):
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})

MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLING, RunState.CANCELLED, RunState.FAILED}),
    RunState.RUNNING: frozenset(
        {
            RunState.SUCCEEDED,
            RunState.RETRYING,
            RunState.FAILED,
            RunState.CANCELLING,
            RunState.QUEUED,
        }
    ),
    RunState.RETRYING: frozenset({RunState.RUNNING, RunState.CANCELLING, RunState.CANCELLED, RunState.FAILED}),
    RunState.CANCELLING: frozenset({RunState.CANCELLED, RunState.SUCCEEDED, RunState.FAILED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
}


class Priority(Enum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class DocumentState(Enum):
    PENDING = "pending"
    RENDERING = "rendering"
    RENDERED = "rendered"
    OMITTED = "omitted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DocumentProgress:
    """How far one document is. pages and size are 0 until it is rendered, and where the format has no pages.

    reused: its bytes were taken over from an earlier rendering; known only while the attempt runs, and recorded nowhere.
    """

    name: str
    state: DocumentState = DocumentState.PENDING
    pages: int = 0
    size: int = 0
    reused: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """How to run, never what to render: nothing in here reaches the digest.

    max_attempts: deliveries before giving up, 0 for the server's setting. labels: free text for lists and filters.
    not_before_ms: earliest start, in milliseconds since the epoch; 0 for at once.
    """

    priority: Priority = Priority.NORMAL
    max_attempts: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class BundleRun:
    """The record of one run: a full snapshot, never a diff.

    Times are milliseconds since the epoch, 0 for "not yet". revision grows by at least one with every change. attempt
    counts deliveries, from 1. templates: the distinct `pack/template` names, for filters. trace: of its submit, where this
    record is what remembers it.
    """

    run_id: str
    tenant: str
    spec_digest: str
    seed: str
    state: RunState
    revision: int
    create_time_ms: int
    max_attempts: int
    start_time_ms: int = 0
    finish_time_ms: int = 0
    next_attempt_time_ms: int = 0
    attempt: int = 0
    worker: str = ""
    policy: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    documents: tuple[DocumentProgress, ...] = ()
    templates: tuple[str, ...] = ()
    failure: Failure | None = None
    manifest_digest: str = ""
    trace: TraceContext = NO_TRACE

    def moved(self, to: RunState, **changes: object) -> BundleRun:
        """This run in state `to`, one revision on. Raises ValueError for a move that is not in MOVES (a bug of ours)."""
        if to not in MOVES[self.state]:
            raise ValueError(f"run {self.run_id}: {self.state.name} -> {to.name} is not a legal move")
        return replace(self, state=to, revision=self.revision + 1, **changes)  # type: ignore[arg-type]

    def with_document(self, progress: DocumentProgress) -> BundleRun:
        """This run with one document's progress replaced, one revision on."""
        documents = tuple(progress if d.name == progress.name else d for d in self.documents)
        return replace(self, documents=documents, revision=self.revision + 1)
