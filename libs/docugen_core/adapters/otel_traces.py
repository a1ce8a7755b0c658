"""Steps as spans of the OpenTelemetry SDK: OtelTracer implements tracing.Tracer.

Imported only where traces go somewhere (`trace_export`). No provider of the SDK, global or not: nothing else in the process
writes into our traces, and services in one process (tests) keep theirs apart.

A step that is over becomes a span of the SDK once, as a ReadableSpan, and goes to the processor; the SDK's own spans, with a
lock and two bounded collections each, cost five times as much (docs/decisions/0018). Sampler, resource, limits, ids, processor
and exporter are the SDK's. A step that is not sampled is an id, and nothing else.

A span's parent is always named by its TraceContext, never by an object, so a span continues one of another process just as it
continues one of its own. Exceptions are not recorded as events: their messages and tracebacks may quote a customer's data.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
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
from opentelemetry.util.types import Attributes

from docugen_core import __version__
from docugen_core.domain.trace import NO_TRACE, TraceContext
from docugen_core.errors import DocugenError
from docugen_core.tracing import Fact, Span, Step, current_trace, inside

DECISIONS_KEPT = 256
"""Traces whose sampling is remembered, twice: below a caller's span and below our own."""

_KINDS = {Step.CALL: SpanKind.SERVER, Step.SUBMIT: SpanKind.PRODUCER, Step.ATTEMPT: SpanKind.CONSUMER}
_SCOPE = InstrumentationScope("docugen", __version__)
_FINE, _FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class OtelTracer:
    """See the module. service: the resource's service.name, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say another.
    processor: hears of each sampled span when it is over, and of no beginning.

    What is sampled, and how much a span holds, is as the standard OTEL_ variables say. Close it: spans may wait in `processor`.
    Raises ValueError for a limit in these variables that is no number.
    """

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        ours = Resource({"service.name": service, "service.version": __version__})
        resource = ours.merge(OTELResourceDetector().detect())
        self._recorder = _Recorder(processor, resource, SpanLimits())
        self._sampler = TracerProvider(resource=resource, shutdown_on_exit=False).sampler  # of OTEL_TRACES_SAMPLER
        self._ids = RandomIdGenerator()
        self._below = lru_cache(maxsize=DECISIONS_KEPT)(self._decided_below)

    def close(self) -> None:
        """Hand over what waits and record nothing any more. May take as long as the processor's export does."""
        self._recorder.processor.shutdown()

    def span(
        self,
        step: Step,
        *,
        parent: TraceContext | None = None,
        span_id: str = "",
        link: TraceContext = NO_TRACE,
        **facts: Fact,
    ) -> AbstractContextManager[Span]:
        above = current_trace() if parent is None else parent
        sampling = self._sampling(above, remote=parent is not None)
        own = self._own(sampling, span_id)
        if not sampling.sampled:
            return inside(own)
        return _Span(self._recorder, step, sampling, above, own, link, facts, time.time_ns())

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
        sampling = self._sampling(parent, remote=True)
        if sampling.sampled:
            own = self._own(sampling, span_id)
            span = _Span(self._recorder, step, sampling, parent, own, NO_TRACE, facts, start_ms * 1_000_000)
            span.end(max(start_ms, end_ms) * 1_000_000)

    def _sampling(self, above: TraceContext, *, remote: bool) -> _Sampling:
        if above:
            return self._below(above.trace_id, above.flags, above.state, remote)
        trace_id = self._ids.generate_trace_id()
        return self._decided(trace_id, None, TraceFlags.RANDOM_TRACE_ID)

    def _own(self, sampling: _Sampling, span_id: str) -> TraceContext:
        span_id = span_id or f"{self._ids.generate_span_id():016x}"
        return TraceContext(sampling.trace_id, span_id, int(sampling.flags), sampling.header)

    def _decided_below(self, trace_id: str, flags: int, state: str, remote: bool) -> _Sampling:
        """One answer for all children of all parents that differ in their span ids alone: no sampler that OTEL_TRACES_SAMPLER
        can name looks at these, nor at the name or the facts of a span."""
        parent = _span_context(TraceContext(trace_id, _ANY_SPAN_ID, flags, state), remote=remote)
        return self._decided(parent.trace_id, parent, flags & TraceFlags.RANDOM_TRACE_ID)

    def _decided(self, trace_id: int, parent: SpanContext | None, random_flag: int) -> _Sampling:
        above = set_span_in_context(NonRecordingSpan(parent), _EMPTY) if parent else _EMPTY
        result = self._sampler.should_sample(above, trace_id, "")
        sampled, state = result.decision is Decision.RECORD_AND_SAMPLE, result.trace_state
        flags = TraceFlags(random_flag | (TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT))
        return _Sampling(parent, f"{trace_id:032x}", sampled, flags, state, state.to_header() if state else "")


@dataclass(frozen=True, slots=True)
class _Sampling:
    """What spans of one trace have in common. parent: theirs, but for its span id; None for the first of a trace. The rest is
    their own. header: of `state`."""

    parent: SpanContext | None
    trace_id: str
    sampled: bool
    flags: TraceFlags
    state: TraceState | None
    header: str

    def of_parent(self, span_id: str) -> SpanContext | None:
        of = self.parent
        if of is None:
            return None
        return SpanContext(of.trace_id, int(span_id, 16), of.is_remote, of.trace_flags, of.trace_state)


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Makes a span of the SDK of a step that is over, and hands it on."""

    processor: SpanProcessor
    resource: Resource
    limits: SpanLimits

    def record(self, span: _Span, end_ns: int) -> None:
        sampling = span.sampling
        self.processor.on_end(
            ReadableSpan(
                str(span.facts["rpc.method"]) if span.step is Step.CALL else span.step.value,
                SpanContext(
                    int(sampling.trace_id, 16), int(span.own.span_id, 16), False, sampling.flags, sampling.state
                ),
                sampling.of_parent(span.above.span_id),
                self.resource,
                self._bounded(span.facts),
                links=self._links(span.link) if span.link else (),
                kind=_KINDS.get(span.step, SpanKind.INTERNAL),
                status=_FAILED if span.has_failed else _FINE,
                start_time=span.start_ns,
                end_time=end_ns,
                instrumentation_scope=_SCOPE,
            )
        )

    def _bounded(self, facts: dict[str, Fact]) -> Attributes:
        most, longest = self.limits.max_span_attributes, self.limits.max_span_attribute_length
        if longest is None and (most is None or len(facts) <= most):
            return facts
        return BoundedAttributes(most, facts, max_value_len=longest)

    def _links(self, link: TraceContext) -> Sequence[Link]:
        links: Sequence[Link] = BoundedList.from_seq(self.limits.max_links, (Link(_span_context(link, remote=True)),))
        return links


class _Span:
    """Implements tracing.Span, and is its own context. `facts` are under the names that they are exported with."""

    __slots__ = (
        "_abandoned",
        "_inside",
        "_recorder",
        "above",
        "facts",
        "has_failed",
        "link",
        "own",
        "sampling",
        "start_ns",
        "step",
    )

    def __init__(
        self,
        recorder: _Recorder,
        step: Step,
        sampling: _Sampling,
        above: TraceContext,
        own: TraceContext,
        link: TraceContext,
        facts: Mapping[str, Fact],
        start_ns: int,
    ) -> None:
        self._recorder, self._abandoned, self._inside = recorder, False, inside(own)
        self.step, self.sampling, self.above, self.own, self.link = step, sampling, above, own, link
        self.facts: dict[str, Fact] = {}
        self.has_failed = False
        self.start_ns = start_ns
        self.note(**facts)

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
        if not self._abandoned:
            self.end(time.time_ns())

    def note(self, **facts: Fact) -> None:
        for name, value in facts.items():
            if value != "":
                self.facts[_NAMES[name]] = value

    def failed(self, code: str) -> None:
        self.facts["error.type"] = code
        self.has_failed = True

    def abandon(self) -> None:
        self._abandoned = True

    def end(self, end_ns: int) -> None:
        self._recorder.record(self, end_ns)
        self.facts = {}  # those handed over are another thread's now: what is noted any later must not reach them


class _Names(dict[str, str]):
    """What a fact is exported as: as OpenTelemetry names it, or with our prefix. There are as many as `note` is called with."""

    def __missing__(self, name: str) -> str:
        self[name] = named = f"docugen.{name}"
        return named


_NAMES = _Names(method="rpc.method", rpc_status="rpc.response.status_code", code="error.type")
_EMPTY = Context()
_ANY_SPAN_ID = f"{1:016x}"


def _span_context(trace: TraceContext, *, remote: bool) -> SpanContext:
    state = TraceState.from_header([trace.state]) if trace.state else None
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), remote, TraceFlags(trace.flags), state)
