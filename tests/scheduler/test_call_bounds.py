"""The bounds around every call: bytes, waiting, calls at once, trailers. Who is refused is told why and when to come back."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import grpc
import pytest
from docugen.v1 import artefact_service_pb2, bundle_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen_core.errors import Overloaded
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_scheduler.call_limits import CallGroup
from fakes import ScriptedRenderer
from google.rpc import error_details_pb2
from scheduler_server import (
    Gate,
    Scheduler,
    create,
    detail,
    note,
    note_settings,
    reason,
    scripted_scheduler,
    trailers,
    wrong_fields,
)

from .conftest import events

# --- bytes ----------------------------------------------------------------------------------------------------------------


async def test_a_request_beyond_the_bound_is_told_so_and_the_next_one_is_served(scheduler: Scheduler) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.CreateBundleRun(create(note(salt="x" * (5 << 20))))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(refused.value) == "REQUEST_TOO_LARGE"
    info = detail(refused.value, error_details_pb2.ErrorInfo)
    assert info is not None
    assert info.metadata["max_request_bytes"] == str(4 << 20)
    with pytest.raises(grpc.aio.AioRpcError) as far_too_large:
        await scheduler.runs.CreateBundleRun(create(note(salt="x" * (9 << 20))))
    assert far_too_large.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await scheduler.runs.CreateBundleRun(create())).bundle_run.name


async def test_a_small_message_that_unpacks_to_a_large_one_is_refused_unread(scheduler: Scheduler) -> None:
    bomb = create(note(salt="x" * (50 << 20)))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.CreateBundleRun(bomb, compression=grpc.Compression.Gzip)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    packed = await scheduler.runs.CreateBundleRun(create(), compression=grpc.Compression.Gzip)
    assert packed.bundle_run.name


async def test_a_hundred_long_violations_arrive_within_what_trailers_may_hold(scheduler: Scheduler) -> None:
    documents = [
        bundle_pb2.DocumentSpec(name=f"{'é' * 100}{n}.txt", format="txt", template=f"note/{'x' * 100}", data_json="[")
        for n in range(100)
    ]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.runs.CreateBundleRun(create(bundle_pb2.BundleSpec(documents=documents)))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sum(len(k) + len(v) for k, v in trailers(refused.value).items()) < 8 << 10
    info = detail(refused.value, error_details_pb2.ErrorInfo)
    assert info is not None
    assert int(info.metadata["violations_omitted"]) > 0
    assert len(wrong_fields(refused.value)) >= 5


# --- work -----------------------------------------------------------------------------------------------------------------


async def test_a_full_server_refuses_with_a_time_to_come_back(tmp_path: Path) -> None:
    gate = Gate()
    settings = note_settings(tmp_path, inline_concurrency=1, inline_waiting_max=1)
    async with scripted_scheduler(settings, ScriptedRenderer(gate)) as scheduler:
        for n in range(2):
            await scheduler.runs.CreateBundleRun(create(note(str(n)), return_immediately=True))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scheduler.runs.CreateBundleRun(create(note("one too many")))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason(refused.value) == "EXECUTOR_BUSY"
        retry = detail(refused.value, error_details_pb2.RetryInfo)
        assert retry is not None
        assert trailers(refused.value)["grpc-retry-pushback-ms"] == str(retry.retry_delay.ToMilliseconds())
        assert retry.retry_delay.ToMilliseconds() > 0
        known = await scheduler.runs.CreateBundleRun(create(note("0"), return_immediately=True))
        assert known.deduplicated
        batch = messages.BatchCreateBundleRunsRequest(requests=[create(note("0")), create(note("another"))])
        answered = (await scheduler.runs.BatchCreateBundleRuns(batch)).results
        assert answered[0].response.deduplicated
        assert answered[1].error.reason == "EXECUTOR_BUSY"
        assert answered[1].error.retryable
        assert int(answered[1].error.details["retry_after_ms"]) > 0
        gate.open.set()


# --- calls at once --------------------------------------------------------------------------------------------------------


def test_beyond_the_bound_of_its_group_a_call_is_refused_and_a_left_place_is_free_again() -> None:
    group = CallGroup("render", 1, 1_000)
    with group.entered():
        with pytest.raises(Overloaded) as refused, group.entered():
            pass
        assert refused.value.reason == "TOO_MANY_CALLS"
    with group.entered():
        assert group.inside == 1
    assert group.inside == 0


async def test_a_second_verification_beyond_the_slots_is_refused_over_the_wire(tmp_path: Path) -> None:
    renderer = ScriptedRenderer()
    async with scripted_scheduler(note_settings(tmp_path, inline_concurrency=1), renderer) as scheduler:
        run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
        gate = renderer.script = Gate()
        verify = messages.VerifyBundleRunRequest(name=run.name)
        first = scheduler.runs.VerifyBundleRun(verify)
        await gate.begun.wait()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scheduler.runs.VerifyBundleRun(verify)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason(refused.value) == "TOO_MANY_CALLS"
        gate.open.set()
        assert (await first).verdict == messages.VerifyBundleRunResponse.VERDICT_IDENTICAL
        assert (await scheduler.runs.VerifyBundleRun(verify)).verdict


async def wait_until_nobody_is_inside(scheduler: Scheduler, method: str) -> None:
    """Returns once no call of the method's group is inside."""
    async with asyncio.timeout(60):
        while scheduler.served.limits.group(method).inside:  # noqa: ASYNC110 - a number has no event
            await asyncio.sleep(0.01)


async def test_callers_that_leave_a_stream_give_their_places_back_and_are_no_errors(
    tmp_path: Path, log: io.StringIO
) -> None:
    async def large(task: RenderTask, _: int) -> Rendering:
        await gate.open.wait()
        return Rendering(bytes(20 << 20))

    gate = Gate()
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer(large)) as scheduler:
        run = (await scheduler.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
        watches = [scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name)) for _ in range(5)]
        for watch in watches:
            await watch.read()
        assert scheduler.served.limits.group("WatchBundleRun").inside == 5
        for watch in watches:
            watch.cancel()
        await wait_until_nobody_is_inside(scheduler, "WatchBundleRun")
        gate.open.set()
        await scheduler.finished(run.bundle_run_id)
        request = artefact_service_pb2.ReadArtefactRequest(name=f"{run.name}/artefacts/note0.txt")
        reads = [scheduler.artefacts.ReadArtefact(request) for _ in range(5)]
        for read in reads:
            await read.read()
        assert scheduler.served.limits.group("ReadArtefact").inside == 5
        for read in reads:
            read.cancel()
        await wait_until_nobody_is_inside(scheduler, "ReadArtefact")
    assert [event["event"] for event in events(log) if event["level"] != "info"] == []
