"""The default executor: bundles render in this process's own render children. No queue, no Redis.

Bounded twice: `slots` bundles render at once, `waiting_max` more may wait; beyond that a submit is refused before anything
is stored. A run that is accepted is in the ledger first, with its spec, so a restart goes on where this process ended:

    ended by a crash     the attempt counts, as a lost lease does with a queue
    ended by a drain     the attempt does not count

The store's manifests outrank the ledger. A run with a manifest is finished, whatever the ledger says or has lost. So only the
acceptance of a run needs the ledger: one that cannot be written later (a full disk, often the store's too) stops no run. Its
attempts go on, its watchers see it end, and its end is recorded as soon as that can be done.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType

import structlog

from docugen_core.adapters.run_answers import (
    finished_run,
    no_such_run,
    not_cancellable,
    not_retryable,
    refuse_other_spec,
    shutting_down,
)
from docugen_core.adapters.run_feed import RunFeed
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.failure import Failure
from docugen_core.domain.lease import QueueStats
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.retry import GiveUp, RetryAfter, RetryPolicy, decide
from docugen_core.domain.run import (
    BundleRun,
    DocumentProgress,
    RunState,
)
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.errors import (
    DeterminismViolation,
    DocugenError,
    Overloaded,
    RenderInterrupted,
    Unavailable,
)
from docugen_core.generation import BundleRenderer, generate
from docugen_core.measures import UNMEASURED, AttemptOutcome, Measures, RunOutcome
from docugen_core.ports import (
    ArtefactStore,
    Clock,
    ExecutionMode,
    GenerationJob,
    RunLedger,
    Submission,
)
from docugen_core.submission import new_run

log = structlog.get_logger(__name__)

WORKER = "inline"
RECORD_AGAIN_MS = 1_000
"""How long after the end of a run that could not be recorded it is tried again."""


class InlineExecutor:
    """Implements ports.GenerationExecutor. Use as `async with`: entering takes up unfinished runs of the last process."""

    mode = ExecutionMode.INLINE

    def __init__(
        self,
        *,
        bundles: BundleRenderer,
        store: ArtefactStore,
        ledger: RunLedger,
        clock: Clock,
        policy: RetryPolicy,
        attempt_timeout_ms: int,
        slots: int,
        waiting_max: int,
        measures: Measures = UNMEASURED,
    ) -> None:
        self._bundles = bundles
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._policy = policy
        self._attempt_timeout_ms = attempt_timeout_ms
        self._room = slots + waiting_max
        self._slots = slots
        self._slot = asyncio.Semaphore(slots)
        self._busy = 0
        self._measures = measures
        self._feed = RunFeed()
        self._active: dict[str, BundleRun] = {}
        self._queued_ms: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._accepting: set[asyncio.Task[Submission]] = set()
        self._admitted = 0
        self._cancel_reasons: dict[str, str] = {}
        self._unrecorded: set[str] = set()
        self._draining = False
        self._render_ms = 1_000.0

    async def __aenter__(self) -> InlineExecutor:
        self._measures.slots_seen(0, self._slots)
        for run, spec in await self._ledger.unfinished():
            await self._take_up(run, spec)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.drain(0)
        self._feed.close()

    # --- what callers ask -------------------------------------------------------------------------------------------

    async def submit(self, job: GenerationJob) -> Submission:
        known = await self._known(job.run_id)
        if known is None:
            # Shielded: a caller that goes away during the write must not leave a recorded run that nobody leads.
            accepting = asyncio.create_task(self._accept(job), name=f"accept {job.run_id}")
            self._accepting.add(accepting)
            accepting.add_done_callback(self._accepting.discard)
            submission = await asyncio.shield(accepting)
            if not submission.deduplicated:
                return submission
            known = submission.run
        refuse_other_spec(known, job.bundle.spec_digest)
        return Submission(known, deduplicated=True)

    async def get(self, run_id: str) -> BundleRun:
        run = await self._known(run_id)
        if run is None:
            raise no_such_run(run_id)
        return run

    async def recorded(self, run_id: str) -> BundleRun | None:
        """The run, if this executor ever took it on; manifests are not looked at."""
        return self._active.get(run_id) or await self._ledger.get(run_id)

    async def spec(self, run_id: str) -> bytes | None:
        run = await self.get(run_id)
        return await self._ledger.spec(run_id) or await self._store.read_spec(run.spec_digest)

    async def list(self, query: RunQuery) -> RunPage:
        page = await self._ledger.list(query)
        return replace(page, runs=tuple(self._active.get(r.run_id, r) for r in page.runs))

    async def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        first = await self.get(run_id)
        async for run in self._feed.watch(run_id, first):
            yield run

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        run = await self.get(run_id)
        if run.state is RunState.CANCELLED:
            return run
        task = self._tasks.get(run_id)
        if task is None or run.state.is_terminal:
            raise not_cancellable(run)
        self._cancel_reasons[run_id] = reason
        await asyncio.sleep(0)  # a task that is cancelled before its first step runs no handler: let it take that step
        task.cancel()
        await asyncio.wait([task])
        return await self.get(run_id)

    async def retry(self, run_id: str) -> BundleRun:
        run = await self.get(run_id)
        spec = await self._ledger.spec(run_id)
        if run.state not in (RunState.FAILED, RunState.CANCELLED) or spec is None:
            raise not_retryable(run)
        if run_id in self._tasks:  # two retries at once: the first one has it
            return self._active[run_id]
        self._admit()
        run = run.moved(
            RunState.QUEUED,
            attempt=0,
            failure=None,
            start_time_ms=0,
            finish_time_ms=0,
            documents=tuple(DocumentProgress(d.name) for d in run.documents),
        )
        self._start(run, _job(run, spec))
        self._measures.run_enqueued()
        await self._ledger.update(run)
        return run

    async def ready(self) -> bool:
        return not self._draining and self._admitted < self._room

    async def stats(self) -> QueueStats:
        """The runs here as a queue shows them: waiting for a slot, parked until a time, being rendered."""
        now = self._clock.now_ms()
        waiting = [
            max(self._queued_ms[run.run_id], run.next_attempt_time_ms)
            for run in self._active.values()
            if run.state in (RunState.QUEUED, RunState.RETRYING)
        ]
        parked = sum(due > now for due in waiting)
        return QueueStats(
            observe_time_ms=now,
            depth=len(waiting),
            in_flight=self._busy,
            parked=parked,
            dead_letters=0,
            oldest_age_ms=max(0, now - min(waiting, default=now)),
            pause=None,
        )

    async def drain(self, grace_ms: int) -> None:
        self._draining = True
        if self._accepting:
            await asyncio.wait(self._accepting)
        tasks = list(self._tasks.values())
        if tasks and grace_ms:
            await asyncio.wait(tasks, timeout=grace_ms / 1_000)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- one run ----------------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        if self._draining:
            raise shutting_down()
        if self._admitted >= self._room:
            waiting = self._admitted - self._slots
            wait_ms = int(max(500.0, self._render_ms * waiting / self._slots))
            raise Overloaded(
                f"{self._admitted} bundles are being rendered or waiting; there is room for {self._room}",
                hint="Come back after the delay in RetryInfo, raise DOCUGEN_INLINE_WAITING_MAX, or use the queue.",
                retry_after_ms=wait_ms,
            )
        self._admitted += 1

    async def _accept(self, job: GenerationJob) -> Submission:
        """Record and start a new run, or hand back the one that another submit was faster to record."""
        self._admit()
        run = new_run(job, now_ms=self._clock.now_ms(), max_attempts=self._policy.max_attempts)
        try:
            known = await self._ledger.insert(run, job.bundle.canonical_bytes())
        except BaseException:
            self._admitted -= 1
            raise
        if known is not None:
            self._admitted -= 1
            return Submission(known, deduplicated=True)
        self._start(run, job)
        self._measures.run_enqueued()
        return Submission(run, deduplicated=False)

    def _start(self, run: BundleRun, job: GenerationJob) -> None:
        """Begin an admitted run. From here on its task owns the record."""
        self._active[run.run_id] = run
        self._queued_ms[run.run_id] = self._clock.now_ms()
        task = asyncio.create_task(self._lead(job), name=f"run {run.run_id}")
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda done: self._ended(job.run_id, done))

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(run_id, None)
        self._active.pop(run_id, None)
        self._queued_ms.pop(run_id, None)
        self._cancel_reasons.pop(run_id, None)
        self._unrecorded.discard(run_id)
        self._admitted -= 1
        if not task.cancelled() and (error := task.exception()):
            log.error("run_lost", run_id=run_id, error=type(error).__name__)

    async def _lead(self, job: GenerationJob) -> None:
        """One run from QUEUED to a terminal state, through as many attempts as it takes."""
        run_id = job.run_id
        try:
            done = False
            while not done:
                wait_ms = self._active[run_id].next_attempt_time_ms - self._clock.now_ms()
                await self._clock.sleep_ms(max(0, wait_ms))
                done = await self._attempt(job)
            while run_id in self._unrecorded:
                await self._clock.sleep_ms(RECORD_AGAIN_MS)
                await self._record(self._active[run_id])
        except asyncio.CancelledError:
            await self._interrupted(run_id)
            raise

    async def _attempt(self, job: GenerationJob) -> bool:
        """One attempt. True when the run is terminal now."""
        run_id = job.run_id
        async with self._slot, self._counted():
            started = self._clock.now_ms()
            run = self._active[run_id]
            self._measures.attempt_begun(max(0, started - max(self._queued_ms[run_id], run.next_attempt_time_ms)))
            await self._record(
                run.moved(
                    RunState.RUNNING,
                    attempt=run.attempt + 1,
                    worker=WORKER,
                    start_time_ms=started,
                    next_attempt_time_ms=0,
                    failure=None,
                    documents=tuple(DocumentProgress(d.name) for d in run.documents),
                )
            )
            try:
                manifest = await generate(
                    job,
                    bundles=self._bundles,
                    store=self._store,
                    timeout_ms=self._attempt_timeout_ms,
                    on_progress=lambda progress: self._show(run_id, progress),
                )
            except DocugenError as error:
                return await self._failed(run_id, error)
            except Exception:
                # A bug of ours, not the caller's: the record says so without internals, the log says where.
                log.exception("run_crashed", run_id=run_id)
                return await self._failed(run_id, DocugenError("an internal error ended the run"))
            finished = self._clock.now_ms()
            self._render_ms += (finished - started - self._render_ms) / 8
            self._attempt_ended(run_id, AttemptOutcome.SUCCEEDED)
            self._measures.run_ended(RunOutcome.SUCCEEDED)
            await self._record(
                self._active[run_id].moved(RunState.SUCCEEDED, finish_time_ms=finished, manifest_digest=manifest.digest)
            )
            return True

    async def _failed(self, run_id: str, error: DocugenError, *, lost: bool = False) -> bool:
        """Settle a failed attempt: park it until its next one, or end the run. True when the run is terminal now.

        lost: with the process that made it.
        """
        run, now = self._active[run_id], self._clock.now_ms()
        if isinstance(error, DeterminismViolation):
            log.error("determinism_violated", run_id=run_id, **error.details)
        failure = error.failure()
        policy = replace(self._policy, max_attempts=run.max_attempts)
        match decide(failure, run_id=run_id, attempt=run.attempt, policy=policy):
            case RetryAfter(delay_ms):
                self._attempt_ended(run_id, AttemptOutcome.LOST if lost else AttemptOutcome.RETRIED, failure.code)
                await self._record(run.moved(RunState.RETRYING, failure=failure, next_attempt_time_ms=now + delay_ms))
                return False
            case GiveUp():
                self._attempt_ended(run_id, AttemptOutcome.LOST if lost else AttemptOutcome.FAILED, failure.code)
                self._measures.run_ended(RunOutcome.FAILED)
                await self._record(run.moved(RunState.FAILED, failure=failure, finish_time_ms=now))
                return True

    async def _interrupted(self, run_id: str) -> None:
        """The run's task was cancelled: by a caller, or by a drain, which hands the attempt back unspent."""
        run = self._active[run_id]
        if run.state.is_terminal:  # cancelled while its end was being recorded: make sure that it is
            await self._record(run)
        elif run_id in self._cancel_reasons:
            self._measures.run_ended(RunOutcome.CANCELLED)
            if run.state is RunState.RUNNING:
                self._attempt_ended(run_id, AttemptOutcome.CANCELLED)
                run = run.moved(RunState.CANCELLING)
            why = Failure("CANCELLED", self._cancel_reasons[run_id] or "cancelled by a caller")
            now = self._clock.now_ms()
            await self._record(run.moved(RunState.CANCELLED, failure=why, finish_time_ms=now))
        elif run.state is RunState.RUNNING:
            self._attempt_ended(run_id, AttemptOutcome.HANDED_BACK)
            await self._record(run.moved(RunState.QUEUED, attempt=run.attempt - 1))

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        """For the time in which a slot is taken."""
        self._busy += 1
        self._measures.slots_seen(self._busy, self._slots)
        try:
            yield
        finally:
            self._busy -= 1
            self._measures.slots_seen(self._busy, self._slots)

    def _attempt_ended(self, run_id: str, outcome: AttemptOutcome, code: str = "") -> None:
        """Counted before it is recorded: a cancel that comes during the recording must not take the count with it."""
        if outcome is AttemptOutcome.LOST:
            self._measures.attempt_lost(code)
            return
        duration_ms = max(0, self._clock.now_ms() - self._active[run_id].start_time_ms)
        self._measures.attempt_ended(outcome, duration_ms / 1_000, code)

    async def _record(self, run: BundleRun) -> None:
        """Make a new state known: to the ledger, then to watchers. Shielded: a cancelled run still records its end.

        A state that the ledger cannot take is known here only; the next one that it takes holds all of it.
        """
        self._active[run.run_id] = run
        try:
            await asyncio.shield(self._ledger.update(run))
            self._unrecorded.discard(run.run_id)
        except Unavailable as error:
            if run.run_id not in self._unrecorded:  # once a run, not once a second
                log.warning(
                    "run_unrecorded", run_id=run.run_id, state=run.state.value, reason=error.reason, hint=error.hint
                )
            self._unrecorded.add(run.run_id)
        self._feed.publish(run)

    def _show(self, run_id: str, progress: DocumentProgress) -> None:
        """Progress inside an attempt: for watchers; not worth a disk write."""
        run = self._active[run_id] = self._active[run_id].with_document(progress)
        self._feed.publish(run)

    # --- what was there before --------------------------------------------------------------------------------------

    async def _known(self, run_id: str) -> BundleRun | None:
        """The run as it is: from this process, the ledger, or, where the ledger was lost, from its manifest."""
        run = await self.recorded(run_id)
        if run is not None:
            return run
        manifest = await self._store.read_manifest(run_id)
        return None if manifest is None else finished_run(run_id, Manifest.from_bytes(manifest))

    async def _take_up(self, run: BundleRun, spec: bytes) -> None:
        """Go on with a run that the last process left unfinished."""
        job = _job(run, spec)
        manifest = await self._store.read_manifest(run.run_id)
        if manifest is not None:  # published, but the process ended before the ledger knew
            done = finished_run(run.run_id, Manifest.from_bytes(manifest))
            await self._ledger.update(
                replace(
                    done,
                    revision=run.revision + 1,
                    create_time_ms=run.create_time_ms,
                    start_time_ms=run.start_time_ms,
                    finish_time_ms=self._clock.now_ms(),
                    attempt=run.attempt,
                    policy=run.policy,
                    templates=run.templates,
                )
            )
            return
        self._admitted += 1  # accepted once is accepted: the waiting room does not refuse it now
        self._active[run.run_id] = run
        if run.state is RunState.RUNNING:
            crashed = RenderInterrupted(
                "the process that rendered this run ended", code="PROCESS_ENDED", hint="See its log."
            )
            if await self._failed(run.run_id, crashed, lost=True):
                self._active.pop(run.run_id)
                self._admitted -= 1
                return
        log.info("run_resumed", run_id=run.run_id, attempt=run.attempt)
        self._start(self._active[run.run_id], job)


def _job(run: BundleRun, spec: bytes) -> GenerationJob:
    return GenerationJob(run.run_id, run.tenant, ResolvedBundle.from_json(json.loads(spec)), run.policy)
