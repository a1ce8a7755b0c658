"""Replies of the queue's scripts, read into values of the domain. Nothing here talks to Redis.

Records written by another release may lack a field or have one more: what is missing reads as empty, what is unknown is
passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from docugen_core.adapters.keys import LANES
from docugen_core.domain.dead_letter import DeadLetter
from docugen_core.domain.failure import Failure
from docugen_core.domain.job import Attempt, JobRecord, RunChange
from docugen_core.domain.lease import Delivery, Hold, Lease, Takings
from docugen_core.domain.queue_state import Pause, QueueStats
from docugen_core.domain.run import Priority, RunState
from docugen_core.domain.survey import Lane, QueueSurvey, Upcoming
from docugen_core.domain.worker import WorkerAdvert, WorkerSighting

TRIES_KEPT = 10

Fields = Mapping[bytes, bytes]


def fields(flat: Sequence[bytes]) -> Fields:
    """A flat reply [name, value, name, value ...] as a mapping."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def failure_text(failure: Failure) -> str:
    """How a failure is kept in records and letters."""
    return json.dumps(failure.to_json(), separators=(",", ":"))


def job_record(run_id: str, raw: Fields) -> JobRecord:
    """A run's hash. Raises ValueError for a state that this release does not know."""
    return JobRecord(
        run_id=run_id,
        spec_digest=_text(raw, b"digest"),
        state=RunState(_text(raw, b"state")),
        revision=_number(raw, b"revision"),
        entry=_text(raw, b"entry"),
        priority=Priority(_text(raw, b"priority") or "normal"),
        attempt=_number(raw, b"attempt"),
        create_time_ms=_number(raw, b"create_ms"),
        queue_time_ms=_number(raw, b"queue_ms"),
        start_time_ms=_number(raw, b"start_ms"),
        finish_time_ms=_number(raw, b"finish_ms"),
        next_attempt_time_ms=_number(raw, b"next_ms"),
        worker=_text(raw, b"worker"),
        failure=_failure(raw.get(b"failure", b"")),
        manifest_digest=_text(raw, b"manifest"),
        cancel_reason=_text(raw, b"reason"),
        redrive_count=_number(raw, b"redriven"),
        dead_letter=_text(raw, b"letter"),
        about=raw.get(b"about", b"{}"),
        attempts=_attempts(raw),
        progress=raw.get(b"progress", b""),
    )


def takings(reply: Sequence[Any], consumer: str, since_s: float) -> Takings:
    """The reply of take.lua, the time aside."""
    deliveries = tuple(
        Delivery(
            lease=Lease(run.decode(), entry.decode(), consumer, int(attempt)),
            payload=payload,
            payload_version=int(version),
            cancelling=bool(cancelling),
            waited_ms=int(waited),
            lapsed=bool(lapsed),
            start_time_ms=int(reply[2]),
            last_worker=worker.decode(),
            last_start_time_ms=int(start),
        )
        for entry, attempt, cancelling, run, version, payload, waited, lapsed, worker, start in reply[3:]
    )
    return Takings(deliveries, Hold(reply[0].decode()), int(reply[1]), since_s)


def dead_letter(letter_id: bytes, raw: Fields) -> DeadLetter:
    """An entry of the dead letter stream."""
    return DeadLetter(
        letter_id=letter_id.decode(),
        run_id=_text(raw, b"run"),
        spec_digest=_text(raw, b"digest"),
        create_time_ms=_number(raw, b"time_ms"),
        failure=Failure.from_json(json.loads(raw[b"failure"])),
        attempt=_number(raw, b"attempt"),
        worker=_text(raw, b"worker"),
        engine=_text(raw, b"engine"),
        redrive_count=_number(raw, b"redriven"),
        priority=Priority(_text(raw, b"priority") or "normal"),
        payload=raw[b"payload"],
        payload_version=_number(raw, b"v"),
        about=raw.get(b"about", b"{}"),
        attempts=_attempts(raw),
    )


def changes(raw: Sequence[bytes]) -> tuple[RunChange, ...]:
    """One entry of the event stream: pairs of run id and `revision state`; a run that changed twice is there twice."""
    pairs = zip(raw[::2], raw[1::2], strict=True)
    return tuple(_change(run.decode(), change.decode()) for run, change in pairs)


def queue_stats(reply: Sequence[Any]) -> QueueStats:
    """The reply of stats.lua."""
    now, unfinished, in_flight, parked, letters, oldest = (int(n) for n in reply[:6])
    since, _, reason = reply[6].decode().partition(" ")
    return QueueStats(
        observe_time_ms=now,
        depth=unfinished - in_flight,
        in_flight=in_flight,
        parked=parked,
        dead_letters=letters,
        oldest_age_ms=oldest,
        pause=Pause(int(since), reason) if since else None,
    )


def queue_survey(reply: Sequence[Any]) -> QueueSurvey:
    """The reply of survey.lua; lanes by urgency."""
    entered, lanes, runs = reply
    by_name = {name.decode(): Lane(name.decode(), *map(int, numbers)) for name, *numbers in lanes}
    return QueueSurvey(int(entered), tuple(by_name[name] for name in LANES), tuple(_upcoming(*run) for run in runs))


def worker_sighting(consumer: bytes, text: bytes, draining: bool) -> WorkerSighting:
    """A field of the workers' hash."""
    seen, _, advert = text.partition(b" ")
    return WorkerSighting(consumer.decode(), int(seen), draining, WorkerAdvert.from_text(advert))


def _upcoming(run_id: bytes, due_ms: int, attempt: int, failure: bytes) -> Upcoming:
    failed = _failure(failure)
    return Upcoming(run_id.decode(), int(due_ms), int(attempt), failed.code if failed else "")


def _change(run_id: str, text: str) -> RunChange:
    revision, _, state = text.partition(" ")
    return RunChange(run_id, int(revision), RunState(state))


def _attempts(raw: Fields) -> tuple[Attempt, ...]:
    """The ring of failed attempts, oldest first. `tries` counts them all; number n is in slot n mod 10."""
    tries = _number(raw, b"tries")
    slots = (raw.get(b"try%d" % (n % TRIES_KEPT), b"") for n in range(max(1, tries - TRIES_KEPT + 1), tries + 1))
    return tuple(_attempt(json.loads(slot)) for slot in slots if slot)


def _attempt(note: Sequence[Any]) -> Attempt:
    number, worker, start, finish, failure = note
    return Attempt(int(number), worker, int(start), int(finish), Failure.from_json(json.loads(failure)))


def _failure(text: bytes) -> Failure | None:
    return Failure.from_json(json.loads(text)) if text else None


def _text(raw: Fields, name: bytes) -> str:
    return raw.get(name, b"").decode()


def _number(raw: Fields, name: bytes) -> int:
    return int(raw.get(name) or 0)
