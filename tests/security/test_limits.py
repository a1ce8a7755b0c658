"""Callers who are slow, silent, many or too much: each costs a bound, is told so where it can be, and harms nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import http2
import pytest
from certificates import Authority
from docugen.client import Access, DocugenClient, Refused
from docugen.v1 import bundle_run_service_pb2 as runs
from docugen.v1.artefact_service_pb2 import ReadArtefactRequest
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_scheduler import call_limits
from fakes import ScriptedRenderer
from google.rpc import error_details_pb2
from http2 import RudeCaller, rude_caller
from queue_scheduler import queue_scheduler
from redis_servers import queue_name
from scheduler_server import Gate, Scheduler, create, detail, note_settings, real_scheduler, reason, scripted_core
from worker_world import until

CREATE = "/docugen.v1.BundleRunService/CreateBundleRun"
WATCH = "/docugen.v1.BundleRunService/WatchBundleRun"


@asynccontextmanager
async def limited(folder: Path, renderer: ScriptedRenderer, **changes: Any) -> AsyncIterator[Scheduler]:
    settings = note_settings(folder, **changes)
    async with scripted_core(settings, renderer) as core, real_scheduler(settings, core) as scheduler:
        yield scheduler


async def still_serves(scheduler: Scheduler) -> bool:
    """Whether others are answered: on a connection that may be closed, as slow or old, before the call goes out on it."""
    request = runs.GetCapabilitiesRequest()
    return bool((await scheduler.runs.GetCapabilities(request, timeout=60, wait_for_ready=True)).version)


async def rude(address: str, doing: Callable[[RudeCaller], object]) -> Any:
    """What `doing` finds, on a thread: the server lives on this one's loop."""

    def act() -> object:
        with rude_caller(address) as caller:
            return doing(caller)

    return await asyncio.to_thread(act)


# --- connections --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", http2.PREFACE[:10], b"GET / HTTP/1.1\r\n"], ids=["nothing", "half", "http1"])
async def test_a_connection_that_never_comes_to_speak_is_closed(
    tmp_path: Path, renderer: ScriptedRenderer, said: bytes
) -> None:
    def listen(caller: RudeCaller) -> bool:
        caller.send(said)
        return caller.is_closed()

    async with limited(tmp_path, renderer, grpc_handshake_ms=300) as scheduler:
        closed = await asyncio.gather(*(rude(scheduler.address, listen) for _ in range(8)))
        assert closed == [True] * 8
        assert await still_serves(scheduler)


@pytest.mark.parametrize(
    "said", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], ids=["nothing", "half a hello"]
)
async def test_a_connection_that_never_finishes_its_tls_handshake_is_closed(
    tmp_path: Path, renderer: ScriptedRenderer, authority: Authority, said: bytes
) -> None:
    def listen(caller: RudeCaller) -> bool:
        caller.send(said)
        return caller.is_closed()

    pair = authority.issue("server")
    tls = {"tls_cert": pair.cert, "tls_key": pair.key}
    async with limited(tmp_path, renderer, grpc_handshake_ms=1_000, **tls) as scheduler:
        assert await asyncio.gather(*(rude(scheduler.address, listen) for _ in range(8))) == [True] * 8
        async with DocugenClient(scheduler.address, access=Access(ca=authority.ca)) as client:
            assert (await client.capabilities()).version


async def test_the_health_port_of_a_worker_closes_silent_connections_too(
    tmp_path: Path, renderer: ScriptedRenderer, queue_url: str, request: pytest.FixtureRequest
) -> None:
    async with (
        queue_scheduler(tmp_path, queue_url, queue_name(request.node.nodeid), grpc_handshake_ms=300) as scheduler,
        scheduler.worker(renderer) as working,
    ):
        assert await rude(working.address, RudeCaller.is_closed)


async def test_a_connection_without_calls_is_sent_away(tmp_path: Path, renderer: ScriptedRenderer) -> None:
    def idle(caller: RudeCaller) -> bool:
        caller.begin()
        caller.first(http2.GOAWAY)
        return caller.is_closed()

    async with limited(tmp_path, renderer, grpc_idle_ms=1_000) as scheduler:
        assert await rude(scheduler.address, idle)


async def test_an_old_connection_takes_no_new_calls_even_while_one_is_open(
    tmp_path: Path, renderer: ScriptedRenderer
) -> None:
    """A call whose request never comes holds its connection open; its age ends that all the same."""

    def begin_and_stall(caller: RudeCaller) -> int:
        caller.begin()
        caller.call(CREATE, 1)
        return http2.error_of(caller.first(http2.GOAWAY))

    async with limited(tmp_path, renderer, grpc_age_ms=1_000) as scheduler:
        assert await rude(scheduler.address, begin_and_stall) == 0
        assert await still_serves(scheduler)


async def test_calls_at_once_on_one_connection_are_bounded(tmp_path: Path, renderer: ScriptedRenderer) -> None:
    def crowd(caller: RudeCaller) -> tuple[int, int]:
        caller.begin()
        told = http2.settings_of(caller.first(http2.SETTINGS))
        for n in range(4):
            caller.call(CREATE, 2 * n + 1)
        refused = caller.first(http2.RST_STREAM)
        assert http2.error_of(refused) == http2.REFUSED_STREAM
        return told[http2.MAX_CONCURRENT_STREAMS], refused.stream

    async with limited(tmp_path, renderer, grpc_streams_max=3) as scheduler:
        assert await rude(scheduler.address, crowd) == (3, 7)
        assert await still_serves(scheduler)


async def test_a_caller_who_pings_all_the_time_is_sent_away(tmp_path: Path, renderer: ScriptedRenderer) -> None:
    def ping(caller: RudeCaller) -> int:
        caller.begin()
        caller.send_frame(http2.PING, b"allowed?")
        for frame in caller.frames():
            if frame.kind == http2.GOAWAY:
                return http2.error_of(frame)
            # One at a time: a ping that comes after the end is answered by a reset, which may overtake the GOAWAY.
            if frame.kind == http2.PING and frame.flags & http2.ACK:
                caller.send_frame(http2.PING, b"allowed?")
        raise AssertionError("the connection ended without a word")

    async with limited(tmp_path, renderer) as scheduler:
        assert await rude(scheduler.address, ping) == http2.ENHANCE_YOUR_CALM
        assert await still_serves(scheduler)


# --- messages -----------------------------------------------------------------------------------------------------------


def bundle(size: int) -> dict[str, Any]:
    return {
        "documents": [{"name": "note.txt", "format": "txt", "template": "note/note"}],
        "data": {"text": "x" * size},
    }


async def test_a_request_beyond_the_bound_is_told_the_bound(tmp_path: Path, renderer: ScriptedRenderer) -> None:
    """A little beyond, the server says it; far beyond, gRPC ends the call with a bare status, and the client says it."""
    async with (
        limited(tmp_path, renderer, max_request_bytes=4_096) as scheduler,
        DocugenClient(scheduler.address) as client,
    ):
        for size, why in ((5_000, "REQUEST_TOO_LARGE"), (50_000, "MESSAGE_TOO_LARGE")):
            with pytest.raises(Refused) as refused:
                await client.submit(bundle(size))
            assert refused.value.reason == why
            assert "DOCUGEN_MAX_REQUEST_BYTES" in refused.value.hint
        assert (await client.submit(bundle(100))).id


async def test_a_message_that_is_announced_too_large_is_refused_before_it_comes(
    tmp_path: Path, renderer: ScriptedRenderer
) -> None:
    def announce(caller: RudeCaller) -> bytes:
        caller.begin()
        caller.call(CREATE, 1)
        caller.send_frame(http2.DATA, b"\x00" + (1 << 30).to_bytes(4, "big"), stream=1)
        return caller.first(http2.HEADERS).payload

    async with limited(tmp_path, renderer) as scheduler:
        answer = await rude(scheduler.address, announce)
        assert b"larger than max" in answer
        assert b"4194304" not in answer, "twice the bound may arrive, so that a clear answer is possible"
        assert await still_serves(scheduler)


async def test_headers_without_end_are_refused(tmp_path: Path, renderer: ScriptedRenderer) -> None:
    async with limited(tmp_path, renderer) as scheduler:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scheduler.runs.GetCapabilities(
                runs.GetCapabilitiesRequest(), metadata=(("x-much", "x" * 200_000),), timeout=60
            )
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await still_serves(scheduler)


# --- watches ------------------------------------------------------------------------------------------------------------


async def test_watches_are_bounded_and_nothing_else_suffers(tmp_path: Path, renderer: ScriptedRenderer) -> None:
    gate = Gate()
    renderer.script = gate
    async with limited(tmp_path, renderer, watches_max=3) as scheduler, AsyncExitStack() as stack:
        run = (await scheduler.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
        request = runs.WatchBundleRunRequest(name=run.name)

        async def watch() -> Any:
            call = scheduler.runs.WatchBundleRun(request, timeout=60)
            assert await call.read()
            return call

        watches = [await watch() for _ in range(3)]
        for call in watches:
            stack.callback(call.cancel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watch()
        assert (refused.value.code(), reason(refused.value)) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "TOO_MANY_CALLS",
        )
        assert detail(refused.value, error_details_pb2.RetryInfo) is not None
        assert await still_serves(scheduler)
        watches[0].cancel()

        async def given_to_another() -> bool:
            with suppress(grpc.aio.AioRpcError):
                stack.callback((await watch()).cancel)
                return True
            return False

        await until("the place that was left is given to another", given_to_another)
        gate.open.set()


# --- downloads ----------------------------------------------------------------------------------------------------------


async def test_downloads_that_nobody_reads_on_are_bounded_and_nothing_else_suffers(
    tmp_path: Path, renderer: ScriptedRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers who stopped held the places of all that asks for runs, the queue's operators among them."""
    monkeypatch.setattr(call_limits, "DOWNLOADS_MAX", 2)

    async def large(task: RenderTask, n: int) -> Rendering:
        return Rendering(b"SPECIMEN " * 1_000_000)

    renderer.script = large
    async with limited(tmp_path, renderer) as scheduler, AsyncExitStack() as stack:
        run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
        request = ReadArtefactRequest(name=f"{run.name}/artefacts/note0.txt")

        async def begin() -> Any:
            call = scheduler.artefacts.ReadArtefact(request, timeout=60)
            stack.callback(call.cancel)
            answer: Any = await call.read()
            assert answer.header.size_bytes == 9_000_000
            return call

        begun = [await begin() for _ in range(2)]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await begin()
        assert reason(refused.value) == "TOO_MANY_CALLS"
        assert "download calls" in str(refused.value.details())
        assert (await scheduler.runs.GetBundleRun(runs.GetBundleRunRequest(name=run.name))).bundle_run.name == run.name
        assert scheduler.served.limits.group("GetBundleRun").inside == 0
        received = 0
        while (answer := await begun[0].read()) is not grpc.aio.EOF:
            received += len(answer.chunk)
        assert received == 9_000_000, "who was slow and goes on gets all of it"
