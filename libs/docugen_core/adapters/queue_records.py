"""Bundle runs in the queue's terms and back: a run as a NewJob to submit, a JobRecord as the run it tells of.

A job's `about` is the run's first record, as ledgers keep it (domain.run_record): what was known at the submit and never
changes. All that changes (state, times, attempts, progress) is the queue's own and read from the JobRecord.
"""

from __future__ import annotations

from dataclasses import replace

from docugen_core.adapters.job_codec import PAYLOAD_VERSION, encode_job
from docugen_core.adapters.run_answers import finished_documents
from docugen_core.domain.failure import Failure
from docugen_core.domain.job import Accepted, JobRecord, NewJob
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import BundleRun, ExecutionPolicy, RunState
from docugen_core.domain.run_record import decode_documents, decode_run, encode_run
from docugen_core.domain.trace import NO_TRACE, TraceContext
from docugen_core.ports import GenerationJob


def new_job(job: GenerationJob, run: BundleRun, *, spec: bytes, trace: TraceContext = NO_TRACE) -> NewJob:
    """The job to submit for `run`, its first record. spec: the canonical bytes, or nothing when the store holds them.
    trace: of the submit."""
    return NewJob(
        run_id=run.run_id,
        spec_digest=run.spec_digest,
        payload=encode_job(job, max_attempts=run.max_attempts, spec=spec, trace=trace),
        payload_version=PAYLOAD_VERSION,
        priority=job.policy.priority,
        not_before_ms=job.policy.not_before_ms,
        about=encode_run(run).encode(),
    )


def accepted_run(first: BundleRun, accepted: Accepted) -> BundleRun:
    """What `queued_run` would tell of a job that was accepted just now. first: as it was given to `new_job`."""
    return replace(first, create_time_ms=accepted.time_ms, next_attempt_time_ms=accepted.next_attempt_time_ms)


def queued_run(record: JobRecord, manifest: Manifest | None = None) -> BundleRun:
    """The run `record` tells of. manifest: of a finished run, for its documents where the record has none (`lacks_documents`).

    A record whose `about` this release cannot read still gives a run: with id, digest, state and times, without the rest.
    """
    documents = decode_documents(record.progress)
    if not documents and manifest is not None:
        documents = finished_documents(manifest)
    first = first_record(record.about) or _nameless(record)
    return replace(
        first,
        run_id=record.run_id,
        spec_digest=record.spec_digest,
        state=record.state,
        revision=record.revision,
        create_time_ms=record.create_time_ms,
        start_time_ms=record.start_time_ms,
        finish_time_ms=record.finish_time_ms,
        next_attempt_time_ms=record.next_attempt_time_ms,
        attempt=record.attempt,
        worker=record.worker,
        documents=documents or first.documents,
        failure=_failure(record),
        manifest_digest=record.manifest_digest,
    )


def lacks_documents(record: JobRecord) -> bool:
    """Whether only the manifest can tell how the documents of a finished run ended."""
    return record.state is RunState.SUCCEEDED and not record.progress


def first_record(about: bytes) -> BundleRun | None:
    """What a job's `about` says of its run; None where another release wrote it in a way that this one cannot read."""
    try:
        return decode_run(about)
    except (KeyError, TypeError, ValueError):
        return None


def _failure(record: JobRecord) -> Failure | None:
    if record.state is RunState.CANCELLED:
        return Failure("CANCELLED", record.cancel_reason or "cancelled by a caller")
    return record.failure


def _nameless(record: JobRecord) -> BundleRun:
    return BundleRun(
        run_id=record.run_id,
        tenant="",
        spec_digest=record.spec_digest,
        seed="",
        state=record.state,
        revision=record.revision,
        create_time_ms=record.create_time_ms,
        max_attempts=0,
        policy=ExecutionPolicy(priority=record.priority),
    )
