"""Fault matrix rows 4 and 6 to 9: Redis is killed, loses what it had not written, is slow, or behind a dead link."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chaos.processes import Service
from docugen.client import BundleRun, DocugenClient, RunState, TryAgain
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.assembly import assemble
from docugen_core.domain import run as domain
from docugen_core.domain.job import Verdict
from docugen_core.errors import Unavailable
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_core.submission import SubmitRequest, submit_generation_job
from fakes import ScriptedRenderer, plain
from queue_world import a_job
from redis_proxy import Proxy
from redis_servers import binaries, free_port, own_server
from scheduler_server import Gate
from worker_world import WorkerWorld, bundle, environment, until, worker_world

ACKNOWLEDGED = 10_000
BATCH = 50
SUBMITTERS = 8
KILLS = 5


@pytest.mark.slow
@pytest.mark.parametrize("server_name", binaries())
async def test_of_ten_thousand_acknowledged_jobs_none_is_lost_by_killing_redis_again_and_again(
    server_name: str,
) -> None:
    """Row 6, with appendfsync always. What was not acknowledged is sent again until it is; each job is handed out once,
    although Redis 7.0, killed in the middle of a write and then once more, may bring back entries that it had forgotten."""
    acknowledged: set[str] = set()
    with own_server(binaries()[server_name], appendfsync="always") as server:
        async with RedisConnection(server.url) as redis:
            queue = RedisQueue(redis, "killed")

            async def submit(submitter: int) -> None:
                for start in range(0, ACKNOWLEDGED // SUBMITTERS, BATCH):
                    names = [f"r{submitter}-{n}" for n in range(start, start + BATCH)]
                    while names:
                        with suppress(Unavailable):
                            answers = await queue.submit([a_job(name) for name in names])
                            assert {answer.verdict for answer in answers} <= {Verdict.NEW, Verdict.SAME}
                            acknowledged.update(names)
                            names = []

            async def kill() -> None:
                for number in range(1, KILLS + 1):

                    async def far_enough(share: int = number) -> bool:
                        return len(acknowledged) >= ACKNOWLEDGED * share // (KILLS + 1)

                    await until(f"{number} of {KILLS + 1} parts are acknowledged", far_enough)
                    await asyncio.to_thread(server.stop, kill=True)
                    server.start()
                    await asyncio.to_thread(server.wait_ready)

            await asyncio.gather(kill(), *(submit(n) for n in range(SUBMITTERS)))
            names = sorted(acknowledged)
            records = [r for n in range(0, len(names), 1_000) for r in await queue.get(names[n : n + 1_000])]
            assert len(names) == ACKNOWLEDGED
            assert [name for name, record in zip(names, records, strict=True) if record is None] == []
            no_lapse = QueueRules(lease_ms=3_600_000)  # until the last is taken, however slow the disk
            worker, taken = RedisJobSource(redis, "killed", consumer="ada", rules=no_lapse), list[str]()
            while deliveries := (await worker.take(256)).deliveries:
                taken += (delivery.lease.run_id for delivery in deliveries)
            assert sorted(taken) == names
            assert (await queue.stats()).in_flight == ACKNOWLEDGED


async def test_what_redis_lost_with_the_end_of_its_file_is_seen_and_comes_back_by_asking_again(tmp_path: Path) -> None:
    """Row 7, with appendfsync everysec. The power goes before the last second is on disk: the file ends early. A run whose
    manifest stands is not lost with it, and is not rendered again; all others come back by the same submit, each once."""
    folder = tmp_path / "world"
    with own_server(appendfsync="everysec") as server:
        async with worker_world(server.url, "lost", folder) as world:
            async with world.worker(renderer=ScriptedRenderer(plain)):
                finished = [await world.submit(text=f"early {n}") for n in range(3)]
                for run_id in finished:
                    await world.finished(run_id)
            (file,) = (server.folder / "appendonlydir").glob("*.incr.aof")
            await _written(server)
            before = file.stat().st_size
            late = [await world.submit(text=f"late {n}") for n in range(40)]
            await _written(server)
            after = file.stat().st_size
            finished.append(await _rendered_now(world))
            server.stop(kill=True)
            os.truncate(file, before + (after - before) // 3)
            server.start()
            server.wait_ready()
            lost = [run for run, r in zip(late, await world.queue.get(late), strict=True) if r is None]
            assert 0 < len(lost) < len(late)
            assert await world.queue.get([finished[-1]]) == (None,)
            # Its manifest outlives its record: asking again queues nothing.
            assert await world.submit(text="just now") == finished[-1]
            assert (await world.core.executor.get(finished[-1])).state is domain.RunState.SUCCEEDED
            assert await world.queue.get([finished[-1]]) == (None,)
            again = [await world.submit(text=f"late {n}") for n in range(40)]
            assert again == late
            async with world.worker("bob", renderer=ScriptedRenderer(plain)):
                runs = [await world.finished(run_id) for run_id in late]
            assert {run.state for run in runs} == {domain.RunState.SUCCEEDED}
            assert sorted(await world.core.store.run_ids()) == sorted([*finished, *late])


async def _written(server: EmbeddedRedis) -> None:
    """Return once all that was answered is in the file: while a disk is slow to sync, Redis writes up to 2 s late."""
    async with RedisConnection(server.url) as redis:

        async def nothing_waits() -> bool:
            info: Any = await redis.execute("INFO", "persistence")
            return int(info["aof_buffer_length"]) == 0

        await until("Redis has written what it answered", nothing_waits)


async def _rendered_now(world: WorkerWorld) -> str:
    """A run that is finished at once, past all that waits."""
    policy = domain.ExecutionPolicy(priority=domain.Priority.HIGH)
    run_id = await world.submit(text="just now", policy=policy)
    async with world.worker("eve", renderer=ScriptedRenderer(plain), queue_concurrency=1):
        await world.finished(run_id)
        await world.queue.pause("the rest waits")
    await world.queue.resume()
    return run_id


class SlowLink(Proxy):
    """Every byte takes `delay_s` in each direction."""

    delay_s = 0.2

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool) -> None:
        while data := await reader.read(65_536):
            await asyncio.sleep(self.delay_s)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


async def test_a_slow_link_makes_everything_slower_and_loses_no_lease(tmp_path: Path) -> None:
    """Row 8: 200 ms each way."""
    with own_server() as server:
        async with SlowLink(server.url) as link, worker_world(server.url, "slow", tmp_path) as world:
            run_ids = [await world.submit(text=str(n)) for n in range(12)]
            async with world.worker(
                renderer=ScriptedRenderer(plain), redis_url=link.url, queue_lease_ms=600_000, queue_concurrency=4
            ):
                runs = [await world.finished(run_id) for run_id in run_ids]
            assert {(run.state, run.attempt) for run in runs} == {(domain.RunState.SUCCEEDED, 1)}


async def test_a_job_behind_a_dead_link_is_done_by_another_and_the_worker_comes_back_when_the_link_does(
    tmp_path: Path,
) -> None:
    """Row 9: bytes vanish and no socket closes. The worker behind it stops its render, says nothing, and hears again later."""
    gate = Gate()

    async def held_or_plain(task: RenderTask, n: int) -> Rendering:
        return await (gate if task.data["text"] == "held" else plain)(task, n)

    with own_server() as server:
        async with Proxy(server.url) as link, worker_world(server.url, "deaf", tmp_path) as world:
            async with world.worker(
                "ada", renderer=ScriptedRenderer(held_or_plain), redis_url=link.url, queue_lease_ms=1_000
            ) as ada:
                run_id = await world.submit(text="held")
                await gate.begun.wait()
                link.silent = True
                held = await world.record(run_id)  # by ada, for the second time where a pause outlasted her first lease
                async with world.worker("bob", renderer=ScriptedRenderer(plain)):
                    run = await world.finished(run_id)
                    manifest = await world.manifest(run_id)
                assert held.worker == "ada"
                assert (run.state, run.worker) == (domain.RunState.SUCCEEDED, "bob")
                assert run.attempt == held.attempt + 1

                async def stopped() -> bool:
                    return len(ada.jobs) == 0

                await until("the worker behind the link gave its job up", stopped)
                link.silent = False
                await link.cut()
                other = await world.finished(await world.submit(text="after"))
                assert (other.state, other.worker) == (domain.RunState.SUCCEEDED, "ada")
            assert await world.manifest(run_id) == manifest
            assert await world.is_empty()


@pytest.fixture
async def scheduler(tmp_path: Path) -> AsyncIterator[tuple[Service, Proxy, RedisQueue]]:
    """A scheduler in a process of its own, whose link to Redis can lose replies."""
    with own_server(appendfsync="always") as server:
        async with (
            Proxy(server.url) as link,
            worker_world(server.url, "front", tmp_path) as world,
            RedisConnection(server.url) as redis,
        ):
            settings = replace(
                world.settings, redis_url=link.url, grpc_address=f"127.0.0.1:{free_port()}", render_processes=1
            )
            service = Service("scheduler", "docugen_scheduler", environment(settings), lambda _, __: None)
            try:
                await service.start()
                yield service, link, RedisQueue(redis, settings.queue_name, QueueRules.of(settings))
            finally:
                service.kill()
                await service.gone()


@pytest.mark.slow
async def test_a_scheduler_killed_between_submit_and_reply_leaves_one_run_that_the_same_call_finds(
    scheduler: tuple[Service, Proxy, RedisQueue],
) -> None:
    """Row 4: Redis has the job, the scheduler never hears so, and its caller never hears of it."""
    service, link, queue = scheduler
    async with DocugenClient(str(service.started["address"])) as client:
        await client.submit(bundle(text="before"), "before")  # connections are open now
        link.lose_reply_to = b"run-1"
        call = asyncio.create_task(client.submit(bundle(), "run-1"))
        await link.reply_lost.wait()
        service.kill()
        await service.gone()
        with suppress(TryAgain):
            await call
        (record,) = await queue.get(["run-1"])
        assert record is not None
        await service.start()
        answers: list[BundleRun] = []

        async def answered() -> bool:
            """gRPC waits longer after each connection that was refused, longer than it takes to start a scheduler."""
            with suppress(TryAgain):
                answers.append(await client.submit(bundle(), "run-1"))
            return bool(answers)

        await until("the new scheduler answers", answered)
        (again,) = answers
        assert (again.state, again.deduplicated) == (RunState.QUEUED, True)
        assert [r.entry for r in await queue.get(["run-1"]) if r] == [record.entry]
        assert (await queue.stats()).depth == 2


async def test_two_schedulers_that_are_asked_the_same_at_once_accept_one_run(world: WorkerWorld) -> None:
    request = SubmitRequest(bundle(text="both"))
    async with assemble(world.settings) as other:
        answers = await asyncio.gather(
            *(
                submit_generation_job(request, intake=core.intake, executor=core.executor)
                for core in (world.core, other) * 50
            )
        )
    assert len({answer.run.run_id for answer in answers}) == 1
    assert sum(not answer.deduplicated for answer in answers) == 1
    assert (await world.queue.stats()).depth == 1
