"""A generation job as the bytes that travel through the queue (`job.proto`), and back.

The version stands outside the bytes, in the queue's own field: a worker that does not know it must not even try to read them.
"""

from __future__ import annotations

import json
from contextlib import suppress

from docugen.v1 import job_pb2
from google.protobuf.message import DecodeError

from docugen_core.adapters.proto_spec_codec import decode_policy, encode_policy
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.domain.lease import Delivery
from docugen_core.domain.trace import NO_TRACE, TraceContext
from docugen_core.errors import DocugenError
from docugen_core.ports import ArtefactStore, GenerationJob

PAYLOAD_VERSION = 1


class PayloadUnreadable(DocugenError):
    """The bytes are no job of this version, or its spec is gone. It cannot get better by trying again."""

    code = "PAYLOAD_UNREADABLE"


def encode_job(job: GenerationJob, *, max_attempts: int, spec: bytes, trace: TraceContext = NO_TRACE) -> bytes:
    """The payload of PAYLOAD_VERSION. spec: the canonical bytes, or nothing when the store holds them (claim check). trace: of
    the submit."""
    return job_pb2.QueuedJob(
        bundle_run_id=job.run_id,
        tenant=job.tenant,
        spec_json=spec,
        spec_digest=job.bundle.spec_digest,
        execution_policy=encode_policy(job.policy),
        max_attempts=max_attempts,
        pack_digests=sorted({t.digest for t in job.bundle.packs}),
        traceparent=trace.traceparent,
        tracestate=trace.state,
    ).SerializeToString()


def read_payload(payload: bytes) -> job_pb2.QueuedJob:
    """The message in a payload of PAYLOAD_VERSION. Raises PayloadUnreadable."""
    try:
        return job_pb2.QueuedJob.FromString(payload)
    except DecodeError as error:
        raise PayloadUnreadable("the job's payload is no QueuedJob message") from error


def trace_of(delivery: Delivery) -> TraceContext:
    """The trace a delivered job belongs to; NO_TRACE where it names none or cannot be read."""
    if delivery.payload_version != PAYLOAD_VERSION:
        return NO_TRACE
    with suppress(PayloadUnreadable):
        message = read_payload(delivery.payload)
        return TraceContext.parse(message.traceparent, message.tracestate)
    return NO_TRACE


async def decode_job(message: job_pb2.QueuedJob, store: ArtefactStore) -> GenerationJob:
    """The job; its spec is fetched from `store` where the payload holds none. Raises PayloadUnreadable, Unavailable."""
    spec = message.spec_json or await store.read_spec(message.spec_digest)
    if spec is None:
        raise PayloadUnreadable(
            f"the spec {message.spec_digest} is neither in the job nor in the store",
            hint="Scheduler and workers must share one DOCUGEN_STORE_URL.",
        )
    try:
        bundle = ResolvedBundle.from_json(json.loads(spec))
    except (KeyError, TypeError, ValueError) as error:
        raise PayloadUnreadable("the job's spec cannot be read") from error
    if bundle.spec_digest != message.spec_digest:
        raise PayloadUnreadable("the job's spec does not have the digest it was submitted with")
    policy, _ = decode_policy(message.execution_policy)
    return GenerationJob(message.bundle_run_id, message.tenant, bundle, policy)
