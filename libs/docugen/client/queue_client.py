"""The queue's part of the client, for operators: `client.queue`.

Without a queue on the server every method raises Refused QUEUE_DISABLED. As everywhere, a call that raised TryAgain may be
repeated: what was redriven or dropped is not met twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from docugen.client import queue_decode as decode
from docugen.client.connection import Call, answer
from docugen.client.errors import decoded
from docugen.client.queue_results import DeadLetter, Drop, QueueStats, Redrive, Worker
from docugen.v1 import queue_service_pb2 as queue_pb
from docugen.v1.queue_service_pb2_grpc import QueueServiceStub

R = TypeVar("R", bound=Message)

SLICE_S = 20
"""With a rate, one call redrives what takes about this long; the next one goes on."""
WORK_S = 600.0
STREAM_S = 3_600.0
RUNS_NAMED_MAX = 1_000


class QueueClient:
    """Made by DocugenClient; shares its channel, deadlines and retries."""

    def __init__(self, channel: grpc.aio.Channel, *, address: str, timeout: float) -> None:
        self._stub = QueueServiceStub(channel)
        self._address = address
        self._timeout = timeout

    async def stats(self) -> QueueStats:
        """The queue in numbers."""
        response = await self._call(self._stub.GetQueueStats, queue_pb.GetQueueStatsRequest())
        return decode.stats(response.stats)

    async def watch_stats(self, interval: float = 1.0) -> AsyncIterator[QueueStats]:
        """The numbers every `interval` seconds (0.2 to 60), until you stop or the server does. Raises TryAgain then."""
        request = queue_pb.WatchQueueStatsRequest()
        request.interval.FromMilliseconds(round(interval * 1_000))
        call = self._stub.WatchQueueStats(request, timeout=STREAM_S)
        try:
            async for response in call:
                yield decode.stats(response.stats)
        except grpc.aio.AioRpcError as error:
            raise decoded(error, self._address) from None
        finally:
            call.cancel()

    async def pause(self, reason: str = "") -> None:
        """Workers take nothing new; what runs is finished, submits are accepted. Pausing twice is pausing once."""
        await self._call(self._stub.PauseQueue, queue_pb.PauseQueueRequest(reason=reason))

    async def resume(self) -> None:
        """End a pause, if there is one."""
        await self._call(self._stub.ResumeQueue, queue_pb.ResumeQueueRequest())

    async def workers(self) -> tuple[Worker, ...]:
        """Workers that reported lately, by name."""
        found: list[Worker] = []
        token = ""
        while True:
            request = queue_pb.ListWorkersRequest(page_size=RUNS_NAMED_MAX, page_token=token)
            response = await self._call(self._stub.ListWorkers, request)
            found += (decode.worker(message) for message in response.workers)
            token = response.next_page_token
            if not token:
                return tuple(found)

    async def drain(self, worker: str) -> Worker:
        """Let one worker finish what it has, take nothing new, and end. Raises Refused WORKER_NOT_FOUND."""
        request = queue_pb.DrainWorkerRequest(name=f"workers/{worker.removeprefix('workers/')}")
        return decode.worker((await self._call(self._stub.DrainWorker, request)).worker)

    async def dead_letters(self, filter: str = "", *, page_size: int = 100) -> AsyncIterator[DeadLetter]:
        """Every dead letter that matches, oldest first, without its spec, fetched page by page as you iterate.

        filter: comparisons joined by AND on reason, create_time, labels.KEY and template.
        """
        token = ""
        while True:
            request = queue_pb.ListDeadLettersRequest(filter=filter, page_size=page_size, page_token=token)
            page = await self._call(self._stub.ListDeadLetters, request)
            for message in page.dead_letters:
                yield decode.dead_letter(message)
            token = page.next_page_token
            if not token:
                return

    async def dead_letter(self, letter: str) -> DeadLetter:
        """One dead letter with its spec, which holds the caller's data. Raises Refused DEAD_LETTER_NOT_FOUND."""
        request = queue_pb.GetDeadLetterRequest(name=f"deadLetters/{letter.removeprefix('deadLetters/')}")
        return decode.dead_letter((await self._call(self._stub.GetDeadLetter, request)).dead_letter)

    async def redrive(
        self, filter: str = "", *, limit: int = 0, rate: int = 0, dry_run: bool = False, force: bool = False
    ) -> Redrive:
        """Put dead letters back into the queue, oldest first, with the same ids and seeds.

        limit: at most so many, 0 for all. rate: so many a second, 0 for as fast as it goes. force: also those that were put
        back as often as the server allows.
        """
        redriven, runs = 0, list[str]()
        while True:
            left = limit - redriven if limit else 0
            most = left if dry_run or not rate else min(left or rate * SLICE_S, rate * SLICE_S)
            request = queue_pb.RedriveDeadLettersRequest(
                filter=filter, limit=most, rate=rate, dry_run=dry_run, force=force
            )
            response = await self._call(self._stub.RedriveDeadLetters, request, WORK_S)
            redriven += response.redriven
            runs += decode.run_ids(response.bundle_runs)
            if dry_run or not rate or response.redriven < most or (limit and redriven >= limit):
                return Redrive(redriven, response.refused, tuple(runs[:RUNS_NAMED_MAX]))

    async def drop(self, filter: str, *, dry_run: bool = False) -> Drop:
        """Remove dead letters for good; filter `*` for all."""
        request = queue_pb.DropDeadLettersRequest(filter=filter, dry_run=dry_run)
        return decode.drop(await self._call(self._stub.DropDeadLetters, request, WORK_S))

    async def _call(self, method: Call[R], request: Message, timeout: float | None = None) -> R:  # noqa: ASYNC109
        return await answer(method, request, address=self._address, timeout=timeout or self._timeout)
