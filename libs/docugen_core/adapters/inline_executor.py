"""The default executor: bundles render in this process's own render children. No queue, no Redis.

Bounded twice: `slots` bundles render at once, `waiting_max` more may wait; beyond that a submit is refused before anything
is stored. A run that is accepted is in the ledger first, with its spec, so a restart goes on where this process ended:

    ended by a crash     the attempt counts, as a lost lease does with a queue
    ended by a drain     the attempt does not count

The store's manifests outrank the ledger. A run with a manifest is finished, whatever the ledger says or has lost. So only the
acceptance of a run needs the ledger: one that cannot be written later (a full disk, often the store's too) stops no run. Its
attempts go on, its watchers see it end, and its end is recorded as soon as that can be done.

In here: admission, the runs under way, and what was there before. What happens to one run is `inline_run`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from types import TracebackType

import structlog

from docugen_core.adapters.inline_run import InlineRun, RunParts, Slots
from docugen_core.adapters.run_answers import (
    finished_run,
    no_such_run,
    not_cancellable,
    not_retryable,
    refuse_other_spec,
    shutting_down,
)
from docugen_core.adapters.run_feed import RunFeed
from docugen_core.deletion import not_deletable
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.queue_state import QueueStats
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.run import BundleRun, DocumentProgress, RunState
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.errors import Overloaded
from docugen_core.generation import BundleRenderer
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.ports import ArtefactStore, Clock, ExecutionMode, GenerationJob, RunLedger, Submission
from docugen_core.submission import new_run
from docugen_core.tracing import Step, current_trace

log = structlog.get_logger(__name__)

FORGET_WAIT_S = 5.0
DRAIN_LOOK_S = 0.25
"""How soon a drain sees that a run which it waited for has been parked until another attempt."""


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
        self._feed = RunFeed()
        self._slots = Slots(slots, measures)
        self._parts = RunParts(
            bundles=bundles,
            store=store,
            ledger=ledger,
            clock=clock,
            policy=policy,
            attempt_timeout_ms=attempt_timeout_ms,
            slots=self._slots,
            feed=self._feed,
            measures=measures,
        )
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._measures = measures
        self._room = slots + waiting_max
        self._admitted = 0
        self._runs: dict[str, InlineRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._accepting: set[asyncio.Task[Submission]] = set()
        self._draining = False

    async def __aenter__(self) -> InlineExecutor:
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
        with self._parts.tracer.span(Step.SUBMIT, run_id=job.run_id) as span:
            submission = await self._submitted(job)
            if submission.deduplicated:
                span.note(deduplicated=True)
            return submission

    async def _submitted(self, job: GenerationJob) -> Submission:
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
        here = self._runs.get(run_id)
        return here.run if here else await self._ledger.get(run_id)

    async def spec(self, run_id: str) -> bytes | None:
        run = await self.get(run_id)
        return await self._ledger.spec(run_id) or await self._store.read_spec(run.spec_digest)

    async def list(self, query: RunQuery) -> RunPage:
        page = await self._ledger.list(query)
        here = {run_id: under_way.run for run_id, under_way in self._runs.items()}
        return replace(page, runs=tuple(here.get(r.run_id, r) for r in page.runs))

    async def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        first = await self.get(run_id)
        async for run in self._feed.watch(run_id, first):
            yield run

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        run = await self.get(run_id)
        if run.state is RunState.CANCELLED:
            return run
        under_way = self._runs.get(run_id)
        if under_way is None or run.state.is_terminal:
            raise not_cancellable(run)
        under_way.cancel_reason = reason
        await asyncio.sleep(0)  # a task that is cancelled before its first step runs no handler: let it take that step
        if (task := self._tasks.get(run_id)) is not None:
            task.cancel()
            await asyncio.wait([task])
        return await self.get(run_id)

    async def retry(self, run_id: str) -> BundleRun:
        run = await self.get(run_id)
        spec = await self._ledger.spec(run_id)
        if run.state not in (RunState.FAILED, RunState.CANCELLED) or spec is None:
            raise not_retryable(run)
        if run_id in self._runs:  # two retries at once: the first one has it
            return self._runs[run_id].run
        self._admit()
        run = run.moved(
            RunState.QUEUED,
            attempt=0,
            failure=None,
            start_time_ms=0,
            finish_time_ms=0,
            documents=tuple(DocumentProgress(d.name) for d in run.documents),
        )
        self._start(InlineRun(run, _job(run, spec), self._parts))
        self._measures.run_enqueued()
        await self._ledger.update(run)
        return run

    async def forget(self, run_id: str) -> None:
        under_way, task = self._runs.get(run_id), self._tasks.get(run_id)
        if under_way is not None and task is not None:
            if under_way.run.state.is_terminal:  # its end is told, and being recorded
                await asyncio.wait([task], timeout=FORGET_WAIT_S)
            if not task.done():
                raise not_deletable(under_way.run)
        if not await self._ledger.delete(run_id):
            raise not_deletable(await self.get(run_id))

    async def ready(self) -> bool:
        return not self._draining and self._admitted < self._room

    async def stats(self) -> QueueStats:
        """The runs here as a queue shows them: waiting for a slot, parked until a time, being rendered."""
        now = self._clock.now_ms()
        waiting = [
            under_way.waits_since_ms
            for under_way in self._runs.values()
            if under_way.run.state in (RunState.QUEUED, RunState.RETRYING)
        ]
        return QueueStats(
            observe_time_ms=now,
            depth=len(waiting),
            in_flight=self._slots.busy,
            parked=sum(since > now for since in waiting),
            dead_letters=0,
            oldest_age_ms=max(0, now - min(waiting, default=now)),
            pause=None,
        )

    async def drain(self, grace_ms: int) -> None:
        self._draining = True
        if self._accepting:
            await asyncio.wait(self._accepting)
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + grace_ms / 1_000
        while (left_s := ends_s - loop.time()) > 0 and (awaited := self._ready_within(left_s)):
            await asyncio.wait(awaited, timeout=min(left_s, DRAIN_LOOK_S), return_when=asyncio.FIRST_COMPLETED)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- what is under way ------------------------------------------------------------------------------------------

    def _ready_within(self, within_s: float) -> tuple[asyncio.Task[None], ...]:
        """Runs that render, or may begin to. One that is parked until later than that is on record, and waits for nobody."""
        latest_ms = self._clock.now_ms() + within_s * 1_000
        ready = (run_id for run_id, one in self._runs.items() if one.waits_since_ms <= latest_ms)
        return tuple(self._tasks[run_id] for run_id in ready)

    def _admit(self) -> None:
        if self._draining:
            raise shutting_down()
        if self._admitted >= self._room:
            waiting = self._admitted - self._slots.count
            wait_ms = int(max(500.0, self._slots.render_ms * waiting / self._slots.count))
            raise Overloaded(
                f"{self._admitted} bundles are being rendered or waiting; there is room for {self._room}",
                hint="Come back after the delay in RetryInfo, raise DOCUGEN_INLINE_WAITING_MAX, or use the queue.",
                retry_after_ms=wait_ms,
            )
        self._admitted += 1

    async def _accept(self, job: GenerationJob) -> Submission:
        """Record and start a new run, or hand back the one that another submit was faster to record."""
        self._admit()
        max_attempts = self._parts.policy.max_attempts
        run = new_run(job, now_ms=self._clock.now_ms(), max_attempts=max_attempts, trace=current_trace())
        try:
            known = await self._ledger.insert(run, job.bundle.canonical_bytes())
        except BaseException:
            self._admitted -= 1
            raise
        if known is not None:
            self._admitted -= 1
            return Submission(known, deduplicated=True)
        self._start(InlineRun(run, job, self._parts))
        self._measures.run_enqueued()
        return Submission(run, deduplicated=False)

    def _start(self, under_way: InlineRun) -> None:
        """Begin an admitted run. From here on its task owns the record."""
        run_id = under_way.run.run_id
        task = asyncio.create_task(under_way.lead(), name=f"run {run_id}")
        self._runs[run_id] = under_way
        self._tasks[run_id] = task
        task.add_done_callback(lambda done: self._ended(run_id, done))

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        del self._runs[run_id], self._tasks[run_id]
        self._admitted -= 1
        if not task.cancelled() and (error := task.exception()):
            log.error("run_lost", run_id=run_id, error=type(error).__name__)

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
                    trace=run.trace,
                )
            )
            return
        self._admitted += 1  # accepted once is accepted: the waiting room does not refuse it now
        under_way = InlineRun(run, job, self._parts)
        if run.state is RunState.RUNNING and await under_way.lost():
            self._admitted -= 1
            return
        log.info("run_resumed", run_id=run.run_id, attempt=run.attempt)
        self._start(under_way)


def _job(run: BundleRun, spec: bytes) -> GenerationJob:
    return GenerationJob(run.run_id, run.tenant, ResolvedBundle.from_json(json.loads(spec)), run.policy)
