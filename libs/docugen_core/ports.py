"""What the use cases need from the world, as Protocols. Adapters implement them; tests/contracts runs over every one.

No method returns a library's type and none raises a library's error: only values of the domain and `docugen_core.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.demand import Demand
from docugen_core.domain.lease import (
    Acceptance,
    CancelVerdict,
    ChangePage,
    DeadLetter,
    EraseVerdict,
    JobRecord,
    Lease,
    LetterPage,
    NewJob,
    ProgressReport,
    Pulse,
    QueueStats,
    RecordPage,
    Redriven,
    RetryVerdict,
    Settled,
    Settlement,
    SweepReport,
    Takings,
    WorkerAdvert,
    WorkerSighting,
)
from docugen_core.domain.manifest import Engine
from docugen_core.domain.run import BundleRun, ExecutionPolicy
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.domain.survey import QueueSurvey
from docugen_core.rendering.task import Rendering, Task


class ExecutionMode(Enum):
    """INLINE: renders in this process tree, no Redis. QUEUE: hands jobs to workers through Redis Streams."""

    INLINE = "inline"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """One bundle to render, ready to run: validated, resolved, named."""

    run_id: str
    tenant: str
    bundle: ResolvedBundle
    policy: ExecutionPolicy


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to a submit. deduplicated: the run was known before; `run` is its present state."""

    run: BundleRun
    deduplicated: bool


class GenerationExecutor(Protocol):
    """Runs generation jobs and knows their state. One instance a process; use as `async with`."""

    mode: ExecutionMode

    async def submit(self, job: GenerationJob) -> Submission:
        """Accept `job`, durably, and return at once. Idempotent: the same id and spec is the same run.

        Raises BundleRunExists (same id, other spec), Overloaded (no room; nothing was stored), Unavailable.
        """
        ...

    async def get(self, run_id: str) -> BundleRun:
        """The present snapshot. Raises NotFound (BUNDLE_RUN_NOT_FOUND)."""
        ...

    async def spec(self, run_id: str) -> bytes | None:
        """The canonical spec of a run; None where it was not kept. Raises NotFound (BUNDLE_RUN_NOT_FOUND)."""
        ...

    async def list(self, query: RunQuery) -> RunPage:
        """A page of runs, newest first. Raises InvalidRequest for a page token of another query."""
        ...

    def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        """Snapshots with growing revision: the present one first, the terminal one last, coalesced for slow readers.

        Raises NotFound on the first step. Safe to abandon at any time.
        """
        ...

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        """Stop an unfinished run; nothing of it is published. `reason` is kept in the record.

        Raises NotFound, NotPossibleNow (NOT_CANCELLABLE: it is terminal). Cancelling twice is cancelling once.
        """
        ...

    async def retry(self, run_id: str) -> BundleRun:
        """Start a failed or cancelled run again, from attempt 1, with the same id, spec and seed.

        Raises NotFound, NotPossibleNow (NOT_RETRYABLE: it has not ended, or it succeeded), Overloaded.
        """
        ...

    async def forget(self, run_id: str) -> None:
        """Remove the record of a run that has ended. One that is unknown is no error; its manifest is the store's.

        Raises NotPossibleNow (NOT_DELETABLE: it has not ended), Unavailable.
        """
        ...

    async def ready(self) -> bool:
        """Whether a submit would be accepted now."""
        ...

    async def drain(self, grace_ms: int) -> None:
        """Take nothing new, and let what runs finish for `grace_ms`. What is left then goes on at the next start,
        without having spent an attempt."""
        ...


class RunLedger(Protocol):
    """The durable record of runs. The store's manifests outrank it: it may be lost without losing a document."""

    async def insert(self, run: BundleRun, spec: bytes) -> BundleRun | None:
        """Record a new run and its canonical spec, durably. If the id is known, change nothing and return the known run."""
        ...

    async def update(self, run: BundleRun) -> None:
        """Replace the record unless it already has a higher revision."""
        ...

    async def get(self, run_id: str) -> BundleRun | None: ...

    async def spec(self, run_id: str) -> bytes | None:
        """The canonical spec that was inserted with the run."""
        ...

    async def list(self, query: RunQuery) -> RunPage: ...

    async def delete(self, run_id: str) -> bool:
        """Remove the record and spec of a run in a terminal state. False for one that is not in one, and changes nothing then;
        True also where there is none."""
        ...

    async def unfinished(self) -> tuple[tuple[BundleRun, bytes], ...]:
        """Every run that is not in a terminal state, with its canonical spec, oldest first."""
        ...


class ArtefactStore(Protocol):
    """Write-once storage of bytes by content, and of finished bundles by run id.

        blobs/{sha256}  ->  claims/{run}.json (first wins)  ->  artefacts/{run}/{name}  ->  manifests/{run}.json last

    Every step can be repeated by anybody and ends in the same state; nothing is ever overwritten. A reader that sees the
    manifest can read every artefact it lists.
    """

    async def put_blob(self, data: bytes) -> str:
        """Keep `data` durably under its SHA-256 (returned). Idempotent. Raises Unavailable when it cannot be written."""
        ...

    async def read_blob(self, sha256: str, offset: int = 0, limit: int = -1) -> bytes:
        """Bytes of a blob, `limit` at most (-1: to the end). Raises NotFound (ARTEFACT_NOT_FOUND), Unavailable."""
        ...

    async def blob_size(self, sha256: str) -> int:
        """Size of a blob in bytes. Raises NotFound (ARTEFACT_NOT_FOUND), Unavailable."""
        ...

    async def put_spec(self, spec_digest: str, spec: bytes) -> None:
        """Keep a canonical spec as `specs/{spec_digest}.json`, so that any finished run can be verified. Idempotent."""
        ...

    async def read_spec(self, spec_digest: str) -> bytes | None: ...

    async def put_signature(self, manifest_sha256: str, signature: bytes) -> None:
        """Keep the signature of a manifest, before it is published: whichever manifest stands, its signature is here then.
        Idempotent; a signature by another key takes the place of an older one, but not beside runs that are published."""
        ...

    async def read_signature(self, run_id: str) -> bytes | None:
        """The signature beside the manifest of a finished run; None where it is not signed."""
        ...

    async def publish(self, run_id: str, manifest: bytes) -> bytes:
        """Make the run's artefacts visible, then its signature, then its manifest; return the manifest that stands.

        The artefacts' blobs are in the store. If another attempt published first, its manifest stands and is returned:
        the caller compares. Raises Unavailable; may be repeated after any error.
        """
        ...

    async def read_manifest(self, run_id: str) -> bytes | None: ...

    async def withdraw(self, run_id: str) -> None:
        """Take away what stands below the run's manifest: claim, artefacts, signature. Idempotent. Only `deletion` calls it."""
        ...

    async def unpublish(self, run_id: str) -> None:
        """Take away the run's manifest, after `withdraw`: the run is not finished any more. Idempotent."""
        ...

    async def artefact_url(self, run_id: str, name: str, lifetime_s: int) -> str:
        """A URL to GET an artefact of a published run, by anybody who has it, for `lifetime_s` seconds.

        Raises NotPossibleNow (URLS_NOT_SUPPORTED) where the store has none.
        """
        ...

    async def run_ids(self) -> tuple[str, ...]:
        """Ids of all published runs, sorted."""
        ...


class DocumentNotes(Protocol):
    """Small notes beside a store, by document digest (64 hex digits), for `document_cache`. Hints: any of them may vanish."""

    async def read_note(self, document_digest: str) -> bytes | None:
        """The note; None where there is none. Raises Unavailable."""
        ...

    async def keep_blob(self, sha256: str, data: bytes) -> bool:
        """Make the blob that a note led to young again, so that no sweep takes it before it is published. data: its bytes.
        False where it is gone meanwhile."""
        ...

    async def write_note(self, document_digest: str, note: bytes) -> None:
        """Put a note in the place of any older one: readers see all of it or none. Need not survive a power failure.

        Keeps the number of notes within its bound. Raises Unavailable.
        """
        ...


class StoredKind(Enum):
    """What can be listed and swept in a store, by its folder. Named by digest; a claim by its run."""

    CLAIM = "claims"
    NOTE = "documents"
    BLOB = "blobs"
    SPEC = "specs"
    SIGNATURE = "signatures"


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One of them. modified_ms: when it was written, or used, last; by the store's clock."""

    name: str
    size: int
    modified_ms: int


class StoreKeeping(Protocol):
    """Looking through a store and taking out what nothing refers to, for `retention`."""

    def items(self, kind: StoredKind) -> AsyncIterator[StoredItem]:
        """All there is of a kind, in any order, read as it is asked for. Raises Unavailable."""
        ...

    async def read_claim(self, run_id: str) -> bytes | None: ...

    async def discard(self, kind: StoredKind, name: str, *, before_ms: int) -> bool:
        """Remove an item unless it was written or used since `before_ms`; looked at again now. Whether it was removed."""
        ...


class BundleStore(ArtefactStore, DocumentNotes, StoreKeeping, Protocol):
    """All that one store does, as the composition roots open it."""


class Signer(Protocol):
    """Signs manifests."""

    def sign(self, manifest: bytes) -> bytes:
        """The bytes of the detached signature file: the same for the same manifest."""
        ...


class Renderer(Protocol):
    """Runs render tasks in processes of their own that can be killed."""

    async def render(self, task: Task) -> Rendering:
        """The document's bytes. A pure function of `task` and the engine. Cancelling it kills the render at once.

        Raises RenderFailed, LimitExceeded (deterministic) or RenderInterrupted (killed at its deadline, process died).
        """
        ...

    @property
    def engine(self) -> Engine:
        """What renders; the same in every render process."""
        ...


class Clock(Protocol):
    """The only time there is, for records and timeouts. Documents never see it."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None: ...


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


class JobSource(Protocol):
    """The queue for one worker process. After a take that raised, call recover before the next one."""

    async def take(self, want: int) -> Takings:
        """Up to `want` jobs under new leases: due ones first, then new ones by priority, none starved."""
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
