"""What the OTEL_ variables and the caller's flags make of a step: sampled or not, how much it holds, what it says of itself.

The sampler, the limits and the exporter are the SDK's own; a test reads what arrives at the exporter.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from docugen_core.adapters.otel_traces import OtelTracer
from docugen_core.domain.trace import NO_TRACE, SAMPLED, TraceContext
from docugen_core.errors import RenderFailed
from docugen_core.tracing import Step, current_trace, inside
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from trace_receiver import PARENT, Memory

CALLER = TraceContext.parse(PARENT, "vendor=opaque")
RANDOM_ID = 2
"""W3C's flag of a trace id that was drawn."""


class Spans:
    """A tracer, made after the environment was set, and the SDK's spans that it exports."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OtelTracer("test", SimpleSpanProcessor(self._exporter))

    @property
    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


def trace(low_bits: int) -> TraceContext:
    """A sampled caller's context. low_bits: of its trace id, by which the SDK's ratio sampler decides."""
    return TraceContext(f"{1:016x}{low_bits:016x}", "b" * 16, SAMPLED)


def test_a_ratio_keeps_the_traces_below_it_whatever_the_caller_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    spans, quarter = Spans(), 1 << 62
    for parent in (trace(quarter - 1), trace(quarter)):
        with spans.tracer.span(Step.SUBMIT, parent=parent), spans.tracer.span(Step.PUT):
            assert bool(current_trace().flags & SAMPLED) is (parent == trace(quarter - 1))
            assert current_trace().trace_id == parent.trace_id
        spans.tracer.past(Step.WAIT, parent=parent, start_ms=1, end_ms=2)
    assert [span.name for span in spans.ended] == ["store.put", "submit", "wait"]
    assert {span.context.trace_id for span in spans.ended} == {int(trace(quarter - 1).trace_id, 16)}


def test_with_a_parent_based_ratio_the_callers_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    spans = Spans()
    for parent in (CALLER, replace(CALLER, flags=0), NO_TRACE):
        with spans.tracer.span(Step.SUBMIT, parent=parent), spans.tracer.span(Step.PUBLISH):
            pass
    assert [span.name for span in spans.ended] == ["store.publish", "submit"]
    assert {span.context.trace_id for span in spans.ended} == {int(CALLER.trace_id, 16)}


def test_always_off_keeps_nothing_and_still_passes_the_trace_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    spans = Spans()
    with spans.tracer.span(Step.ATTEMPT, parent=CALLER, span_id="c" * 16, run_id="br-1") as span:
        span.note(outcome="succeeded")
        span.failed("TEMPLATE_FAILED")
        assert current_trace() == TraceContext(CALLER.trace_id, "c" * 16, 0, "vendor=opaque")
        with spans.tracer.span(Step.DOCUMENT):
            inner = current_trace()
    assert (inner.trace_id, inner.flags, inner.state) == (CALLER.trace_id, 0, "vendor=opaque")
    assert inner.span_id not in ("c" * 16, CALLER.span_id)
    assert spans.ended == ()


def test_a_first_span_draws_a_trace_and_flags_it_as_random() -> None:
    spans = Spans()
    for _ in range(2):
        with spans.tracer.span(Step.SUBMIT, parent=NO_TRACE), spans.tracer.span(Step.PUT):
            assert current_trace().flags == SAMPLED | RANDOM_ID
    put, submit, _, other = spans.ended
    assert submit.parent is None
    assert submit.context.trace_id != other.context.trace_id
    assert put.parent is not None
    assert put.parent.span_id == submit.context.span_id


def test_a_parent_is_remote_where_it_was_named_and_local_where_we_are_inside_it() -> None:
    spans = Spans()
    with inside(NO_TRACE), spans.tracer.span(Step.SUBMIT, parent=CALLER), spans.tracer.span(Step.PUT):
        pass
    put, submit = spans.ended
    assert put.parent is not None
    assert submit.parent is not None
    assert (put.parent.is_remote, submit.parent.is_remote) == (False, True)
    assert submit.parent.trace_state.to_header() == submit.context.trace_state.to_header() == "vendor=opaque"
    assert (put.kind, submit.kind) == (SpanKind.INTERNAL, SpanKind.PRODUCER)


def test_the_limit_on_attributes_drops_the_first_ones_and_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
    spans = Spans()
    with spans.tracer.span(Step.DOCUMENT, format="pdf", template="note/note") as span:
        span.note(pages=3)
    (ended,) = spans.ended
    assert dict(ended.attributes or {}) == {"docugen.template": "note/note", "docugen.pages": 3}
    assert ended.dropped_attributes == 1


def test_the_limit_on_a_value_cuts_texts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4")
    spans = Spans()
    with spans.tracer.span(Step.DOCUMENT, template="note/note", bytes=123_456):
        pass
    (ended,) = spans.ended
    assert dict(ended.attributes or {}) == {"docugen.template": "note", "docugen.bytes": 123_456}


@pytest.mark.parametrize(("limit", "kept"), [("128", 1), ("0", 0)])
def test_the_limit_on_links_holds(monkeypatch: pytest.MonkeyPatch, limit: str, kept: int) -> None:
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", limit)
    spans = Spans()
    with spans.tracer.span(Step.ATTEMPT, parent=CALLER, link=replace(CALLER, span_id="d" * 16)):
        pass
    (ended,) = spans.ended
    assert [f"{link.context.span_id:016x}" for link in ended.links] == ["d" * 16] * kept
    assert ended.dropped_links == 1 - kept


def test_a_limit_that_is_no_number_is_refused_when_the_tracer_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many")
    with pytest.raises(ValueError, match="OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"):
        Spans()


def test_an_error_leaves_its_code_and_no_event_and_a_cancellation_leaves_nothing() -> None:
    spans = Spans()
    for error in (RenderFailed("said by a template", document="a.txt"), KeyError("data"), asyncio.CancelledError()):
        with pytest.raises(type(error)), spans.tracer.span(Step.DOCUMENT, parent=CALLER):
            raise error
    assert [(span.status.is_ok, dict(span.attributes or {})) for span in spans.ended] == [
        (False, {"error.type": "TEMPLATE_FAILED"}),
        (False, {"error.type": "KeyError"}),
        (True, {}),
    ]
    assert [tuple(span.events) for span in spans.ended] == [(), (), ()]


def test_an_abandoned_span_is_not_told_and_what_happened_inside_it_is() -> None:
    memory = Memory()
    with memory.tracer.span(Step.ATTEMPT, parent=CALLER, span_id="e" * 16) as span, memory.tracer.span(Step.PUT):
        span.abandon()
    (put,) = memory.spans
    assert (put.name, put.parent) == ("store.put", "e" * 16)


def test_what_is_noted_after_the_end_reaches_no_exported_span() -> None:
    spans = Spans()
    with spans.tracer.span(Step.ATTEMPT, parent=CALLER, outcome="succeeded") as span:
        pass
    span.note(outcome="failed")
    span.failed("LATE")
    (ended,) = spans.ended
    assert (dict(ended.attributes or {}), ended.status.is_ok) == ({"docugen.outcome": "succeeded"}, True)
