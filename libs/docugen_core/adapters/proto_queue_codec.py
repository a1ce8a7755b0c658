"""What QueueService answers: values of the queue as protobuf messages. The rest of the contract is in `proto_codec`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from docugen.v1 import queue_service_pb2
from google.protobuf.duration_pb2 import Duration

from docugen_core.adapters.proto_codec import encode_failure, encode_time
from docugen_core.domain.dead_letter import DeadLetter
from docugen_core.domain.job import Attempt
from docugen_core.domain.queue_state import QueueStats
from docugen_core.domain.survey import QueueSurvey, Upcoming
from docugen_core.domain.worker import HeldJob, WorkerSighting

_Letter = queue_service_pb2.DeadLetter
_Stats = queue_service_pb2.QueueStats


def encode_stats(
    stats: QueueStats, survey: QueueSurvey, workers: Sequence[WorkerSighting]
) -> queue_service_pb2.QueueStats:
    """The numbers, with the survey and those of the workers, which are taken a moment later."""
    return queue_service_pb2.QueueStats(
        observe_time=encode_time(stats.observe_time_ms),
        depth=stats.depth,
        parked=stats.parked,
        in_flight=stats.in_flight,
        dead_letters=stats.dead_letters,
        oldest_age=_duration(stats.oldest_age_ms),
        workers=len(workers),
        slots=sum(worker.advert.slots for worker in workers),
        paused=stats.pause is not None,
        entered=survey.entered,
        lanes=[_Stats.Lane(**asdict(lane)) for lane in survey.lanes],
        upcoming=[_upcoming(run) for run in survey.upcoming],
    )


def encode_worker(worker: WorkerSighting) -> queue_service_pb2.Worker:
    advert = worker.advert
    return queue_service_pb2.Worker(
        name=f"workers/{worker.consumer}",
        host=advert.host,
        process_id=advert.process_id,
        start_time=encode_time(advert.start_time_ms),
        seen_time=encode_time(worker.seen_time_ms),
        slots=advert.slots,
        bundle_runs=[f"bundleRuns/{run_id}" for run_id in advert.bundle_runs],
        engine_fingerprint=advert.engine_fingerprint,
        version=advert.version,
        draining=worker.draining,
        jobs=[_held(job) for job in advert.jobs],
    )


def encode_letter(letter: DeadLetter, spec: bytes = b"") -> queue_service_pb2.DeadLetter:
    """spec: the canonical spec, for GetDeadLetter only: it holds the caller's data."""
    return _Letter(
        name=f"deadLetters/{letter.letter_id}",
        bundle_run=f"bundleRuns/{letter.run_id}",
        create_time=encode_time(letter.create_time_ms),
        error=encode_failure(letter.failure),
        attempts=[_attempt(attempt) for attempt in letter.attempts],
        redrive_count=letter.redrive_count,
        engine_fingerprint=letter.engine,
        spec_json=spec,
    )


def _attempt(attempt: Attempt) -> queue_service_pb2.DeadLetter.Attempt:
    return _Letter.Attempt(
        number=attempt.number,
        worker=attempt.worker,
        start_time=encode_time(attempt.start_time_ms),
        finish_time=encode_time(attempt.finish_time_ms),
        error=encode_failure(attempt.failure),
    )


def _upcoming(run: Upcoming) -> queue_service_pb2.QueueStats.Upcoming:
    return _Stats.Upcoming(
        bundle_run=f"bundleRuns/{run.run_id}",
        due_time=encode_time(run.due_time_ms),
        attempt=run.attempt,
        reason=run.reason,
    )


def _held(job: HeldJob) -> queue_service_pb2.Worker.Job:
    return queue_service_pb2.Worker.Job(
        bundle_run=f"bundleRuns/{job.run_id}",
        attempt=job.attempt,
        age=_duration(job.age_ms),
        documents=job.documents,
        documents_ended=job.ended,
        document=job.document,
    )


def _duration(milliseconds: int) -> Duration:
    return Duration(seconds=milliseconds // 1_000, nanos=milliseconds % 1_000 * 1_000_000)
