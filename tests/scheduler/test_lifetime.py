"""How a server ends, and what it finds when it starts again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from docugen.v1 import bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen_core.adapters.grpc_address import bind, is_loopback
from docugen_core.adapters.lifetime import Lifetime, unless
from docugen_core.config import Settings
from docugen_core.domain.run import RunState
from docugen_core.errors import ConfigurationError
from docugen_scheduler import app
from docugen_scheduler.app import Served, running_server
from fakes import ScriptedRenderer
from grpc_health.v1 import health_pb2, health_pb2_grpc
from scheduler_server import (
    Gate,
    create,
    note,
    note_settings,
    real_scheduler,
    reason,
    scripted_core,
    scripted_scheduler,
    trailers,
)

Run = bundle_run_pb2.BundleRun
Status = health_pb2.HealthCheckResponse


@dataclass
class Ending:
    """A server in a task of its own, and a channel that outlives its end."""

    served: Served
    channel: grpc.aio.Channel
    lifetime: Lifetime
    stop: Callable[[], None]
    server: asyncio.Task[None]
    runs: Any = field(init=False)

    def __post_init__(self) -> None:
        self.runs = BundleRunServiceStub(self.channel)


@asynccontextmanager
async def server_to_end(settings: Settings, renderer: ScriptedRenderer) -> AsyncIterator[Ending]:
    lifetime, stop = Lifetime(), asyncio.Event()
    begun: asyncio.Future[Served] = asyncio.get_running_loop().create_future()
    async with scripted_core(settings, renderer) as core:

        async def serve() -> None:
            async with running_server(settings, core=core, lifetime=lifetime) as served:
                begun.set_result(served)
                await stop.wait()

        server = asyncio.create_task(serve())
        served = await begun
        async with grpc.aio.insecure_channel(served.address) as channel:
            yield Ending(served, channel, lifetime, stop.set, server)
        stop.set()
        await server


async def read_to_end(stream: AsyncIterator[object]) -> None:
    async for _ in stream:
        pass


async def test_a_run_that_ends_within_the_grace_is_answered_before_the_server_goes(tmp_path: Path) -> None:
    gate = Gate()
    async with server_to_end(note_settings(tmp_path, grace_ms=120_000), ScriptedRenderer(gate)) as ending:
        creating = asyncio.ensure_future(ending.runs.CreateBundleRun(create()))
        await gate.begun.wait()
        ending.stop()
        await ending.lifetime.closing.wait()
        gate.open.set()
        assert (await creating).bundle_run.state == Run.STATE_SUCCEEDED
        await ending.server


async def test_watchers_and_waiters_are_sent_elsewhere_when_the_server_goes(tmp_path: Path) -> None:
    gate = Gate()
    async with server_to_end(note_settings(tmp_path, grace_ms=120_000), ScriptedRenderer(gate)) as ending:
        run = (await ending.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
        watch = aiter(ending.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name)))
        assert (await anext(watch)).bundle_run.name == run.name
        waiting = asyncio.ensure_future(ending.runs.WaitBundleRun(messages.WaitBundleRunRequest(name=run.name)))
        await gate.begun.wait()
        ending.stop()
        with pytest.raises(grpc.aio.AioRpcError) as watch_ended:
            await read_to_end(watch)
        with pytest.raises(grpc.aio.AioRpcError) as wait_ended:
            await waiting
        for ended in (watch_ended.value, wait_ended.value):
            assert ended.code() is grpc.StatusCode.UNAVAILABLE
            assert reason(ended) == "SHUTTING_DOWN"
            assert trailers(ended)["grpc-retry-pushback-ms"] == "1000"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ending.runs.CreateBundleRun(create(note("new")))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert reason(refused.value) == "SHUTTING_DOWN"
        gate.open.set()
        await ending.server


async def test_what_outlasts_the_grace_is_handed_back_unspent_and_goes_on_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "LAST_CALLS_S", 60.0)  # for the answer to the call, on a machine that stops for a while
    gate = Gate()
    async with server_to_end(note_settings(tmp_path, grace_ms=50), ScriptedRenderer(gate)) as ending:
        creating = asyncio.ensure_future(ending.runs.CreateBundleRun(create(bundle_run_id="long")))
        await gate.begun.wait()
        ending.stop()
        assert (await creating).bundle_run.state == Run.STATE_QUEUED
        await ending.server
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer()) as scheduler:
        run = await scheduler.finished("long")
        assert (run.state, run.attempt) == (Run.STATE_SUCCEEDED, 1)


async def test_a_second_signal_ends_the_server_without_waiting_for_runs(tmp_path: Path) -> None:
    gate = Gate()
    async with server_to_end(note_settings(tmp_path, grace_ms=600_000), ScriptedRenderer(gate)) as ending:
        await ending.runs.CreateBundleRun(create(return_immediately=True))
        await gate.begun.wait()
        ending.stop()
        await ending.lifetime.closing.wait()
        ending.lifetime.hurried.set()
        await ending.server


async def test_runs_are_still_known_after_a_restart(tmp_path: Path) -> None:
    settings = note_settings(tmp_path)
    async with scripted_scheduler(settings, ScriptedRenderer()) as scheduler:
        made = [(await scheduler.runs.CreateBundleRun(create(note(str(n))))).bundle_run for n in range(3)]
    async with scripted_scheduler(settings, ScriptedRenderer()) as scheduler:
        listed = (await scheduler.runs.ListBundleRuns(messages.ListBundleRunsRequest())).bundle_runs
        assert sorted(run.name for run in listed) == sorted(run.name for run in made)
        for run in made:
            again = await scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name=run.name))
            assert again.bundle_run == run
        assert (await scheduler.runs.CreateBundleRun(create(note("0")))).deduplicated


async def test_readiness_follows_the_room_for_runs_and_liveness_does_not(tmp_path: Path) -> None:
    gate = Gate()
    settings = note_settings(tmp_path, inline_concurrency=1, inline_waiting_max=0, grace_ms=120_000)
    async with server_to_end(settings, ScriptedRenderer(gate)) as ending:
        health = health_pb2_grpc.HealthStub(ending.channel)

        async def status(service: str) -> int:
            return int((await health.Check(health_pb2.HealthCheckRequest(service=service))).status)

        names = ["", "liveness", "readiness", "docugen.v1.BundleRunService"]
        assert [await status(name) for name in names] == [Status.SERVING] * 4
        run = (await ending.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
        assert await status("readiness") == Status.NOT_SERVING
        assert await status("liveness") == Status.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await status("docugen.v1.Nothing")
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest(service=""))
        assert (await watch.read()).status == Status.SERVING
        ending.stop()
        assert (await watch.read()).status == Status.NOT_SERVING
        assert await watch.read() is grpc.aio.EOF
        assert await status("") == Status.NOT_SERVING
        assert await status("liveness") == Status.SERVING
        gate.open.set()
        await ending.server
        assert (await ending.served.core.executor.get(run.bundle_run_id)).state is RunState.SUCCEEDED


async def test_an_address_in_use_is_refused_before_a_run_is_touched(tmp_path: Path) -> None:
    async with scripted_scheduler(note_settings(tmp_path / "a"), ScriptedRenderer()) as scheduler:
        second = note_settings(tmp_path / "b", grpc_address=scheduler.address)
        with pytest.raises(ConfigurationError, match="in use"):
            async with real_scheduler(second):
                pass
        assert not (tmp_path / "b" / "store").exists()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - that it is refused is the point
        ("[::]", False),
        ("192.0.2.1", False),
        ("example.test", False),
    ],
)
def test_only_loopback_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


async def test_an_address_others_can_reach_needs_insecure_to_be_said() -> None:
    server = grpc.aio.server()
    with pytest.raises(ConfigurationError, match="no TLS"):
        bind(server, "0.0.0.0:0", insecure=False, setting="DOCUGEN_GRPC_ADDRESS")
    assert bind(server, "0.0.0.0:0", insecure=True, setting="DOCUGEN_GRPC_ADDRESS")[1] > 0
    await server.stop(None)


async def test_unless_gives_the_result_or_none_and_never_leaves_the_work_behind() -> None:
    event, ended = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def at_once() -> int:
        return 3

    async def broken() -> int:
        raise KeyError("k")

    assert await unless(event, at_once()) == (3,)
    with pytest.raises(KeyError):
        await unless(event, broken())
    stopping = asyncio.create_task(unless(event, forever()))
    await asyncio.sleep(0)
    event.set()
    assert await stopping is None
    assert ended.is_set()
