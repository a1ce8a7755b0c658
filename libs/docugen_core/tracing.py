"""Where the time of a run went, for those who look at one run: the port through which its steps are traced.

    call                          one call to docugen.v1, below the caller's own span
      submit                      a run is accepted
        wait                      from there, or from its retry's time, to the attempt
        attempt                   one for each, with a link to the one before it
          document                one for each document of the bundle
            store.put             its bytes
          store.publish           spec, signature, claim, artefacts, manifest

A span has a name of this list and facts: ids, counts, codes and words from closed lists. Never a caller's text: no document
name, no label, no message of an error, no traceback. What a trace is for is time, and `docugen runs get` tells the rest.

The current span is the context's own (contextvars): tasks that begin inside a span are inside it. Nothing in the domain or in
rendering traces; a render process returns, and its parent's span ends.

UNTRACED is for everybody whose traces go nowhere: it costs well under a microsecond a step, and passes a caller's context on.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from enum import Enum
from typing import Protocol

from docugen_core.domain.trace import NO_TRACE, TraceContext

Fact = str | int | bool

_current: ContextVar[TraceContext] = ContextVar("docugen_trace", default=NO_TRACE)


class Step(Enum):
    """Names of spans; see the module."""

    CALL = "call"
    SUBMIT = "submit"
    WAIT = "wait"
    ATTEMPT = "attempt"
    DOCUMENT = "document"
    PUT = "store.put"
    PUBLISH = "store.publish"


class Span(Protocol):
    """A step under way."""

    def note(self, **facts: Fact) -> None:
        """Add facts to it, or replace them."""
        ...

    def failed(self, code: str) -> None:
        """Mark it as failed. code: of a DocugenError, or the name of a gRPC status."""
        ...

    def abandon(self) -> None:
        """Tell nobody of it: it is another process's to tell. What happened inside it stays told."""
        ...


class Tracer(Protocol):
    """Records steps. No method raises or waits; all are called on the event loop."""

    def span(
        self,
        step: Step,
        *,
        parent: TraceContext | None = None,
        span_id: str = "",
        link: TraceContext = NO_TRACE,
        **facts: Fact,
    ) -> AbstractContextManager[Span]:
        """A step from entering to leaving; the current span meanwhile.

        parent: by default the current span; with NO_TRACE it is the first of a new trace. span_id: 16 hex digits, where it is
        not to be drawn. link: the attempt before. An error that leaves it marks it as failed, with the error's code alone.
        """
        ...

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
        """A step that is over, in milliseconds since the epoch, for one that could not be recorded while it lasted."""
        ...


def current_trace() -> TraceContext:
    """The span we are in; where nothing is traced, the caller's own; else NO_TRACE."""
    return _current.get()


def inside(trace: TraceContext) -> AbstractContextManager[Span]:
    """`trace` is the current span until the context is left, which may be in another task than it was entered in."""
    return _Inside(trace)


class _NoSpan:
    """Implements Span by keeping nothing."""

    def note(self, **facts: Fact) -> None: ...

    def failed(self, code: str) -> None: ...

    def abandon(self) -> None: ...


class _Inside:
    """See `inside`. A class, because these are entered for every step."""

    __slots__ = ("_before", "_trace")

    def __init__(self, trace: TraceContext) -> None:
        self._trace = trace
        self._before = NO_TRACE

    def __enter__(self) -> Span:
        self._before = _current.get()
        _current.set(self._trace)
        return NO_SPAN

    def __exit__(self, *_: object) -> None:
        _current.set(self._before)


class _Untraced:
    """Implements Tracer by passing on the context that came in."""

    def span(
        self,
        step: Step,
        *,
        parent: TraceContext | None = None,
        span_id: str = "",
        link: TraceContext = NO_TRACE,
        **facts: Fact,
    ) -> AbstractContextManager[Span]:
        return _NOTHING if parent is None else _Inside(parent)

    def past(
        self,
        step: Step,
        *,
        parent: TraceContext,
        start_ms: int,
        end_ms: int,
        span_id: str = "",
        **facts: Fact,
    ) -> None: ...


NO_SPAN: Span = _NoSpan()
_NOTHING: AbstractContextManager[Span] = nullcontext(NO_SPAN)
UNTRACED: Tracer = _Untraced()
