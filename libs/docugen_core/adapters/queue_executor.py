"""The executor with a queue: runs are written to Redis Streams, and workers elsewhere render them.

A submit is accepted when Redis has it; nothing of a run lives in this process. Any number of schedulers may serve one queue.

    store      manifests: a run that has one is finished, whatever Redis knows or has lost. Large specs (claim check)
    Redis      everything else about a run, until its record expires (DOCUGEN_QUEUE_KEEP_MS after its end)

Not in here: what happens when Redis is away (queue_fallback), whether it is fit (queue_health), batching (submit_batcher),
watching (run_watcher), lists (queue_listing).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import assert_never

from docugen_core.adapters.job_codec import PAYLOAD_VERSION, PayloadUnreadable, read_payload
from docugen_core.adapters.queue_health import Fitness, QueueHealth
from docugen_core.adapters.queue_listing import scan
from docugen_core.adapters.queue_records import accepted_run, lacks_documents, new_job, queued_run
from docugen_core.adapters.run_answers import (
    finished_run,
    no_such_run,
    not_cancellable,
    not_retryable,
    refuse_other_spec,
    shutting_down,
)
from docugen_core.adapters.run_watcher import RunWatcher
from docugen_core.adapters.submit_batcher import SubmitBatcher
from docugen_core.deletion import not_deletable
from docugen_core.domain.job import CancelVerdict, EraseVerdict, JobRecord, NewJob, RetryVerdict
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import BundleRun, RunState
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.domain.trace import TraceContext
from docugen_core.errors import Overloaded, Unavailable
from docugen_core.measures import UNMEASURED, Measures, RunOutcome
from docugen_core.ports import ArtefactStore, Clock, ExecutionMode, GenerationJob, JobQueue, Submission
from docugen_core.submission import QUICK_BYTES, aside, new_run
from docugen_core.tracing import UNTRACED, Step, Tracer, current_trace

READ_MAX = 500
FULL_RETRY_MS = 5_000
LAST_REVISION = 1 << 52
"""Of a run that is known by its manifest alone: nothing follows it, so it is newer than whatever a watcher has seen."""


@dataclass(frozen=True, slots=True)
class _Packed:
    """A job to send. first: its run, before the queue has given it a time. apart: its spec, if it is too large to travel
    inside; it is in the store before the job is sent, so that whoever gets the entry can read it."""

    job: NewJob
    first: BundleRun
    apart: bytes


class QueueExecutor:
    """Implements ports.GenerationExecutor. Use as `async with`; queue and health are the caller's to open and close.

    max_attempts: for runs that ask for none. inline_bytes: specs larger than this go to the store and travel by digest.
    """

    mode = ExecutionMode.QUEUE

    def __init__(
        self,
        *,
        queue: JobQueue,
        store: ArtefactStore,
        clock: Clock,
        health: QueueHealth,
        max_attempts: int,
        inline_bytes: int,
        measures: Measures = UNMEASURED,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._queue = queue
        self._store = store
        self._clock = clock
        self._health = health
        self._max_attempts = max_attempts
        self._inline_bytes = inline_bytes
        self._measures = measures
        self._tracer = tracer
        self._batcher = SubmitBatcher(queue, admit=health.check)
        self._watcher = RunWatcher(queue, self._read, clock)
        self._draining = False

    async def __aenter__(self) -> QueueExecutor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drain(0)
        await self._watcher.aclose()

    # --- what callers ask -------------------------------------------------------------------------------------------

    async def submit(self, job: GenerationJob) -> Submission:
        """As the port says. Raises Unavailable: QUEUE_UNAVAILABLE (not reached, or no answer: the job may be in; ask again),
        QUEUE_UNFIT, QUEUE_DISK_FULL; Overloaded: QUEUE_FULL, QUEUE_MEMORY_FULL."""
        if self._draining:
            raise shutting_down()
        with self._tracer.span(Step.SUBMIT, run_id=job.run_id) as span:
            submission = await self._submitted(job)
            if submission.deduplicated:
                span.note(deduplicated=True)
            return submission

    async def _submitted(self, job: GenerationJob) -> Submission:
        with self._batcher.coming():
            known = await self._finished(job.run_id)
            if known is None:
                is_quick = len(job.bundle.canonical_bytes()) <= QUICK_BYTES
                packed = await aside(is_quick, self._packed, job, current_trace())
        if known is None:
            self._health.check()
            if packed.apart:
                await self._store.put_spec(packed.job.spec_digest, packed.apart)
            acceptance = await self._batcher.submit(packed.job)
            if acceptance.accepted is not None:
                self._measures.run_enqueued()
                return Submission(accepted_run(packed.first, acceptance.accepted), deduplicated=False)
            if acceptance.known is None:
                raise _queue_full()
            known = await self._run(acceptance.known)
        refuse_other_spec(known, job.bundle.spec_digest)
        return Submission(known, deduplicated=True)

    async def get(self, run_id: str) -> BundleRun:
        """As the port says. A finished run is found while Redis is away, and after its record expired, by its manifest."""
        trouble: Unavailable | None = None
        try:
            record = (await self._queue.get([run_id]))[0]
        except Unavailable as error:
            record, trouble = None, error
        if record is not None:
            return await self._run(record)
        published = await self._published(run_id)
        if published is None:
            raise trouble or no_such_run(run_id)
        return published

    async def spec(self, run_id: str) -> bytes | None:
        run = await self.get(run_id)
        return await self._store.read_spec(run.spec_digest) or await self._queued_spec(run_id)

    async def list(self, query: RunQuery) -> RunPage:
        """As the port says; a page may be short before the end (queue_listing)."""
        found = await scan(self._queue, query)
        return RunPage(await self._runs(found.records), found.next_page_token(query))

    async def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        last: BundleRun | None = None
        async for run in self._watcher.watch(run_id, lambda: self.get(run_id)):
            last = run
            yield run
        if last is not None and not last.state.is_terminal and not self._draining:
            await self.get(run_id)  # its record was lost: NotFound says so

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        """As the port says. A run that a worker has is CANCELLING in the answer, and CANCELLED when the worker confirms."""
        before = (await self._queue.get([run_id]))[0]
        match await self._queue.cancel(run_id, reason):
            case CancelVerdict.CANCELLED:
                # A run that a worker had is counted by its worker, and one that was cancelled before was counted then.
                if before is not None and before.state in (RunState.QUEUED, RunState.RETRYING):
                    self._measures.run_ended(RunOutcome.CANCELLED)
                return await self.get(run_id)
            case CancelVerdict.CANCELLING:
                return await self.get(run_id)
            case CancelVerdict.ENDED | CancelVerdict.UNKNOWN:
                raise not_cancellable(await self.get(run_id))
            case never:
                assert_never(never)

    async def retry(self, run_id: str) -> BundleRun:
        match await self._queue.retry(run_id):
            case RetryVerdict.QUEUED:
                self._measures.run_enqueued()
                return await self.get(run_id)
            case RetryVerdict.FULL:
                raise _queue_full()
            case RetryVerdict.NOT_RETRYABLE | RetryVerdict.UNKNOWN:
                raise not_retryable(await self.get(run_id))
            case RetryVerdict.PAYLOAD_GONE:
                raise not_retryable(
                    await self.get(run_id),
                    "Its dead letter was dropped, and its spec with it: submit the bundle under another bundle_run_id.",
                )
            case never:
                assert_never(never)

    async def forget(self, run_id: str) -> None:
        if await self._queue.erase(run_id) is EraseVerdict.UNFINISHED:
            raise not_deletable(await self.get(run_id))

    async def ready(self) -> bool:
        """Whether Redis answered lately and may be trusted. A full queue is no reason to send callers elsewhere: it is the
        same everywhere."""
        return not self._draining and self._health.fitness is Fitness.FIT

    async def drain(self, grace_ms: int) -> None:
        """Accept nothing new; what waits to be sent is sent. Runs are the workers' and go on."""
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(max(grace_ms, 1) / 1_000):
                await self._batcher.drain()

    # --- submitting -------------------------------------------------------------------------------------------------

    def _packed(self, job: GenerationJob, trace: TraceContext) -> _Packed:
        spec = job.bundle.canonical_bytes()
        apart = len(spec) > self._inline_bytes
        first = new_run(job, now_ms=0, max_attempts=self._max_attempts)
        return _Packed(new_job(job, first, spec=b"" if apart else spec, trace=trace), first, spec if apart else b"")

    async def _finished(self, run_id: str) -> BundleRun | None:
        """The run, if it has a manifest: then it is not queued again, although Redis may have lost or never had its record."""
        manifest = await self._store.read_manifest(run_id)
        if manifest is None:
            return None
        record = None
        with suppress(Unavailable):
            record = (await self._queue.get([run_id]))[0]
        known = Manifest.from_bytes(manifest)
        return queued_run(record, known) if record else _last(run_id, known)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _read(self, run_ids: Iterable[str]) -> dict[str, BundleRun]:
        """Present snapshots of these runs; those that are neither on record nor published are left out."""
        wanted, found = tuple(run_ids), dict[str, BundleRun]()
        for at in range(0, len(wanted), READ_MAX):
            batch = wanted[at : at + READ_MAX]
            records = await self._queue.get(batch)
            known = await self._runs([r for r in records if r])
            lost = [run_id for run_id, record in zip(batch, records, strict=True) if record is None]
            published = await asyncio.gather(*(self._published(run_id) for run_id in lost))
            found |= {run.run_id: run for run in (*known, *published) if run}
        return found

    async def _runs(self, records: Iterable[JobRecord]) -> tuple[BundleRun, ...]:
        """Records as runs, in order, with their documents."""
        return tuple(await asyncio.gather(*(self._run(record) for record in records)))

    async def _run(self, record: JobRecord) -> BundleRun:
        manifest = await self._store.read_manifest(record.run_id) if lacks_documents(record) else None
        return queued_run(record, Manifest.from_bytes(manifest) if manifest else None)

    async def _published(self, run_id: str) -> BundleRun | None:
        manifest = await self._store.read_manifest(run_id)
        return None if manifest is None else _last(run_id, Manifest.from_bytes(manifest))

    async def _queued_spec(self, run_id: str) -> bytes | None:
        """The spec inside the job itself, while the queue has it."""
        held = await self._queue.payload(run_id)
        if held is None or held[0] != PAYLOAD_VERSION:
            return None
        with suppress(PayloadUnreadable):
            return read_payload(held[1]).spec_json or None
        return None


def _last(run_id: str, manifest: Manifest) -> BundleRun:
    return replace(finished_run(run_id, manifest), revision=LAST_REVISION)


def _queue_full() -> Overloaded:
    return Overloaded(
        "the queue has as many unfinished jobs as it may have",
        code="QUEUE_FULL",
        hint="Come back after the delay in RetryInfo, add workers, or raise DOCUGEN_QUEUE_MAX_DEPTH.",
        retry_after_ms=FULL_RETRY_MS,
    )
