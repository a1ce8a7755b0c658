"""What a worker tells of a job, in the words of measures.AttemptOutcome: to metrics, in its log line, and in its span.

answer of the queue    attempt        run            code
done                   succeeded      succeeded
parked                 retried        -              of the failure
buried                 failed         failed         of the failure
cancelled              cancelled      cancelled
handed_back            handed_back    -              UNSERVED where another worker has to serve it
stale                  lost           -              LEASE_LOST
given_up               lost           -              SETTLEMENT_UNANSWERED

A lost attempt is counted, and its span closed, by whoever takes the run over: nobody else knows that it was lost. So this
worker does neither; it only logs it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import structlog
from docugen_core.adapters.attempt_trace import AttemptBegin, trace_lost_attempt, traced_attempt
from docugen_core.adapters.job_codec import trace_of
from docugen_core.domain.lease import WORKER_LOST, Delivery
from docugen_core.errors import LeaseLost
from docugen_core.measures import AttemptOutcome, Measures, RunOutcome
from docugen_core.tracing import Span, Tracer

from docugen_worker.settler import Answer

log = structlog.get_logger(__name__)


def count_begin(measures: Measures, delivery: Delivery, waited_ms: int) -> None:
    """A job begins that waited so long, in the queue and here. Where a lease lapsed that is not known: part of the time it was
    being rendered."""
    if delivery.lapsed:
        measures.attempt_lost(WORKER_LOST.code)
        log.warning("attempt_lost", worker=delivery.last_worker, start_time_ms=delivery.last_start_time_ms)
    else:
        measures.attempt_begun(waited_ms)


def count_end(measures: Measures, answer: Answer, duration_s: float, code: str, *, attempted: bool) -> None:
    """The queue answered. code: of the failure, if there was one. attempted: False for a run that was buried unrendered: its
    attempts were spent, and counted when they were lost."""
    if attempted and answer in _COUNTED:
        measures.attempt_ended(_ATTEMPT[answer], duration_s, code)
    if answer in _RUN:
        measures.run_ended(_RUN[answer])


def told(answer: Answer, code: str) -> tuple[AttemptOutcome, str]:
    """Outcome and code of the log line. code: of the failure, if there was one."""
    return _ATTEMPT[answer], _LOST_CODES.get(answer, code)


def traced(tracer: Tracer, delivery: Delivery) -> AbstractContextManager[Span]:
    """The span of the attempt that begins with this delivery, after that of the one that was lost, if one was."""
    lease, trace = delivery.lease, trace_of(delivery)
    last = AttemptBegin(lease.run_id, lease.attempt - 1, delivery.last_worker, delivery.last_start_time_ms)
    if delivery.lapsed:
        trace_lost_attempt(tracer, trace, last, delivery.start_time_ms, WORKER_LOST.code)
    begin = AttemptBegin(
        lease.run_id,
        lease.attempt,
        lease.consumer,
        delivery.start_time_ms,
        0 if delivery.lapsed else delivery.waited_ms,
        last.worker,
        last.start_ms,
    )
    return traced_attempt(tracer, trace, begin)


def close(span: Span, outcome: AttemptOutcome, code: str, *, size: int, reused: int) -> None:
    """Say in the span how the attempt ended. size: bytes of its artefacts. reused: documents it did not render."""
    if outcome is AttemptOutcome.LOST:
        span.abandon()
        return
    span.note(outcome=outcome.value, bytes=size, reused=reused)
    if outcome in (AttemptOutcome.RETRIED, AttemptOutcome.FAILED):
        span.failed(code)


_ATTEMPT = {
    Answer.DONE: AttemptOutcome.SUCCEEDED,
    Answer.PARKED: AttemptOutcome.RETRIED,
    Answer.BURIED: AttemptOutcome.FAILED,
    Answer.CANCELLED: AttemptOutcome.CANCELLED,
    Answer.HANDED_BACK: AttemptOutcome.HANDED_BACK,
    Answer.STALE: AttemptOutcome.LOST,
    Answer.GIVEN_UP: AttemptOutcome.LOST,
}
_COUNTED = _ATTEMPT.keys() - {Answer.STALE, Answer.GIVEN_UP}
_LOST_CODES = {Answer.STALE: LeaseLost.code, Answer.GIVEN_UP: "SETTLEMENT_UNANSWERED"}
_RUN = {
    Answer.DONE: RunOutcome.SUCCEEDED,
    Answer.BURIED: RunOutcome.FAILED,
    Answer.CANCELLED: RunOutcome.CANCELLED,
}
