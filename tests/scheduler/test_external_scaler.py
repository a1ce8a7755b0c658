"""KEDA's ExternalScaler over the wire: it counts what needs a worker, parked retries too, and says how many one takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from docugen.keda import external_scaler_pb2 as messages
from docugen.keda.external_scaler_pb2_grpc import ExternalScalerStub
from docugen.v1 import bundle_pb2
from docugen.v1.queue_service_pb2 import GetQueueStatsRequest
from docugen_core.adapters.lifetime import Lifetime
from docugen_core.domain.demand import Demand
from docugen_core.domain.tenant import Role
from docugen_core.errors import RenderInterrupted
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_scheduler import external_scaler
from docugen_scheduler.call_limits import SCALE_CALLS_MAX
from docugen_scheduler.external_scaler import ExternalScaler
from fakes import ScriptedRenderer
from google.protobuf.timestamp_pb2 import Timestamp
from queue_scheduler import QueueScheduler, queue_scheduler
from redis_servers import own_server, queue_name
from scheduler_server import Gate, Scheduler, create, note, reason, wrong_fields
from token_holders import Tokens
from worker_world import until

if TYPE_CHECKING:
    from docugen.keda.external_scaler_pb2_grpc import ExternalScalerAsyncStub

ASKS = messages.ScaledObjectRef(name="worker", namespace="docugen", scalerMetadata={"workerSlots": "4"})


@pytest.fixture
async def queued(tmp_path: Path, queue_url: str, request: pytest.FixtureRequest) -> AsyncIterator[QueueScheduler]:
    name = queue_name(request.node.nodeid)
    async with queue_scheduler(tmp_path, queue_url, name, queue_backoff_ms=30_000) as scheduler:
        yield scheduler


def keda(scheduler: Scheduler) -> ExternalScalerAsyncStub:
    return ExternalScalerStub(scheduler.channel)


async def settles(scheduler: Scheduler, expected: int) -> None:
    """Answers are as of a quarter of a second ago at most."""

    async def told() -> bool:
        return await jobs(scheduler) == expected and (await keda(scheduler).IsActive(ASKS)).result is (expected > 0)

    await until(f"{expected} jobs need a worker", told)


async def jobs(scheduler: Scheduler) -> float:
    request = messages.GetMetricsRequest(scaledObjectRef=ASKS, metricName="docugen_jobs")
    (value,) = (await keda(scheduler).GetMetrics(request)).metricValues
    assert value.metricName == "docugen_jobs"
    assert value.metricValue == value.metricValueFloat
    return value.metricValueFloat


async def refused(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as found:
        await call
    return found.value


async def die(task: RenderTask, n: int) -> Rendering:
    raise RenderInterrupted("the render process died")


async def test_an_empty_queue_needs_nobody(queued: QueueScheduler) -> None:
    assert await jobs(queued) == 0
    assert not (await keda(queued).IsActive(ASKS)).result


async def test_jobs_count_while_they_wait_and_while_they_run(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    renderer.script = gate = Gate()
    for n in range(5):
        await queued.runs.CreateBundleRun(create(note(str(n))))
    await settles(queued, 5)
    async with queued.worker(renderer):
        await gate.begun.wait()
        await asyncio.sleep(external_scaler.LOOK_EVERY_S)
        assert await jobs(queued) == 5, "two of them run: a worker that has work is not idle"
        gate.open.set()
        await settles(queued, 0)


async def test_a_parked_retry_keeps_a_worker(queued: QueueScheduler, renderer: ScriptedRenderer) -> None:
    renderer.script = die
    await queued.runs.CreateBundleRun(create())
    async with queued.worker(renderer):

        async def parked() -> bool:
            desk = queued.served.core.desk
            assert desk is not None
            return (await desk.stats()).parked == 1

        await until("the failed attempt is parked for its retry", parked)
    await asyncio.sleep(external_scaler.LOOK_EVERY_S)
    assert await jobs(queued) == 1, "it is due within half a minute"
    assert (await keda(queued).IsActive(ASKS)).result


async def test_a_start_in_an_hour_needs_nobody_yet(queued: QueueScheduler) -> None:
    start = Timestamp()
    start.FromMilliseconds(queued.served.core.clock.now_ms() + 3_600_000)
    await queued.runs.CreateBundleRun(create(execution_policy=bundle_pb2.ExecutionPolicy(not_before=start)))
    assert await jobs(queued) == 0
    assert not (await keda(queued).IsActive(ASKS)).result


async def test_a_stream_tells_each_change_once(queued: QueueScheduler, renderer: ScriptedRenderer) -> None:
    stream = keda(queued).StreamIsActive(ASKS)
    answers = aiter(stream)
    assert not (await anext(answers)).result
    for n in range(3):
        await queued.runs.CreateBundleRun(create(note(str(n))))
    assert (await anext(answers)).result
    async with queued.worker(renderer):
        assert not (await anext(answers)).result
    stream.cancel()


@pytest.mark.parametrize(
    ("metadata", "target", "whole"),
    [
        ({"workerSlots": "4"}, 4.0, 4),
        ({"workerSlots": "4", "jobsPerSlot": "2.5", "scalerAddress": "scheduler:50051"}, 10.0, 10),
        ({"workerSlots": "1", "jobsPerSlot": "0.25"}, 0.25, 1),
    ],
)
async def test_the_target_is_what_fills_the_slots_of_one_worker(
    queued: QueueScheduler, metadata: dict[str, str], target: float, whole: int
) -> None:
    answer = await keda(queued).GetMetricSpec(messages.ScaledObjectRef(scalerMetadata=metadata))
    expected = messages.MetricSpec(metricName="docugen_jobs", targetSize=whole, targetSizeFloat=target)
    assert list(answer.metricSpecs) == [expected]


async def test_metadata_that_is_wrong_is_named(queued: QueueScheduler) -> None:
    for slots in ("", "0", "257", "4.5", "four", "٤", "9" * 5_000):
        for jobs_per_slot in ("0", "-1", "nan", "inf", "some"):
            metadata = {"workerSlots": slots, "jobsPerSlot": jobs_per_slot}
            error = await refused(keda(queued).GetMetricSpec(messages.ScaledObjectRef(scalerMetadata=metadata)))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert wrong_fields(error) == ["scalerMetadata.workerSlots", "scalerMetadata.jobsPerSlot"]


async def test_another_metric_is_refused(queued: QueueScheduler) -> None:
    error = await refused(keda(queued).GetMetrics(messages.GetMetricsRequest(metricName="lag")))
    assert wrong_fields(error) == ["metricName"]


async def test_a_server_without_a_queue_says_so_to_every_method(scheduler: Scheduler) -> None:
    for call in (
        keda(scheduler).IsActive(ASKS),
        keda(scheduler).GetMetricSpec(ASKS),
        keda(scheduler).GetMetrics(messages.GetMetricsRequest(scaledObjectRef=ASKS, metricName="docugen_jobs")),
        keda(scheduler).StreamIsActive(ASKS).read(),
    ):
        error = await refused(call)
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert reason(error) == "QUEUE_DISABLED"


async def test_keda_needs_no_token_where_everybody_else_does(
    tmp_path: Path, queue_url: str, request: pytest.FixtureRequest
) -> None:
    tokens = Tokens.new(tmp_path / "tokens.toml")
    tokens.add("operator", Role.OPERATE)
    name = queue_name(request.node.nodeid)
    async with queue_scheduler(tmp_path, queue_url, name, auth_tokens_file=str(tokens.file)) as scheduler:
        assert await jobs(scheduler) == 0
        error = await refused(scheduler.queue.GetQueueStats(GetQueueStatsRequest()))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_without_redis_there_is_no_number_rather_than_none(tmp_path: Path) -> None:
    """Nought would end every worker."""
    with own_server() as redis:
        async with queue_scheduler(tmp_path, redis.url, "test:away") as scheduler:
            await scheduler.runs.CreateBundleRun(create())
            await settles(scheduler, 1)
            redis.stop(kill=True)
            await asyncio.sleep(external_scaler.LOOK_EVERY_S)
            error = await refused(jobs(scheduler))
            assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_many_that_ask_at_once_are_one_look_at_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_scaler, "LOOK_EVERY_S", 3_600.0)  # all of this is "at once", however slow
    looks: list[int] = []

    async def look(soon_ms: int) -> Demand:
        looks.append(soon_ms)
        await asyncio.sleep(0)
        return Demand(waiting=1, in_flight=2, due_soon=3)

    scaler = ExternalScaler(look, Lifetime())
    context: Any = None  # of a call; nothing is asked of it
    request = messages.GetMetricsRequest(metricName="docugen_jobs")
    answers = await asyncio.gather(*(scaler.GetMetrics(request, context) for _ in range(50)))
    assert {answer.metricValues[0].metricValue for answer in answers} == {6}
    assert (await scaler.IsActive(ASKS, context)).result
    assert looks == [60_000]


async def test_streams_beyond_their_bound_are_refused_and_nobody_else(queued: QueueScheduler) -> None:
    streams = [keda(queued).StreamIsActive(ASKS) for _ in range(SCALE_CALLS_MAX)]
    for stream in streams:
        await stream.read()
    error = await refused(keda(queued).IsActive(ASKS))
    assert reason(error) == "TOO_MANY_CALLS"
    await queued.runs.CreateBundleRun(create())
    for stream in streams:
        stream.cancel()
