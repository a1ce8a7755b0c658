"""Steps as spans of the OpenTelemetry SDK: OtelTracer implements tracing.Tracer.

Imported only where traces go somewhere (`trace_export`). One provider a process, not the global one: nothing else in the
process writes into our traces, and services in one process (tests) keep theirs apart.

A span's parent is always named by its TraceContext, never by an object, so a span continues one of another process just as it
continues one of its own. Exceptions are not recorded as events: their messages and tracebacks may quote a customer's data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from docugen_core import __version__
from docugen_core.domain.trace import NO_TRACE, TraceContext
from docugen_core.errors import DocugenError
from docugen_core.tracing import Fact, Step, current_trace, inside

_KINDS = {Step.CALL: SpanKind.SERVER, Step.SUBMIT: SpanKind.PRODUCER, Step.ATTEMPT: SpanKind.CONSUMER}
_NAMES = {"method": "rpc.method", "rpc_status": "rpc.response.status_code", "code": "error.type"}
"""Facts that OpenTelemetry has names for; all others are ours and begin with `docugen.`."""


class OtelTracer:
    """See the module. service: the resource's service.name, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say another.

    What is sampled, and how much a span holds, is as the standard OTEL_ variables say. Close it: spans may wait in `processor`.
    """

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        ours = Resource({"service.name": service, "service.version": __version__})
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("docugen", __version__)

    def close(self) -> None:
        """Hand over what waits and record nothing any more. May take as long as the processor's export does."""
        self._provider.shutdown()

    def span(
        self,
        step: Step,
        *,
        parent: TraceContext | None = None,
        span_id: str = "",
        link: TraceContext = NO_TRACE,
        **facts: Fact,
    ) -> _Span:
        return _Span(self._start(step, parent, span_id, link, facts, None))

    def past(
        self,
        step: Step,
        *,
        parent: TraceContext,
        start_ms: int,
        end_ms: int,
        span_id: str = "",
        **facts: Fact,
    ) -> None:
        span = self._start(step, parent, span_id, NO_TRACE, facts, start_ms * 1_000_000)
        span.end(max(start_ms, end_ms) * 1_000_000)

    def _start(
        self,
        step: Step,
        parent: TraceContext | None,
        span_id: str,
        link: TraceContext,
        facts: Mapping[str, Fact],
        start_ns: int | None,
    ) -> OtelSpan:
        above = current_trace() if parent is None else parent
        context = _below(above, remote=parent is not None) if above else _ROOT
        self._ids.next_span_id = int(span_id, 16) if span_id else 0
        return self._tracer.start_span(
            str(facts["method"]) if step is Step.CALL else step.value,
            context,
            kind=_KINDS.get(step, SpanKind.INTERNAL),
            attributes=_attributes(facts),
            links=[Link(_span_context(link, remote=True))] if link else None,
            start_time=start_ns,
        )


class _Span:
    """Implements tracing.Span over one of the SDK's, and is its own context. Its time counts from its making."""

    __slots__ = ("_abandoned", "_inside", "_span")

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        self._abandoned = False
        self._inside = inside(_trace_context(span.get_span_context()))

    def __enter__(self) -> _Span:
        self._inside.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.__exit__(None, None, None)
        # A cancellation is an end like any other: whoever knows why noted it.
        if error is not None and not isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.failed(error.reason if isinstance(error, DocugenError) else type(error).__name__)
        if not self._abandoned:  # a span that does not end is never exported
            self._span.end()

    def note(self, **facts: Fact) -> None:
        self._span.set_attributes(_attributes(facts))

    def failed(self, code: str) -> None:
        self._span.set_attribute("error.type", code)
        self._span.set_status(Status(StatusCode.ERROR))

    def abandon(self) -> None:
        self._abandoned = True


class _Ids(RandomIdGenerator):
    """Random ids, except for a span whose id is given. Spans start on the event loop alone, one at a time."""

    next_span_id = 0

    def generate_span_id(self) -> int:
        given, self.next_span_id = self.next_span_id, 0
        return given or super().generate_span_id()


_ROOT = Context()


@lru_cache(maxsize=256)
def _below(trace: TraceContext, *, remote: bool) -> Context:
    """The SDK's form of a parent; most have several children, one soon after the other."""
    return set_span_in_context(NonRecordingSpan(_span_context(trace, remote=remote)), _ROOT)


def _trace_context(span: SpanContext) -> TraceContext:
    state = span.trace_state.to_header() if span.trace_state else ""
    return TraceContext(f"{span.trace_id:032x}", f"{span.span_id:016x}", int(span.trace_flags), state)


def _span_context(trace: TraceContext, *, remote: bool) -> SpanContext:
    state = TraceState.from_header([trace.state]) if trace.state else None
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), remote, TraceFlags(trace.flags), state)


def _attributes(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {_NAMES.get(name, f"docugen.{name}"): value for name, value in facts.items() if value != ""}
