"""Where runs are executed and recorded: what the API and the command line submit to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.run import BundleRun, ExecutionPolicy
from docugen_core.domain.run_query import RunPage, RunQuery


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
