"""How a scheduler with a queue starts: never before a Redis that may lose jobs, always before one that is late."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import grpc
import pytest
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from fakes import ScriptedRenderer
from queue_scheduler import queue_scheduler
from redis_servers import own_server, queue_name
from scheduler_server import create, note, note_settings
from worker_world import until


async def ended(folder: Path, **settings: str) -> tuple[int | None, str]:
    """Exit code and standard error of a scheduler with a queue that does not start."""
    ours = note_settings(folder)
    env = {k: v for k, v in os.environ.items() if not k.startswith("DOCUGEN_")}  # noqa: TID251 - for the child
    env |= {"DOCUGEN_STORE_URL": ours.store_url, "DOCUGEN_GRPC_ADDRESS": "127.0.0.1:0", "DOCUGEN_QUEUE_ENABLED": "true"}
    env |= {"DOCUGEN_METRICS_ADDRESS": ""}
    command = (sys.executable, "-m", "docugen_scheduler")
    process = await asyncio.create_subprocess_exec(*command, env=env | settings, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, errors.decode()


async def test_a_redis_that_may_lose_jobs_ends_the_start_and_the_commands_that_mend_it_are_named(
    tmp_path: Path,
) -> None:
    with own_server(maxmemory_policy="allkeys-lru", appendonly="no") as redis:
        code, errors = await ended(tmp_path, DOCUGEN_REDIS_URL=redis.url)
    assert code == 78
    assert "CONFIG SET maxmemory-policy noeviction" in errors
    assert "CONFIG SET appendonly yes" in errors
    assert "DOCUGEN_QUEUE_ALLOW_VOLATILE=true" in errors
    assert "Traceback" not in errors


async def test_a_wrong_password_ends_the_start_and_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    with own_server(requirepass="swordfish") as redis:
        url = redis.url.replace("unix://", "unix://:hunter2@")
        code, errors = await ended(tmp_path, DOCUGEN_REDIS_URL=url)
    assert code == 78
    assert "DOCUGEN_REDIS_URL" in errors
    assert "hunter2" not in errors


@pytest.mark.parametrize("fallback", ["reject", "inline"])
async def test_a_scheduler_may_start_before_its_redis(tmp_path: Path, fallback: str) -> None:
    late = EmbeddedRedis(tmp_path / "redis")
    async with queue_scheduler(tmp_path / "house", late.url, "q", queue_fallback=fallback) as scheduler:
        assert await scheduler.health("liveness") == "SERVING"
        assert await scheduler.health("readiness") == ("NOT_SERVING" if fallback == "reject" else "SERVING")
        late.start()  # here, not in a thread: the server dies with the thread that started it
        try:
            await asyncio.to_thread(late.wait_ready)

            async with scheduler.worker(ScriptedRenderer()):
                numbers = itertools.count()

                async def rendered_by_the_worker() -> bool:
                    try:
                        answer = await scheduler.runs.CreateBundleRun(create(note(str(next(numbers)))))
                    except grpc.aio.AioRpcError as refused:
                        if refused.code() is grpc.StatusCode.UNAVAILABLE:
                            return False
                        raise
                    return (await scheduler.finished(answer.bundle_run.bundle_run_id)).worker == "ada"

                await until("a run goes to the worker", rendered_by_the_worker)
            assert await scheduler.health("readiness") == "SERVING"
        finally:
            await asyncio.to_thread(late.stop)


async def test_two_schedulers_with_a_fallback_share_a_store(tmp_path: Path, queue_url: str) -> None:
    name = queue_name("two schedulers")
    async with (
        queue_scheduler(tmp_path, queue_url, name, queue_fallback="inline") as one,
        queue_scheduler(tmp_path, queue_url, name, queue_fallback="inline") as two,
    ):
        first = await one.runs.CreateBundleRun(create())
        again = await two.runs.CreateBundleRun(create())
    assert (first.deduplicated, again.deduplicated) == (False, True)
    ledgers = sorted(path.name for path in (tmp_path / "store").glob("*.sqlite3"))
    assert ledgers == ["fallback-1.sqlite3", "fallback-2.sqlite3"]
