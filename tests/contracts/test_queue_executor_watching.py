"""Watching a run through the queue: when Redis restarts, events are trimmed or the run is lost, and no longer than asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from docugen_core.adapters.run_watcher import RunWatcher
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.domain.run import RunState
from docugen_core.errors import NotFound
from executor_houses import QueueHouse, connected
from redis_servers import own_server
from worker_world import until


async def test_a_watcher_goes_on_across_a_restart_of_redis(house: QueueHouse) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with house.executor(working=False) as executor:
            run_id = (await executor.submit(house.job())).run.run_id
            snapshots = executor.watch(run_id)
            assert (await anext(snapshots)).state is RunState.QUEUED
            await asyncio.to_thread(redis.stop)
            redis.start()  # here, not in a thread: the server dies with the thread that started it
            await asyncio.to_thread(redis.wait_ready)
            async with house.worker():
                states = [run.state async for run in snapshots]
    assert states[-1] is RunState.SUCCEEDED


async def test_a_watcher_hears_of_changes_whose_events_were_trimmed(house: QueueHouse) -> None:
    async with connected(house) as (executor, queue):
        run_id = (await executor.submit(house.job())).run.run_id
        snapshots = executor.watch(run_id)
        await anext(snapshots)
        following = asyncio.ensure_future(anext(snapshots))
        await queue.cancel(run_id, "")
        await queue._redis.execute("DEL", queue.keys.key("events"))
        assert (await following).state is RunState.CANCELLED


async def test_a_watcher_of_a_run_that_redis_lost_is_told_that_there_is_none(house: QueueHouse) -> None:
    async with house.executor(working=False) as executor:
        snapshots = executor.watch((await executor.submit(house.job())).run.run_id)
        await anext(snapshots)
        await house.lose_records()
        with pytest.raises(NotFound):
            await anext(snapshots)


async def test_the_tail_runs_while_somebody_watches_and_ends_with_the_last(house: QueueHouse) -> None:
    async with connected(house) as (executor, queue):
        run_id = (await executor.submit(house.job())).run.run_id
        watcher = RunWatcher(queue, executor._read, SystemClock())
        quiet = not watcher.is_tailing
        snapshots = [watcher.watch(run_id, lambda: executor.get(run_id)) for _ in range(3)]
        for each in snapshots:
            await anext(each)
        assert (quiet, watcher.is_tailing) == (True, True)
        await executor.cancel(run_id, "")
        for each in snapshots:
            assert [run.state async for run in each] == [RunState.CANCELLED]

        async def ended() -> bool:
            return not watcher.is_tailing

        await until("the tail has ended", ended)
        await watcher.aclose()
