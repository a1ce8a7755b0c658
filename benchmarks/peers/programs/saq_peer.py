"""SAQ as its documentation has it: a Redis queue, jobs as coroutines; every job's state is kept for 600 s."""

from __future__ import annotations

from typing import Any

from harness import Submitter, Work, answer, begin, main
from saq import Queue, Worker

HEARTBEAT_S = 3


class Submitting(Submitter):
    def __init__(self, queue: Any) -> None:
        self._queue = queue

    async def one(self, payload: str) -> str:
        job = await self._queue.enqueue("job", payload=payload, timeout=0, retries=5)
        return str(job.key)

    async def slow(self, payload: str) -> str:
        job = await self._queue.enqueue("job", payload=payload, timeout=0, retries=5, heartbeat=HEARTBEAT_S)
        return str(job.key)

    async def result(self, name: str) -> str | None:
        job = await self._queue.job(name)
        return job.result if job else None


async def submit(url: str) -> None:
    queue = Queue.from_url(url)
    await queue.connect()
    await answer(Submitting(queue))


async def work(url: str, doing: Work) -> None:
    async def job(_: Any, *, payload: str) -> str:
        return await doing(payload)

    queue = Queue.from_url(url)
    await queue.connect()
    worker = Worker(queue, functions=[("job", job)], concurrency=doing.slots, timers={"sweep": doing.lease_ms // 1_000})
    begin()
    await worker.start()


if __name__ == "__main__":
    main(submit, work)
