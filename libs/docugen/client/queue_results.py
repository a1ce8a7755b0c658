"""What the queue's part of the client hands out. As `results`: frozen values, aware UTC datetimes, standard library only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from docugen.client.results import RunError


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane. name: `high`, `normal`, `low`, or `later` for jobs with a start time. waiting: undelivered."""

    name: str
    waiting: int
    in_flight: int
    parked: int


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A run that is parked until due_time. attempt: how many it had. reason: of the last failure; empty for a start time."""

    bundle_run: str
    due_time: dt.datetime | None
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The queue at one moment. depth: jobs that wait, `parked` of them for a retry or a start time. oldest_age: seconds for
    which the oldest job waits that could run. slots: of all workers. entered: jobs that ever entered, so it only grows.
    upcoming: what is due next, soonest first."""

    observe_time: dt.datetime | None
    depth: int
    parked: int
    in_flight: int
    dead_letters: int
    oldest_age: float
    workers: int
    slots: int
    paused: bool
    entered: int = 0
    lanes: tuple[Lane, ...] = ()
    upcoming: tuple[Upcoming, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """A job in a worker's hands. age: seconds since it was taken, when the worker reported. documents: of the bundle, 0 until
    it is read. document: one that is being rendered, empty between two."""

    bundle_run: str
    attempt: int
    age: float
    documents: int
    documents_ended: int
    document: str


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process. bundle_runs: ids of the runs it holds. seen_time: when it reported last. jobs: what it did then."""

    id: str
    host: str
    process_id: int
    start_time: dt.datetime | None
    seen_time: dt.datetime | None
    slots: int
    bundle_runs: tuple[str, ...]
    engine_fingerprint: str
    version: str
    draining: bool
    jobs: tuple[WorkerJob, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that failed. number: from 1."""

    number: int
    worker: str
    start_time: dt.datetime | None
    finish_time: dt.datetime | None
    error: RunError


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A run that failed for good. attempts: the last ones, oldest first. spec: the canonical spec as JSON; None in lists."""

    id: str
    bundle_run: str
    create_time: dt.datetime | None
    error: RunError
    attempts: tuple[Attempt, ...]
    redrive_count: int
    engine_fingerprint: str
    spec: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Redrive:
    """What was put back into the queue; bundle_runs: ids, the first 1000."""

    redriven: int
    refused: int
    bundle_runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """What was removed; bundle_runs: ids, the first 1000."""

    dropped: int
    bundle_runs: tuple[str, ...]
