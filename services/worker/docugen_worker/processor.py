"""One job from its delivery to its end: the part of a worker that decides.

    version unknown, pack or generator missing    handed back unspent, for a worker that can
    payload unreadable                            buried
    published already, by a lost attempt          done, without rendering
    cancelled                                     cancelled
    more deliveries than attempts                 buried without rendering: it takes its workers with it
    taken ahead, and got no slot                  handed back unspent (jobs)
    else generate()                               done | retry.decide: retried, buried | stopped: see jobs.Stop

A failure is a value here: `process` raises nothing but CancelledError. One line a job, `job_settled`, tells how it ended; the
steps on the way are `job_step` lines at level debug: taken, decoded, rendering, document (each one), published, settling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog
from docugen.v1 import job_pb2
from docugen_core.adapters.job_codec import PAYLOAD_VERSION, PayloadUnreadable, decode_job, read_payload
from docugen_core.adapters.lifetime import unless
from docugen_core.adapters.run_answers import finished_documents
from docugen_core.domain.failure import Failure
from docugen_core.domain.identity import content_digest
from docugen_core.domain.lease import WORKER_LOST, Bury, Cancelled, Done, Retry
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.retry import GiveUp, RetryAfter, RetryPolicy, decide
from docugen_core.domain.run import DocumentProgress
from docugen_core.domain.run_record import encode_documents
from docugen_core.errors import DeterminismViolation, DocugenError, NotFound, RenderInterrupted
from docugen_core.generation import BundleRenderer, generate
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.ports import ArtefactStore
from docugen_core.rendering.typst_library import LIBRARY_CHANGED
from docugen_core.tracing import Span

from docugen_worker.jobs import Job, JobsInHand, Stop
from docugen_worker.outcomes import close, count_begin, count_end, told, traced
from docugen_worker.progress import ProgressTeller
from docugen_worker.settler import Answer, Ending, HandBack, Settler

UNSERVED_DELAY_MS = 5_000
"""How long a job that this worker cannot serve is left to others before anybody may take it again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended, before the queue was told. ending: None when it is not ours to tell. size: bytes of its artefacts.
    attempted: whether an attempt was made at all."""

    ending: Ending | None
    code: str = ""
    manifest: str = ""
    size: int = 0
    attempted: bool = True


@dataclass(frozen=True, slots=True)
class Workshop:
    """What rendering takes. packs: digests of the installed template packs."""

    bundles: BundleRenderer
    store: ArtefactStore
    policy: RetryPolicy
    attempt_timeout_ms: int
    lease_ms: int
    packs: Collection[str]
    measures: Measures = UNMEASURED


class Processor:
    """See the module. One for all jobs of a worker. outdated: set when nothing can be rendered here any more."""

    def __init__(
        self,
        workshop: Workshop,
        jobs: JobsInHand,
        settler: Settler,
        progress: ProgressTeller,
        outdated: asyncio.Event,
    ) -> None:
        self._shop = workshop
        self._jobs = jobs
        self._settler = settler
        self._progress = progress
        self._outdated = outdated
        self._unserved = 0

    async def process(self, job: Job) -> None:
        """Bring `job`, which is in hand, to its end, and free its slot. Cancelling kills the render and tells nobody."""
        structlog.contextvars.bind_contextvars(run_id=job.lease.run_id, attempt=job.lease.attempt)
        try:
            await self._jobs.turn(job)
            with traced(self._shop.bundles.tracer, job.delivery) as span:
                await self._ended(job, span)
        finally:
            self._jobs.remove(job)

    async def _ended(self, job: Job, span: Span) -> None:
        """Render, settle, and tell of it: one line, one measure, one span."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        _step("taken")
        waited_ms = job.delivery.waited_ms + max(0, round((begun_s - job.taken_s) * 1_000))
        count_begin(self._shop.measures, job.delivery, waited_ms)
        result = await self._result(job)
        duration_s = loop.time() - begun_s
        answer = Answer.STALE
        self._jobs.ending(job)
        if result.ending is not None and job.why is not Stop.LEASE_LOST:
            _step("settling")
            answer = await self._settler.settle(job.lease, result.ending)
            count_end(self._shop.measures, answer, duration_s, result.code, attempted=result.attempted)
        outcome, code = told(answer, result.code)
        reused = sum(d.reused for d in job.documents.values())
        close(span, outcome, code, size=result.size, reused=reused)
        log.info(
            "job_settled",
            outcome=outcome.value,
            code=code,
            wait_ms=waited_ms,
            render_ms=round(duration_s * 1_000),
            bytes=result.size,
            reused=reused,
            manifest=result.manifest,
        )

    async def _result(self, job: Job) -> Result:
        """How the job ends. A bug of ours ends it too, with a failure that shows no internals; the log says where."""
        max_attempts = self._shop.policy.max_attempts
        try:
            if job.delivery.payload_version != PAYLOAD_VERSION:
                return self._left_to_others(f"payload version {job.delivery.payload_version}")
            message = _message(job)
            max_attempts = message.max_attempts or max_attempts
            return await self._served(job, message, max_attempts)
        except DocugenError as error:
            return self._failed(job, error, max_attempts)
        except Exception:
            log.exception("job_crashed")
            return self._failed(job, DocugenError("an internal error ended the attempt"), max_attempts)

    async def _served(self, job: Job, message: job_pb2.QueuedJob, max_attempts: int) -> Result:
        """What becomes of a job that can be read."""
        if job.delivery.cancelling or job.lease.attempt > 1:
            done = await self._published(message)
            if done is not None:
                return done
        if job.delivery.cancelling:
            return Result(Cancelled())
        if job.lease.attempt > max_attempts:
            failure = _spent(max_attempts)
            return Result(Bury(failure), failure.code, attempted=False)
        if job.stopping.is_set():  # before it had a slot
            return await self._stopped(job, message)
        missing = sorted(set(message.pack_digests) - set(self._shop.packs))
        if missing:
            return self._left_to_others(f"template pack {missing[0]}")
        try:
            finished = await unless(job.stopping, self._rendered(job, message))
        except NotFound as error:
            return self._left_to_others(error.message)
        except RenderInterrupted as error:
            if error.reason != LIBRARY_CHANGED:
                raise
            # This worker renders nothing until it is started anew, others can: an upgrade under its feet costs no attempts.
            self._outdated.set()
            return self._left_to_others(error.message)
        return finished[0] if finished else await self._stopped(job, message)

    async def _rendered(self, job: Job, message: job_pb2.QueuedJob) -> Result:
        """The bundle, rendered and published."""
        task = await decode_job(message, self._shop.store)
        _step("decoded")
        job.documents = {d.name: DocumentProgress(d.name) for d in task.bundle.documents}

        def on_progress(progress: DocumentProgress) -> None:
            _step("document", document=progress.name, state=progress.state.value, reused=str(progress.reused).lower())
            self._progress.note(job, progress)

        async def held() -> None:
            """Whoever was stopped beyond its lease must not publish: its run may be cancelled, or another's."""
            loop = asyncio.get_running_loop()
            if job.may_be_lost(loop.time(), self._shop.lease_ms / 1_000):
                job.stop(Stop.LEASE_LOST)
                await loop.create_future()  # until the stop cancels this

        _step("rendering")
        manifest = await generate(
            task,
            bundles=self._shop.bundles,
            store=self._shop.store,
            timeout_ms=self._shop.attempt_timeout_ms,
            on_progress=on_progress,
            before_publish=held,
        )
        _step("published")
        return _done(manifest, manifest.digest)

    async def _stopped(self, job: Job, message: job_pb2.QueuedJob) -> Result:
        """What to tell of a job that was stopped: what had been published by then is done, whatever the reason."""
        if job.why is Stop.LEASE_LOST:
            return Result(None)
        ending: Ending = Cancelled() if job.why is Stop.CANCELLED else HandBack()
        return await self._published(message) or Result(ending, "NO_SLOT" if job.why is Stop.PASSED_ON else "")

    async def _published(self, message: job_pb2.QueuedJob) -> Result | None:
        """Done, if the manifest of this very spec stands. An unreadable one, or another spec's, is generate()'s matter."""
        raw = await self._shop.store.read_manifest(message.bundle_run_id)
        try:
            manifest = None if raw is None else Manifest.from_bytes(raw)
        except (KeyError, ValueError):
            return None
        if raw is None or manifest is None or manifest.spec_digest != message.spec_digest:
            return None
        return _done(manifest, content_digest(raw))

    def _failed(self, job: Job, error: DocugenError, max_attempts: int) -> Result:
        """Retry or bury, as every executor decides it."""
        if isinstance(error, DeterminismViolation):
            log.error("determinism_violated", **error.details)
        failure, lease = error.failure(), job.lease
        documents = encode_documents(job.documents.values()) if job.documents else b""
        policy = replace(self._shop.policy, max_attempts=max_attempts)
        match decide(failure, run_id=lease.run_id, attempt=lease.attempt, policy=policy):
            case RetryAfter(delay_ms):
                return Result(Retry(failure, delay_ms, documents), failure.code)
            case GiveUp():
                return Result(Bury(failure, documents), failure.code)

    def _left_to_others(self, lacking: str) -> Result:
        self._unserved += 1
        log.warning("job_left_to_others", lacking=lacking, count=self._unserved)
        return Result(HandBack(UNSERVED_DELAY_MS), "UNSERVED")


def _message(job: Job) -> job_pb2.QueuedJob:
    message = read_payload(job.delivery.payload)
    if message.bundle_run_id != job.lease.run_id:
        raise PayloadUnreadable(f"the payload is that of run {message.bundle_run_id!r}")
    return message


def _done(manifest: Manifest, digest: str) -> Result:
    size = sum(artefact.size for artefact in manifest.artefacts)
    return Result(Done(digest, encode_documents(finished_documents(manifest))), "", digest, size)


def _spent(max_attempts: int) -> Failure:
    """For a job whose every attempt ended with its worker: rendering it once more would cost another worker."""
    return replace(
        WORKER_LOST,
        message=f"each of {max_attempts} attempts ended with a worker that stopped renewing its lease",
        retryable=False,
    )


def _step(step: str, **facts: str) -> None:
    log.debug("job_step", step=step, **facts)
