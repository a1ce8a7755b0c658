"""A caller's own trace goes on in the server: from the client, from the command line, and from plain metadata."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from cli_process import NOTE, process
from docugen.client import DocugenClient, DocugenClientError
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen_core.domain.trace import TraceContext
from docugen_core.environment import callers_trace
from docugen_scheduler.app import Served, running_server
from scheduler_server import create, note_settings
from trace_receiver import PARENT, Memory, Seen, named
from worker_world import until

CREATE = "docugen.v1.BundleRunService/CreateBundleRun"
GET = "docugen.v1.BundleRunService/GetBundleRun"
CALLER = TraceContext.parse(PARENT)


@asynccontextmanager
async def traced_server(folder: Path, memory: Memory) -> AsyncIterator[Served]:
    async with running_server(note_settings(folder), tracer=memory.tracer) as served:
        yield served


async def one(memory: Memory, name: str) -> Seen:
    """The span of a call, which ends a moment after its answer."""

    async def there() -> bool:
        return bool(named(memory.spans, name))

    await until(f"the span {name} ended", there)
    (span,) = named(memory.spans, name)
    return span


async def test_the_client_sends_the_headers_of_the_span_that_each_call_belongs_to(tmp_path: Path) -> None:
    memory, parents = Memory(), iter([PARENT, f"00-{'a' * 32}-{'b' * 16}-01"])
    async with (
        traced_server(tmp_path, memory) as served,
        DocugenClient(served.address, trace=lambda: {"traceparent": next(parents)}) as client,
    ):
        run = await client.submit(NOTE)
        await client.get(run)
        created, got = await one(memory, CREATE), await one(memory, GET)
    assert (created.trace_id, created.parent) == (CALLER.trace_id, CALLER.span_id)
    assert (got.trace_id, got.parent) == ("a" * 32, "b" * 16)


async def test_a_command_goes_on_with_the_trace_it_was_started_in(tmp_path: Path) -> None:
    memory, file = Memory(), tmp_path / "note.json"
    file.write_text(json.dumps(NOTE))
    async with traced_server(tmp_path, memory) as served:
        ended = await asyncio.to_thread(
            process, "submit", file, "--server", served.address, cwd=tmp_path, TRACEPARENT=PARENT,
            DOCUGEN_TEMPLATE_PATH=str(tmp_path / "packs"),
        )  # fmt: skip
        assert ended.code == 0, ended.err
        span = await one(memory, CREATE)
    assert (span.trace_id, span.parent) == (CALLER.trace_id, CALLER.span_id)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("traceparent", "not one"),),
    ],
)
async def test_without_one_well_formed_context_a_call_begins_a_trace(
    tmp_path: Path, metadata: tuple[tuple[str, str], ...]
) -> None:
    memory = Memory()
    async with traced_server(tmp_path, memory) as served, grpc.aio.insecure_channel(served.address) as channel:
        await BundleRunServiceStub(channel).CreateBundleRun(create(), metadata=metadata)
        span = await one(memory, CREATE)
    assert span.parent == ""
    assert span.trace_id != CALLER.trace_id


async def test_a_callers_mistake_is_no_failed_span_and_has_its_status(tmp_path: Path) -> None:
    memory = Memory()
    async with traced_server(tmp_path, memory) as served, DocugenClient(served.address) as client:
        with pytest.raises(DocugenClientError):
            await client.get("no-such-run")
        span = await one(memory, GET)
    assert (span.failed, span.facts["rpc.response.status_code"]) == (False, "NOT_FOUND")


async def test_a_stream_that_its_reader_leaves_ends_its_span(tmp_path: Path) -> None:
    memory = Memory()
    async with traced_server(tmp_path, memory) as served, grpc.aio.insecure_channel(served.address) as channel:
        runs = BundleRunServiceStub(channel)
        run = (await runs.CreateBundleRun(create())).bundle_run
        watch = runs.WatchBundleRun(messages.WatchBundleRunRequest(name=f"bundleRuns/{run.bundle_run_id}"))
        await watch.read()
        watch.cancel()
        span = await one(memory, "docugen.v1.BundleRunService/WatchBundleRun")
    assert not span.failed
    assert span.end_ns


@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        ({}, {}),
        ({"TRACESTATE": "a=b"}, {}),
        ({"TRACEPARENT": PARENT}, {"traceparent": PARENT}),
        ({"TRACEPARENT": PARENT, "TRACESTATE": "a=b"}, {"traceparent": PARENT, "tracestate": "a=b"}),
        ({"TRACEPARENT": PARENT, "TRACESTATE": "\u00e9"}, {"traceparent": PARENT}),
    ],
)
def test_the_environment_names_the_trace_of_a_command(environ: dict[str, str], headers: dict[str, str]) -> None:
    assert callers_trace(environ) == headers
