"""A place in a distributed trace, as W3C Trace Context writes it: where a span hangs below another one, in any process.

    traceparent  00-{trace id, 32 hex digits}-{span id, 16 hex digits}-{flags, 2 hex digits}
    tracestate   what tracing systems add, opaque to us; passed on as it is, or dropped where it is longer than 512 characters

It travels beside a run and is no part of it: not of its id, its spec, its manifest or any digest.

An attempt's span id is derived, from run, worker and start, so that it can be named without having been told: by the next
attempt, which links to it, and by whoever finds that a worker was killed and closes the attempt's span in its place.

Source: https://www.w3.org/TR/trace-context/. No clock, no chance in here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

STATE_CHARACTERS_MAX = 512
SAMPLED = 1

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(r"[\x20-\x7e]*")
_NO_TRACE_ID = "0" * 32
_NO_SPAN_ID = "0" * 16


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span in a trace; NO_TRACE, which is false, for none. trace_id: 32 hex digits. span_id: 16. flags: 0 to 255, bit 0:
    sampled. state: the tracestate."""

    trace_id: str = ""
    span_id: str = ""
    flags: int = 0
    state: str = ""

    def __bool__(self) -> bool:
        return bool(self.trace_id)

    @property
    def traceparent(self) -> str:
        """The header's value, of version 00; empty for NO_TRACE."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}" if self.trace_id else ""

    @classmethod
    def parse(cls, traceparent: str, tracestate: str = "") -> TraceContext:
        """The context in these headers; NO_TRACE where the first one is not well-formed, as the standard wants it: a caller's
        tracing must never fail a caller's call."""
        found = _TRACEPARENT.fullmatch(traceparent)
        if found is None:
            return NO_TRACE
        version, trace_id, span_id, flags, more = found.groups()
        if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE_ID or span_id == _NO_SPAN_ID:
            return NO_TRACE
        fits = len(tracestate) <= STATE_CHARACTERS_MAX and _STATE.fullmatch(tracestate)
        return cls(trace_id, span_id, int(flags, 16), tracestate if fits else "")


NO_TRACE = TraceContext()


def attempt_span_id(run_id: str, worker: str, start_time_ms: int) -> str:
    """Span id of the attempt at `run_id` that `worker` began at start_time_ms."""
    named = f"docugen.attempt-span.v1\n{run_id}\n{worker}\n{start_time_ms}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]
