"""The spans of one attempt, the same for every executor: the wait before it, itself, and the one that was lost before it.

All hang below the submit of the run, which may be another process's, and find each other by derived ids (`domain.trace`):

    submit -- wait -- attempt 1 ......... lost: closed by whoever begins attempt 2, as the killed process could not
           `- wait -- attempt 2 (link: attempt 1)

A run that was submitted untraced has attempts without a common parent: each is then a trace of its own, and only the attempt.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from docugen_core.domain.trace import NO_TRACE, TraceContext, attempt_span_id
from docugen_core.measures import AttemptOutcome
from docugen_core.tracing import Span, Step, Tracer


@dataclass(frozen=True, slots=True)
class AttemptBegin:
    """An attempt that begins. start_ms: since the epoch, by the clock of the run's record. last_worker, last_start_ms: of the
    attempt before; empty and 0 for none."""

    run_id: str
    number: int
    worker: str
    start_ms: int
    waited_ms: int = 0
    last_worker: str = ""
    last_start_ms: int = 0


def traced_attempt(tracer: Tracer, trace: TraceContext, begin: AttemptBegin) -> AbstractContextManager[Span]:
    """The span of an attempt, after one for its wait. trace: of the submit."""
    link = NO_TRACE
    if trace:
        tracer.past(Step.WAIT, parent=trace, start_ms=begin.start_ms - begin.waited_ms, end_ms=begin.start_ms)
        if begin.last_start_ms:
            link = replace(trace, span_id=attempt_span_id(begin.run_id, begin.last_worker, begin.last_start_ms))
    return tracer.span(
        Step.ATTEMPT,
        parent=trace,
        span_id=attempt_span_id(begin.run_id, begin.worker, begin.start_ms),
        link=link,
        run_id=begin.run_id,
        attempt=begin.number,
        worker=begin.worker,
        wait_ms=begin.waited_ms,
    )


def trace_lost_attempt(tracer: Tracer, trace: TraceContext, lost: AttemptBegin, end_ms: int, code: str) -> None:
    """Close the span of an attempt whose process died, or lost its lease, and will not tell. code: what its record says."""
    if trace:
        tracer.past(
            Step.ATTEMPT,
            parent=trace,
            start_ms=lost.start_ms,
            end_ms=end_ms,
            span_id=attempt_span_id(lost.run_id, lost.worker, lost.start_ms),
            run_id=lost.run_id,
            attempt=lost.number,
            worker=lost.worker,
            outcome=AttemptOutcome.LOST.value,
            code=code,
        )
