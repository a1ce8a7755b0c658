"""QueueService of a server with a queue: what operators see of it, and do about it. Without one see `queue_disabled`."""

# ruff: noqa: N802 - the contract names the methods

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import grpc
from docugen.v1 import queue_service_pb2 as messages
from docugen.v1.queue_service_pb2_grpc import QueueServiceServicer
from docugen_core.adapters.job_codec import PAYLOAD_VERSION, PayloadUnreadable, read_payload
from docugen_core.adapters.lifetime import Lifetime
from docugen_core.adapters.proto_queue_codec import encode_letter, encode_stats, encode_worker
from docugen_core.dead_letters import DeadLetters, RedriveOrder, parse_letter_filter
from docugen_core.domain.dead_letter import DeadLetter
from docugen_core.domain.failure import Violation
from docugen_core.domain.survey import QueueSurvey
from docugen_core.domain.worker import WorkerSighting
from docugen_core.errors import InvalidRequest, NotFound
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.ports import ArtefactStore, QueueDesk
from google.protobuf.duration_pb2 import Duration

from docugen_scheduler.authorisation import present_caller
from docugen_scheduler.paging import next_page_token, page_size, page_start
from docugen_scheduler.resource_names import parse_letter_name, parse_worker_name

REASON_BYTES_MAX = 256
INTERVAL_MS_MIN, INTERVAL_MS_MAX, INTERVAL_MS_DEFAULT = 200, 60_000, 1_000
LETTERS_PAGE_MAX = 1_000
WORKERS = "workers"

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class QueueService(QueueServiceServicer):
    """Shows and steers one queue. store: for specs of dead letters that are too large for the queue."""

    desk: QueueDesk
    letters: DeadLetters
    store: ArtefactStore
    lifetime: Lifetime
    measures: Measures = UNMEASURED

    async def GetQueueStats(
        self, request: messages.GetQueueStatsRequest, context: Context
    ) -> messages.GetQueueStatsResponse:
        return messages.GetQueueStatsResponse(stats=await self._stats())

    async def WatchQueueStats(
        self, request: messages.WatchQueueStatsRequest, context: Context
    ) -> AsyncIterator[messages.WatchQueueStatsResponse]:
        interval_s = _interval_ms(request.interval) / 1_000
        while True:
            yield messages.WatchQueueStatsResponse(stats=await self._stats())
            await self.lifetime.while_open(asyncio.sleep(interval_s, True))

    async def PauseQueue(self, request: messages.PauseQueueRequest, context: Context) -> messages.PauseQueueResponse:
        if (size := len(request.reason.encode())) > REASON_BYTES_MAX:
            problem = Violation("reason", f"has {size} bytes, at most {REASON_BYTES_MAX}", "Shorten it.")
            raise InvalidRequest.from_violations([problem])
        await self.desk.pause(request.reason)
        return messages.PauseQueueResponse()

    async def ResumeQueue(self, request: messages.ResumeQueueRequest, context: Context) -> messages.ResumeQueueResponse:
        await self.desk.resume()
        return messages.ResumeQueueResponse()

    async def ListWorkers(self, request: messages.ListWorkersRequest, context: Context) -> messages.ListWorkersResponse:
        start, size = page_start(request.page_token, WORKERS), page_size(request.page_size)
        workers = await self.desk.workers()
        return messages.ListWorkersResponse(
            workers=[encode_worker(_seen_worker(worker)) for worker in workers[start : start + size]],
            next_page_token=next_page_token(WORKERS, start + size) if start + size < len(workers) else "",
        )

    async def DrainWorker(self, request: messages.DrainWorkerRequest, context: Context) -> messages.DrainWorkerResponse:
        consumer = parse_worker_name(request.name)
        worker = await self._worker(consumer) if await self.desk.drain_worker(consumer) else None
        if worker is None:
            raise NotFound(
                f"no worker {consumer!r}",
                code="WORKER_NOT_FOUND",
                hint="`docugen queue workers` lists those that reported lately.",
                details={"worker": consumer},
            )
        return messages.DrainWorkerResponse(worker=encode_worker(_seen_worker(worker)))

    async def ListDeadLetters(
        self, request: messages.ListDeadLettersRequest, context: Context
    ) -> messages.ListDeadLettersResponse:
        page = await self.letters.page(
            parse_letter_filter(request.filter),
            page_size=page_size(request.page_size, LETTERS_PAGE_MAX),
            page_token=request.page_token,
        )
        letters = [encode_letter(_seen_letter(letter)) for letter in page.letters]
        return messages.ListDeadLettersResponse(dead_letters=letters, next_page_token=page.next_page_token)

    async def GetDeadLetter(
        self, request: messages.GetDeadLetterRequest, context: Context
    ) -> messages.GetDeadLetterResponse:
        letter = await self.letters.inspect(parse_letter_name(request.name))
        return messages.GetDeadLetterResponse(dead_letter=encode_letter(_seen_letter(letter), await self._spec(letter)))

    async def RedriveDeadLetters(
        self, request: messages.RedriveDeadLettersRequest, context: Context
    ) -> messages.RedriveDeadLettersResponse:
        order = RedriveOrder.parse(
            request.filter, limit=request.limit, rate=request.rate, dry_run=request.dry_run, force=request.force
        )
        redrive = await self.lifetime.while_open(self.letters.redrive(order))
        if not request.dry_run:
            self.measures.run_enqueued(redrive.redriven)
        return messages.RedriveDeadLettersResponse(
            redriven=redrive.redriven, refused=redrive.refused, bundle_runs=_run_names(redrive.run_ids)
        )

    async def DropDeadLetters(
        self, request: messages.DropDeadLettersRequest, context: Context
    ) -> messages.DropDeadLettersResponse:
        drop = await self.lifetime.while_open(self.letters.drop(request.filter, dry_run=request.dry_run))
        return messages.DropDeadLettersResponse(dropped=drop.dropped, bundle_runs=_run_names(drop.run_ids))

    async def _stats(self) -> messages.QueueStats:
        return encode_stats(await self.desk.stats(), _seen_survey(await self.desk.survey()), await self.desk.workers())

    async def _worker(self, consumer: str) -> WorkerSighting | None:
        return next((worker for worker in await self.desk.workers() if worker.consumer == consumer), None)

    async def _spec(self, letter: DeadLetter) -> bytes:
        """The canonical spec, from the letter or the store; nothing where neither has it in a form this release reads."""
        if letter.payload_version == PAYLOAD_VERSION:
            try:
                held = read_payload(letter.payload).spec_json
            except PayloadUnreadable:
                held = b""
            if held:
                return held
        return await self.store.read_spec(letter.spec_digest) or b""


def _interval_ms(interval: Duration) -> int:
    asked = interval.seconds * 1_000 + interval.nanos // 1_000_000
    if asked and not INTERVAL_MS_MIN <= asked <= INTERVAL_MS_MAX:
        hint = "Leave it out for one second."
        raise InvalidRequest.from_violations([Violation("interval", "must be from 0.2 s to 60 s", hint)])
    return asked or INTERVAL_MS_DEFAULT


def _run_names(run_ids: tuple[str, ...]) -> list[str]:
    caller = present_caller()
    return [f"bundleRuns/{caller.shown(run_id)}" for run_id in run_ids]


def _seen_worker(worker: WorkerSighting) -> WorkerSighting:
    caller = present_caller()
    runs = tuple(caller.shown(run_id) for run_id in worker.advert.bundle_runs)
    jobs = tuple(replace(job, run_id=caller.shown(job.run_id)) for job in worker.advert.jobs)
    return replace(worker, advert=replace(worker.advert, bundle_runs=runs, jobs=jobs))


def _seen_survey(survey: QueueSurvey) -> QueueSurvey:
    caller = present_caller()
    return replace(survey, upcoming=tuple(replace(r, run_id=caller.shown(r.run_id)) for r in survey.upcoming))


def _seen_letter(letter: DeadLetter) -> DeadLetter:
    return replace(letter, run_id=present_caller().shown(letter.run_id))
