"""The executor with a queue while Redis is away, full, forgetful or unfit: what it answers, and what it does not do twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from docugen_core.adapters.queue_health import Fitness, QueueHealth
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.domain.run import RunState
from docugen_core.errors import ConfigurationError, Overloaded, Unavailable
from executor_houses import QueueHouse, connected, finished
from redis_proxy import Proxy
from redis_servers import own_server
from worker_world import until


async def test_a_submit_whose_answer_is_lost_may_be_repeated(house: QueueHouse) -> None:
    async with Proxy(house.settings.redis_url) as proxy, connected(house, proxy.url) as (executor, queue):
        proxy.lose_replies = 20
        with pytest.raises(Unavailable) as lost:
            await executor.submit(house.job())
        proxy.lose_replies = 0
        assert lost.value.reason == "QUEUE_UNAVAILABLE"

        async def accepted() -> bool:
            try:
                return bool((await executor.submit(house.job())).run)
            except Unavailable:
                return False

        await until("the queue answers again", accepted)
        assert (await executor.submit(house.job())).deduplicated
        assert (await queue.stats()).depth == 1


@pytest.mark.slow
async def test_while_redis_is_away_finished_runs_are_found_and_submits_are_told_when_to_come_back(
    house: QueueHouse,
) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with house.executor(working=False) as executor:
            async with house.worker():
                done = await finished(executor, (await executor.submit(house.job("done"))).run.run_id)
            redis.stop(kill=True)
            with pytest.raises(Unavailable) as away:
                await executor.submit(house.job("new"))
            assert (away.value.reason, away.value.retry_after_ms > 0) == ("QUEUE_UNAVAILABLE", True)
            found = await executor.get(done.run_id)
            assert (found.state, found.manifest_digest) == (RunState.SUCCEEDED, done.manifest_digest)
            assert (await executor.submit(house.job("done"))).deduplicated
            with pytest.raises(Unavailable):
                await executor.get("unknown")

            async def unready() -> bool:
                return not await executor.ready()

            await until("readiness is gone", unready)
            redis.start()
            await asyncio.to_thread(redis.wait_ready)
            await until("readiness is back", executor.ready)
            assert not (await executor.submit(house.job("new"))).deduplicated


async def test_a_finished_run_is_not_queued_again_when_redis_lost_its_record(house: QueueHouse) -> None:
    async with house.executor() as executor:
        done = await finished(executor, (await executor.submit(house.job())).run.run_id)
        await house.lose_records()
        again = await executor.submit(house.job())
        seen = [run async for run in executor.watch(done.run_id)]
    assert again.deduplicated
    assert [run.manifest_digest for run in (again.run, *seen)] == [done.manifest_digest] * 2
    assert house.renderer.calls == {"note0.txt": 1}


async def test_a_redis_without_memory_refuses_submits_alone(house: QueueHouse) -> None:
    with own_server() as redis:
        async with connected(house, redis.url) as (executor, queue):
            kept = (await executor.submit(house.job("a"))).run.run_id
            await queue._redis.execute("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(Overloaded) as full:
                await executor.submit(house.job("b"))
            assert full.value.reason == "QUEUE_MEMORY_FULL"
            assert (await executor.cancel(kept, "")).state is RunState.CANCELLED


async def test_a_redis_that_may_lose_jobs_is_refused_at_the_start_and_named_later() -> None:
    with own_server() as redis:
        async with (
            RedisConnection(redis.url) as connection,
            QueueHealth(connection, SystemClock(), every_ms=20) as health,
        ):
            health.check()
            await connection.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")

            async def unfit() -> bool:
                return health.fitness is Fitness.UNFIT

            await until("the flaw is seen", unfit)
            with pytest.raises(Unavailable) as refused:
                health.check()
            assert refused.value.reason == "QUEUE_UNFIT"
            with pytest.raises(ConfigurationError) as wrong:
                async with QueueHealth(connection, SystemClock()):
                    pass
            assert "CONFIG SET maxmemory-policy noeviction" in wrong.value.message
            async with QueueHealth(connection, SystemClock(), allow_volatile=True) as lenient:
                lenient.check()
