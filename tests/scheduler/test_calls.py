"""What happens around every call: malformed bytes, bounds, ids, and that no exception text ever leaves the process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import grpc
import pytest
from docugen.v1 import artefact_service_pb2, bundle_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen_core.adapters.logs import configure_logs
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_query import RunPage, RunQuery
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import Overloaded
from docugen_core.ports import ExecutionMode, GenerationJob, Submission
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_core.submission import Intake
from docugen_scheduler.app import SERVICES
from docugen_scheduler.call_limits import CallGroup
from fakes import ScriptedRenderer
from google.protobuf.descriptor_pool import Default
from google.rpc import error_details_pb2
from scheduler_server import (
    Gate,
    Scheduler,
    create,
    detail,
    note,
    note_settings,
    real_scheduler,
    reason,
    scripted_core,
    scripted_scheduler,
    trailers,
    wrong_fields,
)

CUSTOMER = "account 4711 of Ottoline Farthing"
KINDS = ("RuntimeError", "KeyError", "OSError", "ValueError", "TimeoutError", "ZeroDivisionError")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines."""
    lines = io.StringIO()
    configure_logs("info", "json", lines)
    yield lines
    configure_logs("info", "json")


def events(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


class BrokenExecutor:
    """Implements ports.GenerationExecutor; every method fails by a bug that names a customer."""

    mode = ExecutionMode.INLINE

    async def submit(self, job: GenerationJob) -> Submission:
        raise RuntimeError(CUSTOMER)

    async def get(self, run_id: str) -> BundleRun:
        raise KeyError(CUSTOMER)

    async def spec(self, run_id: str) -> bytes | None:
        raise RuntimeError(CUSTOMER)

    async def list(self, query: RunQuery) -> RunPage:
        raise OSError(CUSTOMER)

    async def watch(self, run_id: str) -> AsyncIterator[BundleRun]:
        if run_id:
            raise ValueError(CUSTOMER)
        yield await self.get(run_id)

    async def cancel(self, run_id: str, reason: str) -> BundleRun:
        raise TimeoutError(CUSTOMER)

    async def retry(self, run_id: str) -> BundleRun:
        raise ZeroDivisionError(CUSTOMER)

    async def forget(self, run_id: str) -> None:
        raise RuntimeError(CUSTOMER)

    async def ready(self) -> bool:
        return True

    async def drain(self, grace_ms: int) -> None:
        """Nothing runs."""


async def test_a_bug_is_found_in_the_log_under_the_id_the_caller_gets_and_its_text_is_nowhere(
    tmp_path: Path, log: io.StringIO
) -> None:
    settings = note_settings(tmp_path)
    async with scripted_core(settings, ScriptedRenderer()) as core:
        broken = replace(core, executor=BrokenExecutor())
        async with real_scheduler(settings, broken) as scheduler:
            name = "bundleRuns/x"
            calls: dict[str, Awaitable[object]] = {
                "CreateBundleRun": scheduler.runs.CreateBundleRun(create()),
                "GetBundleRun": scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name=name)),
                "ListBundleRuns": scheduler.runs.ListBundleRuns(messages.ListBundleRunsRequest()),
                "CancelBundleRun": scheduler.runs.CancelBundleRun(messages.CancelBundleRunRequest(name=name)),
                "RetryBundleRun": scheduler.runs.RetryBundleRun(messages.RetryBundleRunRequest(name=name)),
                "WatchBundleRun": scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=name)).read(),
            }
            for method, call in calls.items():
                with pytest.raises(grpc.aio.AioRpcError) as failed:
                    await call
                assert failed.value.code() is grpc.StatusCode.INTERNAL
                info = detail(failed.value, error_details_pb2.ErrorInfo)
                assert info is not None
                assert info.reason == "INTERNAL"
                assert CUSTOMER not in repr(failed.value) + repr(failed.value.trailing_metadata())
                lines = [e for e in events(log) if e.get("request_id") == info.metadata["error_id"]]
                assert [line["method"] for line in lines] == [method]
                assert str(lines[0]["exception"]).endswith(KINDS)
                assert CUSTOMER not in log.getvalue()
            batch = messages.BatchCreateBundleRunsRequest(requests=[create()])
            answer = await scheduler.runs.BatchCreateBundleRuns(batch)
            assert answer.results[0].error.reason == "INTERNAL"
            assert CUSTOMER not in str(answer)


async def test_an_item_of_a_batch_that_meets_a_bug_is_logged_by_its_run_id_only_where_that_can_be_one(
    tmp_path: Path, log: io.StringIO
) -> None:
    settings = note_settings(tmp_path)
    async with scripted_core(settings, ScriptedRenderer()) as core:
        broken = replace(core, intake=cast(Intake, object()))  # so that the bug comes before anything is checked
        async with real_scheduler(settings, broken) as scheduler:
            items = [create(bundle_run_id=name) for name in ("mine-1", f"{CUSTOMER}\n", "")]
            batch = messages.BatchCreateBundleRunsRequest(requests=items)
            answer = await scheduler.runs.BatchCreateBundleRuns(batch)
    assert [result.error.reason for result in answer.results] == ["INTERNAL"] * 3
    crashes = [event for event in events(log) if event["event"] == "batch_item_crashed"]
    assert sorted(str(crash["run_id"]) for crash in crashes) == ["", "", "mine-1"]
    assert CUSTOMER not in log.getvalue() + str(answer)


def methods() -> list[str]:
    pool = Default()
    services = [pool.FindServiceByName(name) for name in SERVICES]
    return [f"/{service.full_name}/{method.name}" for service in services for method in service.methods]


async def send_raw(scheduler: Scheduler, method: str, data: bytes) -> grpc.aio.AioRpcError:
    """Send bytes as they are; the error they are answered with."""
    call = scheduler.channel.unary_stream(method, request_serializer=bytes, response_deserializer=bytes)(data)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in call:
            pass
    return refused.value


async def test_malformed_protobuf_is_the_callers_error_in_every_method(scheduler: Scheduler) -> None:
    assert len(methods()) >= 25
    for method in methods():
        error = await send_raw(scheduler, method, b"\xff\xff\xff\xff\xff")
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, method
        assert reason(error) == "MALFORMED_REQUEST"


async def test_text_that_is_not_utf8_is_malformed(scheduler: Scheduler) -> None:
    name = b"\xc3\x28"
    error = await send_raw(scheduler, "/docugen.v1.BundleRunService/GetBundleRun", b"\x0a" + bytes([len(name)]) + name)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(error) == "MALFORMED_REQUEST"


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


def mutated(data: bytes, chance: SeedStream) -> bytes:
    """`data` with up to five bytes changed, added or taken away."""
    changed = bytearray(data)
    for n in range((chance / "count").between(0, 5)):
        at, byte = (chance / n / "at").between(0, len(changed) - 1), (chance / n / "byte").between(0, 255)
        match (chance / n / "kind").between(0, 2):
            case 0:
                changed[at] = byte
            case 1:
                changed.insert(at, byte)
            case _ if len(changed) > 1:
                del changed[at]
    return bytes(changed)


async def test_no_bytes_whatever_make_a_method_fail_by_a_bug(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create(bundle_run_id="abc"))).bundle_run
    name = messages.GetBundleRunRequest(name=run.name).SerializeToString()
    artefact = artefact_service_pb2.ReadArtefactRequest(name=f"{run.name}/artefacts/note0.txt").SerializeToString()
    batch = messages.BatchCreateBundleRunsRequest(requests=[create()]).SerializeToString()
    originals = (create(bundle_run_id="abc").SerializeToString(), name, artefact, batch)
    chance = SeedStream.of("no-bytes-whatever")
    endings: dict[bytes, grpc.aio.AioRpcError | None] = {}
    for method in methods():
        for n in range(24):
            data = mutated(originals[n % len(originals)], chance / method / n)
            raw = scheduler.channel.unary_stream(method, request_serializer=bytes, response_deserializer=bytes)
            try:
                async for _ in raw(data, timeout=60):
                    pass
                endings[method.encode() + data] = None
            except grpc.aio.AioRpcError as error:
                endings[method.encode() + data] = error
    for sent, ending in endings.items():
        if ending is not None:
            assert ending.code() not in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL), sent
            assert reason(ending), sent
    assert {None, grpc.StatusCode.INVALID_ARGUMENT} <= {e and e.code() for e in endings.values()}


async def test_a_submit_whose_deadline_passes_at_any_moment_may_be_repeated_and_is_one_run(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    for milliseconds in range(1, 30):
        with contextlib.suppress(grpc.aio.AioRpcError):
            await scheduler.runs.CreateBundleRun(create(), timeout=milliseconds / 1_000)
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    listed = await scheduler.runs.ListBundleRuns(messages.ListBundleRunsRequest())
    assert [r.name for r in listed.bundle_runs] == [run.name]
    assert renderer.calls == {"note0.txt": 1}


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


async def test_a_callers_request_id_is_sent_back_and_logged_with_the_run(tmp_path: Path, log: io.StringIO) -> None:
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer()) as scheduler:
        call = scheduler.runs.CreateBundleRun(create(bundle_run_id="mine"), metadata=(("x-request-id", "ticket-42"),))
        await call
        assert dict(await call.trailing_metadata())["x-request-id"] == "ticket-42"
        line = next(e for e in events(log) if e["event"] == "rpc_answered")
        assert (line["request_id"], line["run_id"], line["method"]) == ("ticket-42", "mine", "CreateBundleRun")
        odd = scheduler.runs.GetCapabilities(
            messages.GetCapabilitiesRequest(), metadata=(("x-request-id", "spaces and worse"),)
        )
        await odd
        made = str(dict(await odd.trailing_metadata())["x-request-id"])
        assert len(made) == 16
        assert int(made, 16) >= 0


async def test_the_log_has_a_line_for_a_change_and_for_an_error_and_none_for_a_read(
    tmp_path: Path, log: io.StringIO
) -> None:
    async with scripted_scheduler(note_settings(tmp_path), ScriptedRenderer()) as scheduler:
        await scheduler.runs.CreateBundleRun(create(note("Ottoline Farthing"), bundle_run_id="mine"))
        await scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name="bundleRuns/mine"))
        with pytest.raises(grpc.aio.AioRpcError):
            await scheduler.runs.GetBundleRun(messages.GetBundleRunRequest(name="bundleRuns/other"))
        with pytest.raises(grpc.aio.AioRpcError):
            await scheduler.runs.CreateBundleRun(create(note(locale="Ottoline", salt="x")))
    lines = [e for e in events(log) if str(e["event"]).startswith("rpc_")]
    assert [(e["event"], e["method"], e["code"], e.get("run_id")) for e in lines] == [
        ("rpc_answered", "CreateBundleRun", "OK", "mine"),
        ("rpc_failed", "GetBundleRun", "NOT_FOUND", "other"),
        ("rpc_failed", "CreateBundleRun", "INVALID_ARGUMENT", None),
    ]
    assert lines[-1]["fields"] == ["locale"]
    assert "Ottoline" not in log.getvalue()


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


async def test_calls_at_once_are_answered_each_with_its_own(scheduler: Scheduler) -> None:
    answers = await asyncio.gather(*(scheduler.runs.CreateBundleRun(create(note(str(n)))) for n in range(30)))
    assert len({answer.bundle_run.spec_digest for answer in answers}) == 30
