"""What `docugen top` shows: one board, whichever kind of server it was read from. `--json` prints it as it is.

Everything is data that the server told; the only things computed here are rates, from counters of two samples.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from docugen.client.queue_results import DeadLetter, QueueStats, Upcoming, Worker
from docugen.client.results import BundleRun, DocumentState

RATE_S = 10.0
"""Rates are means over about this long: shorter ones jump, longer ones lag."""
INLINE = "inline"
QUEUE = "queue"
_ENDED = (DocumentState.RENDERED, DocumentState.OMITTED, DocumentState.FAILED)


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane. waiting: jobs that could run."""

    name: str
    waiting: int
    in_flight: int
    parked: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """A run in hand. age: seconds since it was taken. documents: of the bundle, 0 where that is not known yet."""

    bundle_run: str
    attempt: int
    age: float
    documents: int
    documents_ended: int
    document: str


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker and what it renders. silent: seconds since it reported. slots: 0 where nobody tells."""

    id: str
    host: str
    slots: int
    silent: float
    draining: bool
    jobs: tuple[JobRow, ...]


@dataclass(frozen=True, slots=True)
class DueRow:
    """A run that waits for a time. due_in: seconds. reason: of its last failure; empty for a start time."""

    bundle_run: str
    attempt: int
    due_in: float
    reason: str


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A run that failed for good, `ago` seconds ago."""

    bundle_run: str
    ago: float
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Runs a second that came, and that ended or went to the dead letters. None until there are two samples."""

    entered: float | None = None
    left: float | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """One look at a server. mode: `queue` or `inline`. waiting: jobs that could run. capped: waiting and dead are lower bounds.
    oldest_age: seconds. dead: dead letters, without a queue failed runs. upcoming and letters: the first few."""

    server: str
    mode: str
    observe_time: dt.datetime | None
    waiting: int
    parked: int
    in_flight: int
    dead: int
    oldest_age: float
    paused: bool
    rates: Rates
    lanes: tuple[LaneRow, ...] = ()
    workers: tuple[WorkerRow, ...] = ()
    upcoming: tuple[DueRow, ...] = ()
    letters: tuple[LetterRow, ...] = ()
    capped: bool = False


class RateMeter:
    """Rates of a queue, from the counters of its samples. A counter that fell is that of another queue: it begins anew."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def add(self, stats: QueueStats) -> Rates:
        """The rates once this sample is among them."""
        if stats.observe_time is None:
            return Rates()
        left = stats.entered - stats.depth - stats.in_flight
        now = (stats.observe_time.timestamp(), stats.entered, left)
        if self._samples and now[1] < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append(now)
        while len(self._samples) > 2 and now[0] - self._samples[1][0] >= RATE_S:
            self._samples.popleft()
        first = self._samples[0]
        lasted = now[0] - first[0]
        return Rates((now[1] - first[1]) / lasted, max(0, now[2] - first[2]) / lasted) if lasted > 0 else Rates()


def queue_board(
    server: str, stats: QueueStats, rates: Rates, workers: Iterable[Worker], letters: Iterable[DeadLetter]
) -> Board:
    """A server with a queue. Times are told relative to the queue's clock, so this machine's need not be right."""
    now = stats.observe_time
    return Board(
        server=server,
        mode=QUEUE,
        observe_time=now,
        waiting=stats.depth - stats.parked,
        parked=stats.parked,
        in_flight=stats.in_flight,
        dead=stats.dead_letters,
        oldest_age=stats.oldest_age,
        paused=stats.paused,
        rates=rates,
        lanes=tuple(LaneRow(lane.name, lane.waiting, lane.in_flight, lane.parked) for lane in stats.lanes),
        workers=tuple(_worker(worker, now) for worker in workers),
        upcoming=tuple(_due(run, now) for run in stats.upcoming),
        letters=tuple(
            LetterRow(one.bundle_run, _since(one.create_time, now), one.error.reason, one.error.message)
            for one in letters
        ),
    )


@dataclass(frozen=True, slots=True)
class InlineRuns:
    """The runs of a server without a queue, each list newest first and bounded. recent: of any state, for rates. waiting and
    failed: one more than `most` means that there are more."""

    waiting: tuple[BundleRun, ...]
    running: tuple[BundleRun, ...]
    retrying: tuple[BundleRun, ...]
    failed: tuple[BundleRun, ...]
    recent: tuple[BundleRun, ...]
    most: int


def inline_board(server: str, runs: InlineRuns, now: dt.datetime) -> Board:
    """A server that renders by itself. Its rates are of the last RATE_S seconds, as far as the recent runs reach."""
    due = sorted(runs.retrying, key=lambda run: run.next_attempt_time or now)
    jobs = tuple(_running(run, now) for run in runs.running)
    return Board(
        server=server,
        mode=INLINE,
        observe_time=now,
        waiting=min(len(runs.waiting), runs.most),
        parked=len(runs.retrying),
        in_flight=len(jobs),
        dead=min(len(runs.failed), runs.most),
        oldest_age=max((_since(run.create_time, now) for run in runs.waiting), default=0.0),
        paused=False,
        rates=Rates(
            sum(_since(run.create_time, now) < RATE_S for run in runs.recent) / RATE_S,
            sum(run.state.is_terminal and _since(run.finish_time, now) < RATE_S for run in runs.recent) / RATE_S,
        ),
        workers=(WorkerRow("(this scheduler)", "", 0, 0.0, False, jobs),),
        upcoming=tuple(
            DueRow(
                run.id,
                run.attempt,
                -_since(run.next_attempt_time, now),
                run.error.reason if run.error else "",
            )
            for run in due
        ),
        letters=tuple(
            LetterRow(run.id, _since(run.finish_time, now), run.error.reason, run.error.message)
            for run in runs.failed
            if run.error
        ),
        capped=len(runs.waiting) > runs.most or len(runs.failed) > runs.most,
    )


def _worker(worker: Worker, now: dt.datetime | None) -> WorkerRow:
    silent = max(0.0, _since(worker.seen_time, now))
    jobs = tuple(
        JobRow(job.bundle_run, job.attempt, job.age + silent, job.documents, job.documents_ended, job.document)
        for job in worker.jobs
    )
    return WorkerRow(worker.id, worker.host, worker.slots, silent, worker.draining, jobs)


def _running(run: BundleRun, now: dt.datetime) -> JobRow:
    rendering = (document.name for document in run.documents if document.state is DocumentState.RENDERING)
    ended = sum(document.state in _ENDED for document in run.documents)
    age = max(0.0, _since(run.start_time, now))
    return JobRow(run.id, run.attempt, age, len(run.documents), ended, next(rendering, ""))


def _due(run: Upcoming, now: dt.datetime | None) -> DueRow:
    return DueRow(run.bundle_run, run.attempt, -_since(run.due_time, now), run.reason)


def _since(then: dt.datetime | None, now: dt.datetime | None) -> float:
    """Seconds; 0 where there is no such time."""
    return (now - then).total_seconds() if then and now else 0.0
