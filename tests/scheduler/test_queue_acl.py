"""deploy/redis/users.acl: scheduler and worker do all their work under it, and neither does the other's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import ROOT
from docugen.v1 import bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as runs
from docugen.v1 import queue_service_pb2 as messages
from docugen_core.adapters.keys import QueueKeys
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.redis_roles import ROLES, acl_rule
from docugen_core.config import Settings
from docugen_core.domain.job import NewJob
from docugen_core.errors import ConfigurationError, RenderFailed
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer, plain
from queue_scheduler import queue_scheduler
from redis_servers import own_server
from scheduler_server import create, note

USERS = ROOT / "deploy" / "redis" / "users.acl"
QUEUE = Settings().queue_name
NOBODYS_PASSWORD = "#" + "0" * 64


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Redis that knows the users of the shipped file alone, and a URL for each."""
    digest = hashlib.sha256(b"pw").hexdigest()
    users = tmp_path / "users.acl"
    users.write_text(USERS.read_text().replace(NOBODYS_PASSWORD, f"#{digest}"))
    with own_server(aclfile=str(users)) as redis:
        yield {role: redis.url.replace("unix://", f"unix://docugen-{role}:pw@") for role in ROLES}


def test_the_shipped_file_says_what_the_scripts_need() -> None:
    rules = [f"user docugen-{role} on {NOBODYS_PASSWORD} {acl_rule(role, QueueKeys(QUEUE))}" for role in ROLES]
    assert USERS.read_text().splitlines() == ["user default off", *rules]


async def test_a_scheduler_and_a_worker_do_their_work_under_it(
    tmp_path: Path, urls: dict[str, str], renderer: ScriptedRenderer
) -> None:
    async def fail(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("unknown variable", document=task.document)

    changes = {"queue_allow_volatile": False}
    async with queue_scheduler(tmp_path / "house", urls["scheduler"], QUEUE, **changes) as scheduler:
        assert await scheduler.health("readiness") == "SERVING"
        first = (await scheduler.runs.CreateBundleRun(create(note("a")))).bundle_run
        renderer.script = fail
        async with scheduler.worker(renderer, redis_url=urls["worker"]):
            done = await scheduler.finished(first.bundle_run_id)
            assert done.state == bundle_run_pb2.BundleRun.STATE_FAILED
            renderer.script = plain
            again = await scheduler.queue.RedriveDeadLetters(messages.RedriveDeadLettersRequest())
            assert again.redriven == 1
            done = await scheduler.finished(first.bundle_run_id)
            assert done.state == bundle_run_pb2.BundleRun.STATE_SUCCEEDED
        second = (await scheduler.runs.CreateBundleRun(create(note("b")))).bundle_run
        full = runs.GetBundleRunRequest(name=second.name, view=bundle_run_pb2.BUNDLE_RUN_VIEW_FULL)
        assert (await scheduler.runs.GetBundleRun(full)).bundle_run.spec.data_json == '{"text":"b"}'
        await scheduler.runs.CancelBundleRun(runs.CancelBundleRunRequest(name=second.name))
        assert len((await scheduler.runs.ListBundleRuns(runs.ListBundleRunsRequest())).bundle_runs) == 2


async def test_neither_does_the_others_work_or_an_operators(urls: dict[str, str]) -> None:
    async with RedisConnection(urls["scheduler"]) as scheduler, RedisConnection(urls["worker"]) as worker:
        await RedisQueue(scheduler, QUEUE).submit([NewJob("run-1", "digest", b"job")])
        with pytest.raises(ConfigurationError, match="its user may not"):
            await RedisJobSource(scheduler, QUEUE, consumer="thief").take(1)
        with pytest.raises(ConfigurationError, match="its user may not"):
            await RedisQueue(worker, QUEUE).submit([NewJob("run-2", "digest", b"job")])
        for connection in (scheduler, worker):
            for command in (("FLUSHALL",), ("CONFIG", "GET", "*"), ("XTRIM", f"{{{QUEUE}}}:dlq", "MAXLEN", "0")):
                with pytest.raises(ConfigurationError):
                    await connection.execute(*command)
        assert len((await RedisJobSource(worker, QUEUE, consumer="ada").take(1)).deliveries) == 1


async def test_a_password_of_nobody_lets_nobody_in(tmp_path: Path) -> None:
    with own_server(aclfile=str(USERS)) as redis:
        for login in ("", "docugen-scheduler:@", "docugen-worker:pw@"):
            async with RedisConnection(redis.url.replace("unix://", f"unix://{login}")) as connection:
                with pytest.raises(ConfigurationError):
                    await connection.execute("PING")
