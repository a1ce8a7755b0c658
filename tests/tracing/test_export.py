"""Live services send their spans to a real collector over OTLP: also past a killed worker, and at the end of a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from docugen.v1 import bundle_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen_core.domain.trace import TraceContext
from docugen_core.environment import traces_exporter
from docugen_core.errors import ConfigurationError
from docugen_core.tracing import inside
from process_tree import without_new_ones
from service_pair import scheduler_process
from trace_receiver import PARENT, Receiver, Seen, named, trace_receiver
from worker_world import WorkerWorld, until

CALLER = TraceContext.parse(PARENT)
TWO_DOCUMENTS = bundle_pb2.BundleSpec(
    documents=[
        bundle_pb2.DocumentSpec(name=f"{n}.txt", format="txt", template="jobs/note", data_json=f'{{"text": "{n}"}}')
        for n in range(2)
    ]
)


async def arrived(receiver: Receiver, what: str, holds: Callable[[list[Seen]], bool]) -> None:
    async def true() -> bool:
        return holds(receiver.spans)

    await until(f"the collector has {what}", true)


@pytest.mark.slow
async def test_one_trace_holds_the_call_both_attempts_of_a_killed_worker_the_documents_and_the_store(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(world.settings, grpc_address="127.0.0.1:0", render_processes=1)
    async with trace_receiver() as (receiver, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        async with (
            scheduler_process(settings, world.folder) as scheduler,
            grpc.aio.insecure_channel(scheduler.address) as channel,
            world.process("ada", render_processes=1, render_recycle_documents=2) as ada,
        ):
            with inside(replace(CALLER, flags=0)):  # not sampled: it is no part of what follows
                await world.finished(await world.submit())
            with without_new_ones(ada.process.pid):  # it renders one more: the second document waits until ada is dead
                answer = await BundleRunServiceStub(channel).CreateBundleRun(
                    messages.CreateBundleRunRequest(spec=TWO_DOCUMENTS, return_immediately=True),
                    metadata=(("traceparent", PARENT), ("tracestate", "vendor=opaque")),
                )
                run_id = answer.bundle_run.bundle_run_id
                await arrived(receiver, "a document of the first attempt", lambda spans: bool(named(spans, "document")))
                ada.signal(signal.SIGKILL)
                await ada.ended()
            await world.lapse(run_id)
            async with world.process("bob") as bob:
                run = await world.finished(run_id)
                bob.signal(signal.SIGTERM)
                assert await bob.ended() == 0
            scheduler.process.send_signal(signal.SIGTERM)
            assert await scheduler.process.wait() == 0
    spans = receiver.spans
    assert run.attempt == 2
    assert {span.trace_id for span in spans} == {CALLER.trace_id}
    assert len({span.span_id for span in spans}) == len(spans)
    (call,) = named(spans, "docugen.v1.BundleRunService/CreateBundleRun")
    (submit,) = named(spans, "submit")
    assert (call.parent, call.service, call.facts["rpc.response.status_code"]) == (
        CALLER.span_id,
        "docugen-scheduler",
        "OK",
    )
    assert submit.parent == call.span_id

    lost, second = named(spans, "attempt")
    assert {lost.parent, second.parent} == {submit.span_id}
    assert (lost.facts["docugen.outcome"], lost.facts["error.type"]) == ("lost", "WORKER_LOST")
    assert (second.facts["docugen.outcome"], second.links) == ("succeeded", (lost.span_id,))
    assert (lost.facts["docugen.worker"], second.facts["docugen.worker"]) == (ada.consumer, bob.consumer)

    told = [(d.parent, d.facts["docugen.format"], d.facts["docugen.reused"]) for d in named(spans, "document")]
    assert sorted(told) == sorted(
        [(lost.span_id, "txt", False), (second.span_id, "txt", True), (second.span_id, "txt", False)]
    )
    (publish,) = named(spans, "store.publish")
    assert publish.parent == second.span_id

    lines = [json.loads(line) for log in (ada.log, bob.log) for line in log.read_text().splitlines()]
    of_run = [line for line in lines if line.get("run_id") == run_id]
    assert {line["trace_id"] for line in of_run} == {CALLER.trace_id}
    assert [line["span_id"] for line in of_run if line["event"] == "job_settled"] == [second.span_id]
    (answered,) = [line for line in scheduler.lines() if line["event"] == "rpc_answered"]
    assert (answered["run_id"], answered["trace_id"], answered["span_id"]) == (run_id, CALLER.trace_id, call.span_id)
    assert [(line["worker"], line["attempt"]) for line in of_run if line["event"] == "attempt_lost"] == [
        (ada.consumer, 2)
    ]


@pytest.mark.slow
async def test_the_last_spans_go_out_before_a_worker_ends(world: WorkerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async with trace_receiver() as (receiver, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "rendering")
        async with world.process("ada") as ada:
            await world.finished(await world.submit())
            assert receiver.spans == []
            ada.signal(signal.SIGTERM)
            assert await ada.ended() == 0
    assert len(named(receiver.spans, "attempt")) == 1
    assert {span.service for span in receiver.spans} == {"rendering"}


@pytest.mark.slow
async def test_a_collector_that_is_away_costs_spans_and_no_job_and_holds_up_no_end(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    async with world.process("ada", grace_ms=5_000) as ada:
        assert (await world.finished(await world.submit())).attempt == 1
        ada.signal(signal.SIGTERM)
        assert await ada.ended() == 0
    assert "Traceback" not in ada.log.read_text()


@pytest.mark.parametrize(
    ("environ", "exporter"),
    [
        ({}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4317"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, ""),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, ""),
    ],
)
def test_an_endpoint_or_an_exporter_asks_for_traces(environ: dict[str, str], exporter: str) -> None:
    assert traces_exporter(environ) == exporter


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "must be otlp or none"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "must be grpc"),
    ],
)
def test_an_exporter_or_protocol_that_is_not_there_is_refused(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        traces_exporter(environ)


@pytest.mark.parametrize("service", ["docugen_scheduler", "docugen_worker"])
def test_traces_without_their_extra_end_the_start_with_what_to_install(service: str, tmp_path: Path) -> None:
    without = (
        "import sys; sys.modules['opentelemetry.exporter.otlp.proto.grpc.trace_exporter'] = None\n"
        f"from {service}.__main__ import main; main([])"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("DOCUGEN_")}  # noqa: TID251 - for the child
    env |= {"OTEL_TRACES_EXPORTER": "otlp", "DOCUGEN_STORE_URL": f"file://{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-c", without], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 78, done.stderr
    assert "pip install 'docugen[otlp]'" in done.stderr
    assert "Traceback" not in done.stderr
