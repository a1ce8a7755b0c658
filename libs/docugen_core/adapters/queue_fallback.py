"""The queue, and an executor in this process for when it cannot be reached (DOCUGEN_QUEUE_FALLBACK=inline).

A submit that does not reach Redis is rendered here: same run id, same store, same bytes. It may be rendered twice, when the
job had reached Redis after all and only the answer was lost; that is harmless, because both write the same bytes and the
store keeps the first. A run that was taken on here stays here, also after Redis is back.

Reads look in both places. Where both know a run: a finished one first, then one that still runs, then the later revision.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import structlog

from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.queue_executor import QueueExecutor
from docugen_core.adapters.queue_listing import merged
from docugen_core.domain.run import BundleRun, RunState
from docugen_core.domain.run_query import Position, RunPage, RunQuery
from docugen_core.errors import NotFound, NotPossibleNow, Unavailable
from docugen_core.ports import ExecutionMode, GenerationJob, Submission

OUT_OF_REACH = frozenset({"QUEUE_UNAVAILABLE", "QUEUE_UNFIT"})

log = structlog.get_logger(__name__)


class QueueWithFallback:
    """Implements ports.GenerationExecutor over two others, which are the caller's to enter and leave."""

    mode = ExecutionMode.QUEUE

    def __init__(self, queue: QueueExecutor, inline: InlineExecutor) -> None:
        self._queue = queue
        self._inline = inline

    async def submit(self, job: GenerationJob) -> Submission:
        if await self._inline.recorded(job.run_id):
            return await self._inline.submit(job)
        try:
            return await self._queue.submit(job)
        except Unavailable as error:
            if error.reason not in OUT_OF_REACH:
                raise
            log.warning("queue_bypassed", run_id=job.run_id, reason=error.reason)
            return await self._inline.submit(job)

    async def get(self, run_id: str) -> BundleRun:
        here = await self._inline.recorded(run_id)
        if here is None or here.state is RunState.SUCCEEDED:
            return here or await self._queue.get(run_id)
        with suppress(NotFound, Unavailable):
            return max(here, await self._queue.get(run_id), key=_weight)
        return here

    async def spec(self, run_id: str) -> bytes | None:
        where = self._inline if await self._inline.recorded(run_id) else self._queue
        return await where.spec(run_id)

    async def list(self, query: RunQuery) -> RunPage:
        """As the port says; what Redis knows is left out while it is away."""
        here = await self._inline.list(query)
        try:
            queued = await self._queue.list(query)
        except Unavailable:
            return here
        known_there = {run.run_id for run in queued.runs}
        apart = [run for run in here.runs if run.run_id not in known_there]
        runs, token = merged([(apart, _end(here, query)), (queued.runs, _end(queued, query))], query)
        return RunPage(tuple(runs), token)

    async def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        here = await self._inline.recorded(run_id)
        where = self._inline if here and not here.state.is_terminal else self._queue
        if here and here.state.is_terminal:
            present = await self.get(run_id)
            if present.state.is_terminal:
                yield present
                return
        async for run in where.watch(run_id):
            yield run

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        here = await self._inline.recorded(run_id)
        if here is None:
            return await self._queue.cancel(run_id, reason)
        with suppress(NotFound, NotPossibleNow, Unavailable):
            await self._queue.cancel(run_id, reason)
        return await self._inline.cancel(run_id, reason)

    async def retry(self, run_id: str) -> BundleRun:
        where = self._inline if await self._inline.recorded(run_id) else self._queue
        return await where.retry(run_id)

    async def forget(self, run_id: str) -> None:
        await self._inline.forget(run_id)
        await self._queue.forget(run_id)

    async def ready(self) -> bool:
        """Whether one of the two would accept a submit."""
        return await self._queue.ready() or await self._inline.ready()

    async def drain(self, grace_ms: int) -> None:
        await self._queue.drain(grace_ms)
        await self._inline.drain(grace_ms)


def _weight(run: BundleRun) -> tuple[bool, bool, int]:
    return run.state is RunState.SUCCEEDED, not run.state.is_terminal, run.revision


def _end(page: RunPage, query: RunQuery) -> Position | None:
    """Down to where a page is complete; None for the last one."""
    return RunQuery(query.filter, query.page_size, page.next_page_token).after()
