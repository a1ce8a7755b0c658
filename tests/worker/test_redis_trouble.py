"""What a worker does when its Redis restarts, hangs, or loses a reply. Real servers, a proxy for lost replies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.domain.run import RunState
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer, plain
from redis_proxy import Proxy
from redis_servers import own_server
from scheduler_server import Gate
from structlog.testing import capture_logs
from worker_world import WorkerWorld, health, until, worker_world


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    """A Redis of this test's own, which keeps what it acknowledged."""
    with own_server(appendfsync="always") as own:
        yield own


@pytest.fixture
async def own_world(server: EmbeddedRedis, tmp_path: Path) -> AsyncIterator[WorkerWorld]:
    async with worker_world(server.url, "trouble", tmp_path) as world:
        yield world


async def back(server: EmbeddedRedis, world: WorkerWorld) -> None:
    """Start it again, and wait until the world's core accepts submits."""
    server.start()

    async def answers() -> bool:
        return server.answers()

    await until("Redis answers again", answers)
    await until("the core has noticed", world.core.executor.ready)


@pytest.mark.parametrize("kill", [False, True], ids=["restarted", "killed"])
async def test_a_job_under_way_is_settled_after_redis_came_back(
    server: EmbeddedRedis, own_world: WorkerWorld, kill: bool
) -> None:
    gate = Gate()
    async with own_world.worker(renderer=ScriptedRenderer(gate), queue_lease_ms=600_000):
        run_id = await own_world.submit()
        await gate.begun.wait()
        server.stop(kill=kill)
        gate.open.set()

        async def published() -> bool:
            return await own_world.core.store.read_manifest(run_id) is not None

        await until("the bundle is published while Redis is away", published)
        await back(server, own_world)
        run = await own_world.finished(run_id)
        assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)
        assert (await own_world.finished(await own_world.submit(text="next"))).attempt == 1


async def test_a_job_of_which_nothing_is_heard_for_a_lease_is_stopped_and_done_later(
    server: EmbeddedRedis, own_world: WorkerWorld
) -> None:
    first = Gate()

    async def gate_then_plain(task: RenderTask, n: int) -> Rendering:
        return await (first if n == 1 else plain)(task, n)

    renderer = ScriptedRenderer(gate_then_plain)
    async with own_world.worker(renderer=renderer, queue_lease_ms=600) as working:
        run_id = await own_world.submit()
        await first.begun.wait()
        server.stop()

        async def stopped() -> bool:
            return len(working.jobs) == 0

        await until("the worker gave the job up", stopped)
        await back(server, own_world)
        assert (await own_world.finished(run_id)).state is RunState.SUCCEEDED
    assert await own_world.is_empty()


@pytest.mark.slow
async def test_a_redis_that_hangs_makes_a_worker_unready_and_not_dead(
    server: EmbeddedRedis, own_world: WorkerWorld
) -> None:
    async with own_world.worker() as working:

        async def readiness(wanted: str) -> bool:
            return await health(working.address, "readiness") == wanted

        await until("it is ready", lambda: readiness("SERVING"))
        with capture_logs() as logged:
            os.kill(server.process_id, signal.SIGSTOP)
            try:

                async def deaf() -> bool:
                    return any(line["event"] == "read_loop_deaf" for line in logged)

                await until("the deaf read loop is noticed", deaf)
                await until("it is unready", lambda: readiness("NOT_SERVING"))
                assert await health(working.address, "liveness") == "SERVING"
            finally:
                os.kill(server.process_id, signal.SIGCONT)
            await until("it is ready again", lambda: readiness("SERVING"))


async def test_full_slots_are_no_deafness(own_world: WorkerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that renders for minutes reads nothing in that time, and is as ready as can be."""
    gate = Gate()
    async with own_world.worker(
        renderer=ScriptedRenderer(gate), queue_concurrency=1, queue_lease_ms=600_000
    ) as working:
        await own_world.submit()
        await gate.begun.wait()  # before it the loop reads, and may well be deaf for a moment
        monkeypatch.setattr("docugen_worker.fetcher.DEAF_AFTER_S", 0.2)
        with capture_logs() as logged:
            late_s = asyncio.get_running_loop().time() + 1.0

            async def late() -> bool:
                return asyncio.get_running_loop().time() > late_s

            await until("a deaf loop would have been noticed", late)

            async def serving() -> bool:
                return await health(working.address, "readiness") == "SERVING"

            await until("it is ready", serving)
            assert not [line for line in logged if line["event"] == "read_loop_deaf"]
        gate.open.set()


async def test_a_take_whose_reply_is_lost_costs_no_attempt(own_world: WorkerWorld) -> None:
    """Redis gave the job, and nobody heard of it: it is handed back at once, not after its lease."""
    async with (
        Proxy(own_world.settings.redis_url) as proxy,
        own_world.worker("ada", redis_url=proxy.url, queue_lease_ms=600_000),
    ):
        for n in range(20):  # now and then the loss hits another step than the take
            await own_world.queue.pause("so that the next take finds the job")
            run_id = await own_world.submit(text=str(n))
            with capture_logs() as logged:
                proxy.lose_replies = 1
                await own_world.queue.resume()
                run = await own_world.finished(run_id)
            assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)
            if any(line["event"] == "jobs_recovered" and line["count"] == 1 for line in logged):
                return
    raise AssertionError("no take in twenty lost its reply")


async def test_a_settlement_whose_reply_is_lost_is_told_again(own_world: WorkerWorld) -> None:
    gate = Gate()
    async with (
        Proxy(own_world.settings.redis_url) as proxy,
        own_world.worker("ada", renderer=ScriptedRenderer(gate), redis_url=proxy.url, queue_lease_ms=600_000),
    ):
        run_id = await own_world.submit()
        await gate.begun.wait()
        proxy.lose_replies = 8  # more than the connection repeats by itself
        gate.open.set()
        run = await own_world.finished(run_id)

        async def settled() -> bool:
            return proxy.lose_replies == 0 and await own_world.is_empty()

        await until("all lost replies were made good", settled)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)


async def test_a_flushed_redis_stops_no_worker(own_world: WorkerWorld) -> None:
    async with own_world.worker():
        assert (await own_world.finished(await own_world.submit(text="before"))).state is RunState.SUCCEEDED
        await own_world.core.executor.get(await own_world.submit(text="between"))
        async with RedisConnection(own_world.settings.redis_url) as redis:
            await redis.execute("FLUSHALL")
        assert (await own_world.finished(await own_world.submit(text="after"))).state is RunState.SUCCEEDED
