"""One run of the in-process executor, from QUEUED to its end: attempts, delays, records, watchers, measures, one log line.

`InlineRun` owns the run's snapshot; nobody else changes it. Its task is `lead`, and cancelling that task is how a run is
stopped: with a `cancel_reason` the run ends CANCELLED, without one its attempt is handed back unspent (a drain).

Not in here: who may start a run, and what was there before; that is `inline_executor`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from docugen_core.adapters.attempt_trace import AttemptBegin, trace_lost_attempt, traced_attempt
from docugen_core.adapters.run_feed import RunFeed
from docugen_core.domain.failure import Failure
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.retry import GiveUp, RetryAfter, RetryPolicy, decide
from docugen_core.domain.run import BundleRun, DocumentProgress, RunState
from docugen_core.errors import DeterminismViolation, DocugenError, RenderInterrupted, Unavailable
from docugen_core.generation import BundleRenderer, generate
from docugen_core.measures import AttemptOutcome, Measures, RunOutcome
from docugen_core.ports import ArtefactStore, Clock, GenerationJob, RunLedger
from docugen_core.tracing import NO_SPAN, Span, Tracer, inside

log = structlog.get_logger(__name__)

WORKER = "inline"
RECORD_AGAIN_MS = 1_000
"""How long after the end of a run that could not be recorded it is tried again."""


class Slots:
    """How many bundles render at once. render_ms: a moving mean of what one takes."""

    def __init__(self, count: int, measures: Measures) -> None:
        self.count = count
        self.busy = 0
        self.render_ms = 1_000.0
        self._free = asyncio.Semaphore(count)
        self._measures = measures
        measures.slots_seen(0, count)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Waits for a slot, in the order of asking, and holds it."""
        async with self._free:
            self._count(+1)
            try:
                yield
            finally:
                self._count(-1)

    def rendered(self, duration_ms: int) -> None:
        self.render_ms += (duration_ms - self.render_ms) / 8

    def _count(self, change: int) -> None:
        self.busy += change
        self._measures.slots_seen(self.busy, self.count)


@dataclass(frozen=True, slots=True)
class RunParts:
    """What every run of an executor works with."""

    bundles: BundleRenderer
    store: ArtefactStore
    ledger: RunLedger
    clock: Clock
    policy: RetryPolicy
    attempt_timeout_ms: int
    slots: Slots
    feed: RunFeed
    measures: Measures

    @property
    def tracer(self) -> Tracer:
        return self.bundles.tracer


class InlineRun:
    """See the module. run: its present snapshot. queued_ms: since when it waits, for the first time or again."""

    def __init__(self, run: BundleRun, job: GenerationJob, parts: RunParts) -> None:
        self.run = run
        self.queued_ms = parts.clock.now_ms()
        self.cancel_reason: str | None = None
        self._job = job
        self._parts = parts
        self._unrecorded = False
        self._waited_ms = 0
        self._span: Span = NO_SPAN

    @property
    def waits_since_ms(self) -> int:
        """Since when it could run: later than `queued_ms` for one with a start time or a retry's delay."""
        return max(self.queued_ms, self.run.next_attempt_time_ms)

    async def lead(self) -> None:
        """Through as many attempts as it takes, and until the end is on record."""
        clock = self._parts.clock
        structlog.contextvars.bind_contextvars(run_id=self.run.run_id)
        with inside(self.run.trace):
            await self._led(clock)

    async def _led(self, clock: Clock) -> None:
        try:
            done = False
            while not done:
                await clock.sleep_ms(max(0, self.run.next_attempt_time_ms - clock.now_ms()))
                done = await self._attempt()
            while self._unrecorded:
                await clock.sleep_ms(RECORD_AGAIN_MS)
                await self._record(self.run)
        except asyncio.CancelledError:
            await self._interrupted()
            raise

    async def lost(self) -> bool:
        """The process that rendered it ended: that attempt is spent. True when the run is terminal now."""
        error = RenderInterrupted("the process that rendered this run ended", code="PROCESS_ENDED", hint="See its log.")
        run, parts = self.run, self._parts
        lost = AttemptBegin(run.run_id, run.attempt, WORKER, run.start_time_ms)
        trace_lost_attempt(parts.tracer, run.trace, lost, parts.clock.now_ms(), error.reason)
        return await self._failed(error, lost=True)

    async def _attempt(self) -> bool:
        """One attempt. True when the run is terminal now."""
        parts = self._parts
        async with parts.slots.one():
            started = parts.clock.now_ms()
            self._waited_ms = max(0, started - self.waits_since_ms)
            parts.measures.attempt_begun(self._waited_ms)
            last = WORKER if self.run.start_time_ms else ""
            begin = AttemptBegin(
                self.run.run_id,
                self.run.attempt + 1,
                WORKER,
                started,
                self._waited_ms,
                last,
                self.run.start_time_ms,
            )
            with traced_attempt(parts.tracer, self.run.trace, begin) as self._span:
                try:
                    return await self._attempted(begin)
                except asyncio.CancelledError:
                    cancelled = self.cancel_reason is not None
                    self._span.note(
                        outcome=(AttemptOutcome.CANCELLED if cancelled else AttemptOutcome.HANDED_BACK).value
                    )
                    raise
                finally:
                    self._span = NO_SPAN  # the run goes on after it

    async def _attempted(self, begin: AttemptBegin) -> bool:
        parts = self._parts
        await self._record(
            self.run.moved(
                RunState.RUNNING,
                attempt=begin.number,
                worker=WORKER,
                start_time_ms=begin.start_ms,
                next_attempt_time_ms=0,
                failure=None,
                documents=tuple(DocumentProgress(d.name) for d in self.run.documents),
            )
        )
        try:
            manifest = await generate(
                self._job,
                bundles=parts.bundles,
                store=parts.store,
                timeout_ms=parts.attempt_timeout_ms,
                on_progress=self._show,
            )
        except DocugenError as error:
            return await self._failed(error)
        except Exception:
            # A bug of ours, not the caller's: the record says so without internals, the log says where.
            log.exception("run_crashed", run_id=self.run.run_id)
            return await self._failed(DocugenError("an internal error ended the run"))
        await self._succeeded(manifest)
        return True

    async def _succeeded(self, manifest: Manifest) -> None:
        finished = self._parts.clock.now_ms()
        self._parts.slots.rendered(finished - self.run.start_time_ms)
        self._attempt_ended(AttemptOutcome.SUCCEEDED, manifest=manifest)
        self._parts.measures.run_ended(RunOutcome.SUCCEEDED)
        await self._record(self.run.moved(RunState.SUCCEEDED, finish_time_ms=finished, manifest_digest=manifest.digest))

    async def _failed(self, error: DocugenError, *, lost: bool = False) -> bool:
        """Settle a failed attempt: park the run until its next one, or end it. True when it is terminal now."""
        run, now = self.run, self._parts.clock.now_ms()
        if isinstance(error, DeterminismViolation):
            log.error("determinism_violated", run_id=run.run_id, **error.details)
        failure = error.failure()
        policy = replace(self._parts.policy, max_attempts=run.max_attempts)
        match decide(failure, run_id=run.run_id, attempt=run.attempt, policy=policy):
            case RetryAfter(delay_ms):
                self._attempt_ended(AttemptOutcome.LOST if lost else AttemptOutcome.RETRIED, failure.code)
                await self._record(run.moved(RunState.RETRYING, failure=failure, next_attempt_time_ms=now + delay_ms))
                return False
            case GiveUp():
                self._attempt_ended(AttemptOutcome.LOST if lost else AttemptOutcome.FAILED, failure.code)
                self._parts.measures.run_ended(RunOutcome.FAILED)
                await self._record(run.moved(RunState.FAILED, failure=failure, finish_time_ms=now))
                return True

    async def _interrupted(self) -> None:
        """The task was cancelled: by a caller, or by a drain, which hands the attempt back unspent."""
        run = self.run
        if run.state.is_terminal:  # cancelled while its end was being recorded: make sure that it is
            await self._record(run)
        elif self.cancel_reason is not None:
            self._parts.measures.run_ended(RunOutcome.CANCELLED)
            if run.state is RunState.RUNNING:
                self._attempt_ended(AttemptOutcome.CANCELLED)
                run = run.moved(RunState.CANCELLING)
            why = Failure("CANCELLED", self.cancel_reason or "cancelled by a caller")
            now = self._parts.clock.now_ms()
            await self._record(run.moved(RunState.CANCELLED, failure=why, finish_time_ms=now))
        elif run.state is RunState.RUNNING:
            self._attempt_ended(AttemptOutcome.HANDED_BACK)
            await self._record(run.moved(RunState.QUEUED, attempt=run.attempt - 1))

    def _attempt_ended(self, outcome: AttemptOutcome, code: str = "", manifest: Manifest | None = None) -> None:
        """Measured and logged before it is recorded: a cancel that comes during the recording must not take it along."""
        if outcome is AttemptOutcome.LOST:
            self._parts.measures.attempt_lost(code)
            duration_ms = 0
        else:
            duration_ms = max(0, self._parts.clock.now_ms() - self.run.start_time_ms)
            self._parts.measures.attempt_ended(outcome, duration_ms / 1_000, code)
        size = sum(a.size for a in manifest.artefacts) if manifest else 0
        reused = sum(d.reused for d in self.run.documents)
        self._span.note(outcome=outcome.value, bytes=size, reused=reused)
        if code:
            self._span.failed(code)
        log.info(
            "job_settled",
            run_id=self.run.run_id,
            attempt=self.run.attempt,
            outcome=outcome.value,
            code=code,
            wait_ms=self._waited_ms,
            render_ms=duration_ms,
            bytes=size,
            reused=reused,
            manifest=manifest.digest if manifest else "",
        )

    async def _record(self, run: BundleRun) -> None:
        """Make a new state known: to the ledger, then to watchers. Shielded: a cancelled run still records its end.

        A state that the ledger cannot take is known here only; the next one that it takes holds all of it.
        """
        self.run = run
        try:
            await asyncio.shield(self._parts.ledger.update(run))
            self._unrecorded = False
        except Unavailable as error:
            if not self._unrecorded:  # once a run, not once a second
                log.warning(
                    "run_unrecorded", run_id=run.run_id, state=run.state.value, reason=error.reason, hint=error.hint
                )
            self._unrecorded = True
        self._parts.feed.publish(run)

    def _show(self, progress: DocumentProgress) -> None:
        """Progress inside an attempt: for watchers; not worth a disk write."""
        self.run = self.run.with_document(progress)
        self._parts.feed.publish(self.run)
