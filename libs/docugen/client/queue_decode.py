"""Protobuf messages of QueueService -> queue_results."""

from __future__ import annotations

import json
from collections.abc import Iterable

from docugen.client import queue_results as results
from docugen.client.decode import run_error, time
from docugen.v1 import queue_service_pb2


def stats(message: queue_service_pb2.QueueStats) -> results.QueueStats:
    return results.QueueStats(
        observe_time=time(message, "observe_time"),
        depth=message.depth,
        parked=message.parked,
        in_flight=message.in_flight,
        dead_letters=message.dead_letters,
        oldest_age=message.oldest_age.ToTimedelta().total_seconds(),
        workers=message.workers,
        slots=message.slots,
        paused=message.paused,
        entered=message.entered,
        lanes=tuple(results.Lane(lane.name, lane.waiting, lane.in_flight, lane.parked) for lane in message.lanes),
        upcoming=tuple(_upcoming(run) for run in message.upcoming),
    )


def worker(message: queue_service_pb2.Worker) -> results.Worker:
    return results.Worker(
        id=message.name.removeprefix("workers/"),
        host=message.host,
        process_id=message.process_id,
        start_time=time(message, "start_time"),
        seen_time=time(message, "seen_time"),
        slots=message.slots,
        bundle_runs=run_ids(message.bundle_runs),
        engine_fingerprint=message.engine_fingerprint,
        version=message.version,
        draining=message.draining,
        jobs=tuple(_job(job) for job in message.jobs),
    )


def dead_letter(message: queue_service_pb2.DeadLetter) -> results.DeadLetter:
    return results.DeadLetter(
        id=message.name.removeprefix("deadLetters/"),
        bundle_run=message.bundle_run.removeprefix("bundleRuns/"),
        create_time=time(message, "create_time"),
        error=run_error(message.error),
        attempts=tuple(_attempt(attempt) for attempt in message.attempts),
        redrive_count=message.redrive_count,
        engine_fingerprint=message.engine_fingerprint,
        spec=json.loads(message.spec_json) if message.spec_json else None,
    )


def redrive(message: queue_service_pb2.RedriveDeadLettersResponse) -> results.Redrive:
    return results.Redrive(message.redriven, message.refused, run_ids(message.bundle_runs))


def drop(message: queue_service_pb2.DropDeadLettersResponse) -> results.Drop:
    return results.Drop(message.dropped, run_ids(message.bundle_runs))


def run_ids(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.removeprefix("bundleRuns/") for name in names)


def _upcoming(message: queue_service_pb2.QueueStats.Upcoming) -> results.Upcoming:
    return results.Upcoming(
        bundle_run=message.bundle_run.removeprefix("bundleRuns/"),
        due_time=time(message, "due_time"),
        attempt=message.attempt,
        reason=message.reason,
    )


def _job(message: queue_service_pb2.Worker.Job) -> results.WorkerJob:
    return results.WorkerJob(
        bundle_run=message.bundle_run.removeprefix("bundleRuns/"),
        attempt=message.attempt,
        age=message.age.ToTimedelta().total_seconds(),
        documents=message.documents,
        documents_ended=message.documents_ended,
        document=message.document,
    )


def _attempt(message: queue_service_pb2.DeadLetter.Attempt) -> results.Attempt:
    return results.Attempt(
        number=message.number,
        worker=message.worker,
        start_time=time(message, "start_time"),
        finish_time=time(message, "finish_time"),
        error=run_error(message.error),
    )
