"""While Redis is away, bundles are rendered here: both places are one list, and every verb goes where the run is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import chain

import pytest
from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.queue_fallback import QueueWithFallback
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.run import RunState
from docugen_core.domain.run_query import RunQuery
from docugen_core.errors import NotPossibleNow
from executor_houses import Gate, QueueHouse, fails, finished, pages
from redis_servers import own_server
from worker_world import until


@asynccontextmanager
async def with_fallback(house: QueueHouse) -> AsyncIterator[QueueWithFallback]:
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(house.executor(working=False))
        ledger = await stack.enter_async_context(SqliteLedger(house.root / "fallback-1.sqlite3"))
        inline = await stack.enter_async_context(
            InlineExecutor(
                bundles=house.bundles(),
                store=house.store,
                ledger=ledger,
                clock=SystemClock(),
                policy=RetryPolicy(),
                attempt_timeout_ms=20_000,
                slots=2,
                waiting_max=10,
            )
        )
        yield QueueWithFallback(queue, inline)


async def test_while_redis_is_away_bundles_are_rendered_here_and_both_places_are_one_list(house: QueueHouse) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with with_fallback(house) as executor:
            queued = (await executor.submit(house.job("queued"))).run
            assert queued.state is RunState.QUEUED
            redis.stop(kill=True)
            gate = Gate()
            house.renderer.script = gate
            here = (await executor.submit(house.job("here"))).run
            assert here.run_id == house.job("here").run_id
            await gate.begun.wait()
            assert (await executor.submit(house.job("here"))).deduplicated
            assert await executor.ready(), "a submit is accepted, if not by the queue"
            assert [run.run_id for run in (await executor.list(RunQuery())).runs] == [here.run_id]
            following = asyncio.create_task(finished(executor, here.run_id))
            await asyncio.sleep(0)
            gate.open.set()
            done = await following
            assert done.state is RunState.SUCCEEDED
            redis.start()
            await asyncio.to_thread(redis.wait_ready)

            async def both() -> bool:
                return len((await executor.list(RunQuery())).runs) == 2

            await until("both are listed", both)
            assert (await executor.submit(house.job("here"))).deduplicated
            assert await executor.get(here.run_id) == done
            one_by_one = await pages(executor, "", 1)
            assert [*chain(*one_by_one)] == [here.run_id, queued.run_id]
            assert await executor.spec(here.run_id) == house.job("here").bundle.canonical_bytes()
            with pytest.raises(NotPossibleNow):
                await executor.cancel(here.run_id, "")
            assert (await executor.cancel(queued.run_id, "")).state is RunState.CANCELLED


async def test_a_run_that_failed_here_can_be_cancelled_retried_and_watched_here(house: QueueHouse) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with with_fallback(house) as executor:
            redis.stop(kill=True)
            house.renderer.script = fails
            run_id = (await executor.submit(house.job())).run.run_id
            assert (await finished(executor, run_id)).state is RunState.FAILED
            house.renderer.script = gate = Gate()
            await executor.retry(run_id)
            await gate.begun.wait()
            assert (await executor.cancel(run_id, "enough")).state is RunState.CANCELLED
            assert [run.state async for run in executor.watch(run_id)] == [RunState.CANCELLED]
