"""Where spans of a test end up: in this process's memory, or at a collector on a free port that parses what it is sent.

`Seen` is a span either way, in one shape: ids as hexadecimal digits, times in nanoseconds, attributes as plain values.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from docugen_core.adapters.otel_traces import OtelTracer
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""A caller's own span, sampled."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A span that was exported. parent: its span id, empty for the first of a trace. links: span ids. failed: status ERROR."""

    name: str
    trace_id: str
    span_id: str
    parent: str
    start_ns: int
    end_ns: int
    links: tuple[str, ...] = ()
    failed: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    service: str = ""


class Memory:
    """A tracer that keeps what it exports."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OtelTracer("test", SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[Seen]:
        """In the order in which they ended."""
        return [_of_memory(span) for span in self._exporter.get_finished_spans()]


class Receiver(TraceServiceServicer):
    """The spans a collector was sent."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.bytes = 0

    async def Export(  # noqa: N802 - the contract names the method
        self, request: messages.ExportTraceServiceRequest, context: Any
    ) -> messages.ExportTraceServiceResponse:
        self.bytes += request.ByteSize()
        self.spans += _of_request(request)
        return messages.ExportTraceServiceResponse()


@asynccontextmanager
async def trace_receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """A collector, and its endpoint."""
    server, receiver = grpc.aio.server(), Receiver()
    add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield receiver, f"http://127.0.0.1:{port}"
    finally:
        await server.stop(0)


def named(spans: Iterable[Seen], name: str) -> list[Seen]:
    """The spans of one name, earliest first."""
    return sorted((span for span in spans if span.name == name), key=lambda span: span.start_ns)


def _of_memory(span: ReadableSpan) -> Seen:
    own = span.get_span_context()
    assert own is not None
    return Seen(
        name=span.name,
        trace_id=f"{own.trace_id:032x}",
        span_id=f"{own.span_id:016x}",
        parent=f"{span.parent.span_id:016x}" if span.parent else "",
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        links=tuple(f"{link.context.span_id:016x}" for link in span.links),
        failed=span.status.status_code.name == "ERROR",
        facts=dict(span.attributes or {}),
        service=str(span.resource.attributes["service.name"]),
    )


def _of_request(request: messages.ExportTraceServiceRequest) -> Iterable[Seen]:
    for group in request.resource_spans:
        resource = _facts(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Seen(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    links=tuple(link.span_id.hex() for link in span.links),
                    failed=span.status.code == Status.STATUS_CODE_ERROR,
                    facts=_facts(span.attributes),
                    service=resource["service.name"],
                )


def _facts(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
