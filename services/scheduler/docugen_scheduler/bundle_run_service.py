"""BundleRunService: protobuf in, use case, protobuf out. Statuses, bounds and the log are the interceptor's."""

# ruff: noqa: N802 - the contract names the methods

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import grpc
import structlog
from docugen.v1 import bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceServicer
from docugen_core import __version__
from docugen_core.adapters.lifetime import Lifetime, unless
from docugen_core.adapters.proto_codec import MODES, encode_failure, encode_run, encode_verification
from docugen_core.adapters.proto_spec_codec import encode_spec
from docugen_core.assembly import Core
from docugen_core.deletion import delete_bundle_run
from docugen_core.domain.bundle import Format, ResolvedBundle
from docugen_core.domain.failure import Violation
from docugen_core.domain.run import BundleRun
from docugen_core.domain.run_filter import parse_filter
from docugen_core.domain.run_query import PAGE_SIZE_MAX, RunQuery
from docugen_core.errors import BundleRunExists, DocugenError, InvalidRequest, NotFound, Unavailable
from docugen_core.ports import ExecutionMode, GenerationJob, Submission
from docugen_core.submission import (
    QUICK_BYTES,
    QUICK_DOCUMENTS,
    aside,
    new_run,
    prepare_generation_job,
    submit_generation_job,
    wait_for_run,
)
from docugen_core.verification import verify_bundle_run
from google.protobuf.duration_pb2 import Duration

from docugen_scheduler.authorisation import own, present_caller
from docugen_scheduler.call_limits import WAIT_MS_MAX
from docugen_scheduler.finished_runs import read_manifest
from docugen_scheduler.intake import checked_request
from docugen_scheduler.interceptors import loggable_run_id
from docugen_scheduler.paging import page_size
from docugen_scheduler.resource_names import parse_run_name

log = structlog.get_logger(__name__)

BATCH_MAX = 500
BATCH_CONCURRENCY = 16
ANSWER_BEFORE_DEADLINE_MS = 250
"""A waiting call answers this long before its deadline: the caller gets a state instead of an error."""
FULL_PAGE_SIZE_MAX = 20
"""Runs on a page with specs, which are up to max_request_bytes each."""
REASON_BYTES_MAX = 256

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class BundleRunService(BundleRunServiceServicer):
    """Submits bundles and follows their runs."""

    core: Core
    lifetime: Lifetime

    @property
    def mine(self) -> Core:
        """The core as the present caller may see it: whatever names a run goes through here."""
        return own(self.core)

    async def CreateBundleRun(
        self, request: messages.CreateBundleRunRequest, context: Context
    ) -> messages.CreateBundleRunResponse:
        submission = await self._create(request)
        run = submission.run
        # With a queue a run may take its time, and an answer at once is part of what a queue is for: WaitBundleRun waits.
        at_once = request.return_immediately or self.mine.executor.mode is ExecutionMode.QUEUE
        if not (request.validate_only or at_once or run.state.is_terminal):
            wait_ms = _time_left_ms(context, self.core.settings.inline_answer_ms)
            waited = await unless(self.lifetime.drained, wait_for_run(self.mine.executor, run.run_id, wait_ms))
            run = waited[0] if waited else await self.mine.executor.get(run.run_id)
        return messages.CreateBundleRunResponse(bundle_run=encode_run(run), deduplicated=submission.deduplicated)

    async def BatchCreateBundleRuns(
        self, request: messages.BatchCreateBundleRunsRequest, context: Context
    ) -> messages.BatchCreateBundleRunsResponse:
        if not 1 <= len(request.requests) <= BATCH_MAX:
            problem = f"holds {len(request.requests)}, must hold 1 to {BATCH_MAX}"
            hint = "Send several batches." if request.requests else "Name at least one request."
            raise InvalidRequest.from_violations([Violation("requests", problem, hint)])
        # With a queue all at once: they travel together. Without one they would only take the slots from other callers.
        queued = self.mine.executor.mode is ExecutionMode.QUEUE
        room = asyncio.Semaphore(BATCH_MAX if queued else BATCH_CONCURRENCY)
        items = []
        async with asyncio.TaskGroup() as group:
            for item in request.requests:
                items.append(group.create_task(self._batch_item(item, room)))
                await asyncio.sleep(0)  # what others wait for has its turn between two of them
        return messages.BatchCreateBundleRunsResponse(results=[item.result() for item in items])

    async def GetBundleRun(
        self, request: messages.GetBundleRunRequest, context: Context
    ) -> messages.GetBundleRunResponse:
        run = await self.mine.executor.get(parse_run_name(request.name))
        return messages.GetBundleRunResponse(bundle_run=await self._viewed(run, request.view))

    async def ListBundleRuns(
        self, request: messages.ListBundleRunsRequest, context: Context
    ) -> messages.ListBundleRunsResponse:
        full = request.view == bundle_run_pb2.BUNDLE_RUN_VIEW_FULL
        query = RunQuery(
            filter=parse_filter(request.filter),
            page_size=page_size(request.page_size, FULL_PAGE_SIZE_MAX if full else PAGE_SIZE_MAX),
            page_token=request.page_token,
        )
        page = await self.mine.executor.list(query)
        runs = [await self._viewed(run, request.view) for run in page.runs]
        return messages.ListBundleRunsResponse(bundle_runs=runs, next_page_token=page.next_page_token)

    async def WaitBundleRun(
        self, request: messages.WaitBundleRunRequest, context: Context
    ) -> messages.WaitBundleRunResponse:
        run_id = parse_run_name(request.name)
        wait_ms = WAIT_MS_MAX
        if request.HasField("timeout"):
            wait_ms = min(_milliseconds(request.timeout, "timeout"), WAIT_MS_MAX)
        waiting = wait_for_run(self.mine.executor, run_id, _time_left_ms(context, wait_ms))
        return messages.WaitBundleRunResponse(bundle_run=encode_run(await self.lifetime.while_open(waiting)))

    async def WatchBundleRun(
        self, request: messages.WatchBundleRunRequest, context: Context
    ) -> AsyncIterator[messages.WatchBundleRunResponse]:
        snapshots = self.mine.executor.watch(parse_run_name(request.name))
        async for run in self.lifetime.follow(snapshots):
            yield messages.WatchBundleRunResponse(bundle_run=encode_run(run))

    async def CancelBundleRun(
        self, request: messages.CancelBundleRunRequest, context: Context
    ) -> messages.CancelBundleRunResponse:
        run_id = parse_run_name(request.name)
        if (size := len(request.reason.encode())) > REASON_BYTES_MAX:
            raise InvalidRequest.from_violations(
                [Violation("reason", f"has {size} bytes, at most {REASON_BYTES_MAX}", "Shorten it.")]
            )
        run = await self.mine.executor.cancel(run_id, request.reason)
        return messages.CancelBundleRunResponse(bundle_run=encode_run(run))

    async def RetryBundleRun(
        self, request: messages.RetryBundleRunRequest, context: Context
    ) -> messages.RetryBundleRunResponse:
        run = await self.mine.executor.retry(parse_run_name(request.name))
        return messages.RetryBundleRunResponse(bundle_run=encode_run(run))

    async def DeleteBundleRun(
        self, request: messages.DeleteBundleRunRequest, context: Context
    ) -> messages.DeleteBundleRunResponse:
        mine = self.mine
        await delete_bundle_run(parse_run_name(request.name), executor=mine.executor, store=mine.store)
        return messages.DeleteBundleRunResponse()

    async def VerifyBundleRun(
        self, request: messages.VerifyBundleRunRequest, context: Context
    ) -> messages.VerifyBundleRunResponse:
        run_id = parse_run_name(request.name)
        await read_manifest(self.mine, run_id)
        verifying = verify_bundle_run(run_id, bundles=self.core.bundles, store=self.mine.store)
        return encode_verification(await self.lifetime.while_open(verifying))

    async def GetCapabilities(
        self, request: messages.GetCapabilitiesRequest, context: Context
    ) -> messages.GetCapabilitiesResponse:
        settings, engine = self.core.settings, self.core.bundles.renderer.engine
        return messages.GetCapabilitiesResponse(
            mode=MODES[self.mine.executor.mode],
            formats=sorted(f.value for f in Format),
            generators=self.core.intake.generators.names(),
            engine_fingerprint=engine.fingerprint,
            engine_components=dict(engine.components),
            limits=messages.GetCapabilitiesResponse.Limits(
                max_request_bytes=settings.max_request_bytes,
                max_documents=settings.max_documents,
                max_data_depth=settings.max_data_depth,
                max_pages=settings.max_pages,
                max_rows=settings.max_rows,
                max_artefact_bytes=settings.max_artefact_bytes,
                render_timeout=_duration(settings.render_timeout_ms),
                max_batch_size=BATCH_MAX,
                max_wait=_duration(WAIT_MS_MAX),
            ),
            version=__version__,
        )

    async def _create(self, request: messages.CreateBundleRunRequest) -> Submission:
        intake = self.core.intake
        is_quick = _is_quick(request)
        checked = await aside(is_quick, checked_request, request, intake)
        checked = replace(checked, tenant=present_caller().tenant)
        if request.validate_only:
            return await self._as_it_would_be(await aside(is_quick, prepare_generation_job, checked, intake))
        return await submit_generation_job(checked, intake=intake, executor=self.mine.executor, is_quick=is_quick)

    async def _as_it_would_be(self, job: GenerationJob) -> Submission:
        """What a submit of `job` would answer; nothing is stored. A run that is not there has no create_time."""
        with suppress(NotFound):
            known = await self.mine.executor.get(job.run_id)
            if known.spec_digest != job.bundle.spec_digest:
                raise BundleRunExists(
                    job.run_id, submitted_digest=job.bundle.spec_digest, existing_digest=known.spec_digest
                )
            return Submission(known, deduplicated=True)
        run = new_run(job, now_ms=0, max_attempts=self.core.settings.queue_max_attempts)
        return Submission(run, deduplicated=False)

    async def _batch_item(
        self, request: messages.CreateBundleRunRequest, room: asyncio.Semaphore
    ) -> messages.BatchCreateBundleRunsResponse.Result:
        """One item's answer. Its failure is a value: the others have answers of their own."""
        async with room:
            try:
                submission = await self._create(request)
            except DocugenError as error:
                refusal = encode_failure(error.failure())
                if isinstance(error, Unavailable):
                    refusal.details["retry_after_ms"] = str(error.retry_after_ms)
                return messages.BatchCreateBundleRunsResponse.Result(error=refusal)
            except Exception:
                log.exception("batch_item_crashed", run_id=loggable_run_id(request))
                failure = DocugenError("internal error; the server's log has it").failure()
                return messages.BatchCreateBundleRunsResponse.Result(error=encode_failure(failure))
        return messages.BatchCreateBundleRunsResponse.Result(
            response=messages.CreateBundleRunResponse(
                bundle_run=encode_run(submission.run), deduplicated=submission.deduplicated
            )
        )

    async def _viewed(self, run: BundleRun, view: bundle_run_pb2.BundleRunView) -> bundle_run_pb2.BundleRun:
        if view != bundle_run_pb2.BUNDLE_RUN_VIEW_FULL:
            return encode_run(run)
        spec = await self.mine.executor.spec(run.run_id)
        return encode_run(run, encode_spec(ResolvedBundle.from_json(json.loads(spec))) if spec else None)


def _is_quick(request: messages.CreateBundleRunRequest) -> bool:
    """Whether its checks may be made on the event loop."""
    spec = request.spec
    return (
        request.ByteSize() <= QUICK_BYTES and len(spec.documents) <= QUICK_DOCUMENTS and not spec.HasField("generate")
    )


def _time_left_ms(context: Context, longest_ms: int) -> int:
    """How long a call may wait: `longest_ms`, or until shortly before its deadline."""
    left: float | None = context.time_remaining()
    if left is None:
        return longest_ms
    return max(0, min(longest_ms, int(left * 1_000) - ANSWER_BEFORE_DEADLINE_MS))


def _milliseconds(duration: Duration, field: str) -> int:
    if duration.seconds < 0 or duration.nanos < 0:
        raise InvalidRequest.from_violations(
            [Violation(field, "must not be negative", "Leave it out for the longest.")]
        )
    return duration.seconds * 1_000 + duration.nanos // 1_000_000


def _duration(milliseconds: int) -> Duration:
    return Duration(seconds=milliseconds // 1_000, nanos=milliseconds % 1_000 * 1_000_000)
