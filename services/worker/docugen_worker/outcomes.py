"""What a worker counts of a job: its begin, and the end that the queue believed.

answer of the queue    attempt        run
done                   succeeded      succeeded
parked                 retried        -
buried                 failed         failed
cancelled              cancelled      cancelled
handed_back            handed_back    -
stale, given_up        -              -          whoever takes the run over counts this attempt as lost
"""

from __future__ import annotations

from docugen_core.domain.lease import WORKER_LOST, Delivery
from docugen_core.measures import AttemptOutcome, Measures, RunOutcome

from docugen_worker.settler import Answer


def count_begin(measures: Measures, delivery: Delivery) -> None:
    """A job was taken. How long it waited is not known where a lease lapsed: part of that time it was being rendered."""
    if delivery.lapsed:
        measures.attempt_lost(WORKER_LOST.code)
    else:
        measures.attempt_begun(delivery.waited_ms)


def count_end(measures: Measures, answer: Answer, duration_s: float, code: str, *, attempted: bool) -> None:
    """The queue answered. code: of the failure, if there was one. attempted: False for a run that was buried unrendered: its
    attempts were spent, and counted when they were lost."""
    if attempted and answer in _ATTEMPT:
        measures.attempt_ended(_ATTEMPT[answer], duration_s, code)
    if answer in _RUN:
        measures.run_ended(_RUN[answer])


_ATTEMPT = {
    Answer.DONE: AttemptOutcome.SUCCEEDED,
    Answer.PARKED: AttemptOutcome.RETRIED,
    Answer.BURIED: AttemptOutcome.FAILED,
    Answer.CANCELLED: AttemptOutcome.CANCELLED,
    Answer.HANDED_BACK: AttemptOutcome.HANDED_BACK,
}
_RUN = {
    Answer.DONE: RunOutcome.SUCCEEDED,
    Answer.BURIED: RunOutcome.FAILED,
    Answer.CANCELLED: RunOutcome.CANCELLED,
}
