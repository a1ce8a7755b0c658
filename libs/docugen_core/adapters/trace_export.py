"""Where a service's traces go: to an OpenTelemetry collector, over OTLP/gRPC, as the standard OTEL_ variables say.

    with exported_traces("docugen-worker") as exported:
        exported.tracer       what the service records into; UNTRACED where no variable asks for traces
        exported.end_in(...)  how long the last spans may take to get there

Spans wait in a queue of bounded length (OTEL_BSP_MAX_QUEUE_SIZE, 2048) and leave in batches, from a thread: a collector that is
slow or away costs spans, never a job. Which variables there are: docs/how-to/traces-and-logs.md.

OpenTelemetry's SDK and exporter are imported here and not before traces are asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docugen_core.environment import traces_exporter
from docugen_core.errors import ConfigurationError
from docugen_core.tracing import UNTRACED, Tracer

if TYPE_CHECKING:
    from docugen_core.adapters.otel_traces import OtelTracer

FLUSH_S_MAX = 2.0
FLUSH_S_MIN = 0.5
"""Spans of a job that used up all of the grace get this long."""


@dataclass(slots=True)
class Exported:
    """A tracer whose spans go somewhere, or UNTRACED."""

    tracer: Tracer
    _end_s: float | None = None
    _hurried: bool = False

    def end_in(self, grace_s: float) -> None:
        """The process should have ended in grace_s from now."""
        self._end_s = time.monotonic() + grace_s

    def hurry(self) -> None:
        """The process ends at once: what still waits is given up."""
        self._hurried = True

    def flush_s(self) -> float:
        """How long the last spans may take, from now."""
        left_s = FLUSH_S_MAX if self._end_s is None else self._end_s - time.monotonic()
        return 0.0 if self._hurried else min(FLUSH_S_MAX, max(FLUSH_S_MIN, left_s))


@contextmanager
def exported_traces(service: str) -> Iterator[Exported]:
    """Traces of `service` (its service.name) until the context is left, and then what still waits.

    Raises ConfigurationError where traces are asked for in a way that this installation cannot serve.
    """
    if not traces_exporter():
        yield Exported(UNTRACED)
        return
    tracer = _otlp_tracer(service)
    exported = Exported(tracer)
    try:
        yield exported
    finally:
        # In a thread, because an export that is under way has a time limit of its own, of ten seconds.
        closing = threading.Thread(target=tracer.close, name="last spans", daemon=True)
        closing.start()
        closing.join(exported.flush_s())


def _otlp_tracer(service: str) -> OtelTracer:
    try:
        from docugen_core.adapters.otlp_exporter import OtlpExporter
    except ImportError as error:
        raise ConfigurationError(
            "the OTEL_ variables ask for traces over OTLP, and its exporter is not installed",
            hint="Install docugen[otlp] (pip install 'docugen[otlp]'), or set OTEL_TRACES_EXPORTER=none.",
        ) from error
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from docugen_core.adapters.otel_traces import OtelTracer

    try:
        return OtelTracer(service, BatchSpanProcessor(OtlpExporter()))
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"the exporter of traces cannot be set up from the OTEL_ variables: {type(error).__name__}",
            hint="Look at OTEL_EXPORTER_OTLP_* and OTEL_BSP_*: a number, a file or a name in there is wrong.",
        ) from error
