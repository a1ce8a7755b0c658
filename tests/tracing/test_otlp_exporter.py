"""What is sent to a collector is what OpenTelemetry's own encoder makes of the same spans, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from docugen_core.adapters.otel_traces import OtelTracer
from docugen_core.adapters.otlp_exporter import OtlpExporter, encoded
from docugen_core.domain.trace import NO_TRACE, TraceContext
from docugen_core.errors import RenderFailed
from docugen_core.tracing import Step
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from trace_receiver import PARENT, trace_receiver

CALLER = TraceContext.parse(PARENT)
STATED = TraceContext.parse(PARENT, "vendor=opaque,other=1")


def spans_of_all_kinds() -> Sequence[ReadableSpan]:
    kept = InMemorySpanExporter()
    tracer = OtelTracer("test", SimpleSpanProcessor(kept))
    with tracer.span(Step.CALL, parent=STATED, method="docugen.v1.BundleRunService/CreateBundleRun") as call:
        call.note(rpc_status="OK", deduplicated=True)
        with tracer.span(Step.SUBMIT, run_id="Prüfläufe-東京"):
            pass
    with tracer.span(Step.SUBMIT, parent=NO_TRACE):
        pass
    tracer.past(Step.WAIT, parent=CALLER, start_ms=1, end_ms=2)
    with tracer.span(Step.ATTEMPT, parent=CALLER, span_id="0" * 15 + "1", link=replace(STATED, span_id="d" * 16)):
        with tracer.span(Step.PUBLISH, documents=0, bytes=-1):
            pass
        with pytest.raises(RenderFailed), tracer.span(Step.DOCUMENT, pages=2**63 - 1, reused=False):
            raise RenderFailed("broken", document="a.txt")
    return kept.get_finished_spans()


def same(spans: Sequence[ReadableSpan]) -> bool:
    ours, theirs = encoded(spans), encode_spans(spans)
    return ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)


def test_every_kind_of_span_is_encoded_as_the_library_does() -> None:
    spans = spans_of_all_kinds()
    assert {span.name for span in spans} >= {step.value for step in Step if step not in (Step.CALL, Step.PUT)}
    assert same(spans)
    assert all(same([span]) for span in spans)


def test_spans_cut_by_limits_are_encoded_as_the_library_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "0")
    spans = spans_of_all_kinds()
    assert (max(s.dropped_attributes for s in spans), max(s.dropped_links for s in spans)) == (2, 1)
    assert same(spans)


def test_the_library_has_the_hook_that_our_encoding_is_called_by() -> None:
    assert "_translate_data" in dir(OTLPSpanExporter)


async def test_a_fact_that_otlp_has_no_room_for_is_left_out_and_nothing_else() -> None:
    kept = InMemorySpanExporter()
    tracer = OtelTracer("test", SimpleSpanProcessor(kept))
    tracer.past(Step.WAIT, parent=CALLER, start_ms=1, end_ms=2, bytes=2**64, pages=1)
    tracer.past(Step.WAIT, parent=CALLER, start_ms=1, end_ms=2, run_id="\ud800", pages=2)
    tracer.past(Step.WAIT, parent=CALLER, start_ms=1, end_ms=2, pages=3)
    async with trace_receiver() as (receiver, endpoint):
        exporter = OtlpExporter(endpoint=endpoint, insecure=True)
        result = await asyncio.to_thread(exporter.export, kept.get_finished_spans())
        exporter.shutdown()
    assert result is SpanExportResult.SUCCESS
    assert [span.facts for span in receiver.spans] == [{"docugen.pages": pages} for pages in (1, 2, 3)]
