"""Bytes that are no message, sent to every method: the caller's error each time, and never a bug."""

from __future__ import annotations

import grpc
import pytest
from docugen.v1 import artefact_service_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen_core.domain.seed import SeedStream
from docugen_scheduler.app import SERVICES
from google.protobuf.descriptor_pool import Default
from scheduler_server import Scheduler, create, reason


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
