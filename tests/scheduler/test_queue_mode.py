"""BundleRunService of a scheduler with a queue: answers at once, one run for equal submits, and honesty while Redis is in
trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from docugen.v1 import bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from fakes import ScriptedRenderer
from google.rpc import error_details_pb2
from queue_scheduler import QueueScheduler, queue_scheduler
from redis_proxy import Proxy
from redis_servers import own_server, queue_name
from scheduler_server import Gate, create, detail, note, reason, trailers
from worker_world import until

State = bundle_run_pb2.BundleRun


@pytest.fixture
async def queued(tmp_path: Path, queue_url: str, request: pytest.FixtureRequest) -> AsyncIterator[QueueScheduler]:
    async with queue_scheduler(tmp_path, queue_url, queue_name(request.node.nodeid)) as scheduler:
        yield scheduler


async def test_a_submit_is_answered_at_once_and_its_run_can_be_waited_for(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    answer = await queued.runs.CreateBundleRun(create())
    assert (answer.bundle_run.state, answer.deduplicated) == (State.STATE_QUEUED, False)
    async with queued.worker(renderer):
        done = await queued.finished(answer.bundle_run.bundle_run_id)
    assert (done.state, done.worker, done.attempt) == (State.STATE_SUCCEEDED, "ada", 1)
    assert [d.size_bytes > 0 for d in done.documents] == [True]
    assert (await queued.runs.CreateBundleRun(create())).bundle_run == done


async def test_a_hundred_equal_submits_at_once_are_one_run(queued: QueueScheduler) -> None:
    answers = await asyncio.gather(*(queued.runs.CreateBundleRun(create()) for _ in range(100)))
    assert sorted(answer.deduplicated for answer in answers) == [False] + [True] * 99
    listed = await queued.runs.ListBundleRuns(messages.ListBundleRunsRequest())
    assert [run.name for run in listed.bundle_runs] == [answers[0].bundle_run.name]


async def test_a_large_batch_is_accepted_item_by_item(queued: QueueScheduler) -> None:
    requests = [create(note(str(n % 250))) for n in range(500)]
    batch = messages.BatchCreateBundleRunsRequest(requests=requests)
    results = (await queued.runs.BatchCreateBundleRuns(batch, timeout=60)).results
    assert len({result.response.bundle_run.name for result in results}) == 250
    assert sum(result.response.deduplicated for result in results) == 250


async def test_an_id_that_names_another_spec_is_refused(queued: QueueScheduler) -> None:
    await queued.runs.CreateBundleRun(create(note("one"), bundle_run_id="mine"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await queued.runs.CreateBundleRun(create(note("two"), bundle_run_id="mine"))
    assert (refused.value.code(), reason(refused.value)) == (grpc.StatusCode.ALREADY_EXISTS, "BUNDLE_RUN_EXISTS")


async def test_a_watch_shows_progress_of_another_process_to_the_end(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    renderer.script = gate = Gate()
    run = (await queued.runs.CreateBundleRun(create(note(documents=3)))).bundle_run
    seen: list[bundle_run_pb2.BundleRun] = []

    watched = asyncio.Event()

    async def watch() -> None:
        async for message in queued.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name)):
            seen.append(message.bundle_run)
            watched.set()

    async with asyncio.TaskGroup() as group:
        to_the_end = group.create_task(watch())
        await watched.wait()  # else the worker may have it before the watch begins
        async with queued.worker(renderer):
            await gate.begun.wait()
            gate.open.set()
            await to_the_end
    assert [s.revision for s in seen] == sorted({s.revision for s in seen})
    assert seen[0].state == State.STATE_QUEUED
    assert seen[-1].state == State.STATE_SUCCEEDED
    assert {d.state for d in seen[-1].documents} == {bundle_run_pb2.DocumentProgress.STATE_RENDERED}


async def test_a_running_run_is_cancelled_through_its_worker(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    renderer.script = gate = Gate()
    run = (await queued.runs.CreateBundleRun(create())).bundle_run
    async with queued.worker(renderer):
        await gate.begun.wait()
        request = messages.CancelBundleRunRequest(name=run.name, reason="wrong month")
        answer = await queued.runs.CancelBundleRun(request)
        assert answer.bundle_run.state in (State.STATE_CANCELLING, State.STATE_CANCELLED)  # its worker may be quicker
        done = await queued.finished(run.bundle_run_id)
    assert (done.state, done.error.message) == (State.STATE_CANCELLED, "wrong month")


async def test_a_submit_whose_answer_redis_lost_is_the_same_run_when_it_is_repeated(
    tmp_path: Path, queue_url: str
) -> None:
    async with Proxy(queue_url) as proxy, queue_scheduler(tmp_path, proxy.url, queue_name("lost")) as scheduler:
        await scheduler.runs.CreateBundleRun(create(note("warm-up")))
        proxy.lose_replies = 1
        first = (await scheduler.runs.CreateBundleRun(create())).bundle_run
        again = await scheduler.runs.CreateBundleRun(create())
    assert again.deduplicated
    assert again.bundle_run == first


@pytest.mark.slow
@pytest.mark.parametrize("fallback", ["reject", "inline"])
async def test_without_redis_a_submit_is_told_when_to_come_back_or_rendered_here(tmp_path: Path, fallback: str) -> None:
    with own_server() as redis:
        async with queue_scheduler(
            tmp_path, redis.url, "q", queue_fallback=fallback, inline_concurrency=1
        ) as scheduler:
            assert await scheduler.health("readiness") == "SERVING"
            await asyncio.to_thread(redis.stop, kill=True)
            if fallback == "inline":
                run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
                assert (await scheduler.finished(run.bundle_run_id)).state == State.STATE_SUCCEEDED
                assert await scheduler.health("readiness") == "SERVING"
                return
            with pytest.raises(grpc.aio.AioRpcError) as away:
                await scheduler.runs.CreateBundleRun(create())
            assert (away.value.code(), reason(away.value)) == (grpc.StatusCode.UNAVAILABLE, "QUEUE_UNAVAILABLE")
            assert detail(away.value, error_details_pb2.RetryInfo) is not None
            assert int(trailers(away.value)["grpc-retry-pushback-ms"]) > 0

            async def ready() -> bool:
                return await scheduler.health("readiness") == "SERVING"

            async def unready() -> bool:
                return not await ready()

            await until("readiness is gone", unready)
            assert await scheduler.health("liveness") == "SERVING"
            redis.start()
            await until("readiness is back", ready)
            assert (await scheduler.runs.CreateBundleRun(create())).bundle_run.state == State.STATE_QUEUED


async def test_a_redis_without_memory_is_resource_exhausted(tmp_path: Path) -> None:
    with own_server(maxmemory="1") as redis:
        async with queue_scheduler(tmp_path, redis.url, "q") as scheduler:
            with pytest.raises(grpc.aio.AioRpcError) as full:
                await scheduler.runs.CreateBundleRun(create())
    assert (full.value.code(), reason(full.value)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_MEMORY_FULL")
    assert detail(full.value, error_details_pb2.RetryInfo) is not None


async def test_capabilities_name_the_mode(queued: QueueScheduler) -> None:
    answer = await queued.runs.GetCapabilities(messages.GetCapabilitiesRequest())
    assert answer.mode == messages.GetCapabilitiesResponse.MODE_QUEUE


async def test_watchers_end_with_the_server_and_are_told_to_come_back(tmp_path: Path, queue_url: str) -> None:
    async with queue_scheduler(tmp_path, queue_url, queue_name("ending")) as scheduler:
        run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
        watch = scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name))
        await watch.read()
        scheduler.lifetime.closing.set()
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await watch.read()
        assert (ended.value.code(), reason(ended.value)) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
