"""DocuGen in the place of a peer, told the same lines: the queue's own client, and the worker service's actors around the job.

With one more MODE, `loop`: two small loops over the job source instead of the actors, as in benchmarks.draining.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import structlog
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.identity import derive_bundle_run_id
from docugen_core.domain.job import NewJob
from docugen_core.domain.lease import Delivery, Done, Settlement
from docugen_core.domain.worker import consumer_name
from docugen_worker.fetcher import Fetcher
from docugen_worker.heartbeat import Heartbeat
from docugen_worker.jobs import Job, JobsInHand
from docugen_worker.settler import Settler

sys.path.insert(0, str(Path(__file__).parent))
from harness import Submitter, Work, answer, begin, main, now_us

NAME = "bench"
BULK = 500
LOOPS, WANT, SETTLING_MAX = 2, 128, 3
ABOUT = b'{"labels":{"team":"billing"},"templates":["invoice/invoice"],"documents":["invoice.pdf"]}'


class Submitting(Submitter):
    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._first = int(now_us())  # another process's jobs are other jobs
        self._numbers = count()

    async def one(self, payload: str) -> str:
        job = self._job(payload)
        await self._queue.submit([job])
        return job.run_id

    async def bulk(self, payloads: Sequence[str]) -> None:
        for at in range(0, len(payloads), BULK):
            await self._queue.submit([self._job(payload) for payload in payloads[at : at + BULK]])

    async def result(self, name: str) -> str | None:
        (record,) = await self._queue.get([name])
        return (record.manifest_digest or None) if record else None

    def _job(self, payload: str) -> NewJob:
        digest = hashlib.sha256(f"{self._first}-{next(self._numbers)}".encode()).hexdigest()
        return NewJob(derive_bundle_run_id("default", digest), digest, payload.encode(), about=ABOUT)


async def submit(url: str) -> None:
    async with RedisConnection(url) as redis:
        await answer(Submitting(RedisQueue(redis, NAME, QueueRules(max_depth=1_000_000))))


async def work(url: str, doing: Work) -> None:
    rules = QueueRules(lease_ms=doing.lease_ms)
    consumer = consumer_name("bench", 1, "0", int(now_us()))
    async with RedisConnection(url) as redis:
        if doing.mode == "loop":
            sources = [RedisJobSource(redis, NAME, consumer=f"{consumer}-{n}", rules=rules) for n in range(LOOPS)]
            begin()
            await asyncio.gather(*(_loop(source, doing) for source in sources))
        else:
            source = RedisJobSource(redis, NAME, consumer=consumer, rules=rules)
            await redis.commands.ping()
            begin()
            await _act(source, doing, consumer, rules.lease_ms)


async def _act(source: RedisJobSource, doing: Work, consumer: str, lease_ms: int) -> None:
    jobs, ending = JobsInHand(doing.slots), _manifest(doing)
    settler = Settler(source, consumer, lease_ms, jobs.none_waits)
    async with asyncio.TaskGroup() as group:

        async def run(job: Job) -> None:
            await jobs.turn(job)
            await doing(job.delivery.payload.decode())
            jobs.ending(job)
            await settler.settle(job.lease, ending)
            jobs.remove(job)

        def start(delivery: Delivery, since_s: float) -> None:
            job = Job(delivery, since_s, float("inf"))
            jobs.add(job)
            group.create_task(run(job))

        group.create_task(Fetcher(source, jobs, consumer, start, lease_ms=lease_ms).run(asyncio.Event()))
        group.create_task(settler.run())
        group.create_task(Heartbeat(source, jobs, lease_ms).run())


async def _loop(source: RedisJobSource, doing: Work) -> None:
    behind, ending = asyncio.Semaphore(SETTLING_MAX), _manifest(doing)

    async def settle(deliveries: Sequence[Delivery]) -> None:
        try:
            await source.settle([Settlement(delivery.lease, ending) for delivery in deliveries])
        finally:
            behind.release()

    async with asyncio.TaskGroup() as settling:
        while True:
            deliveries = (await source.take(WANT)).deliveries or (await source.wait()).deliveries
            for delivery in deliveries:
                await doing(delivery.payload.decode())
            await behind.acquire()
            settling.create_task(settle(deliveries))


def _manifest(doing: Work) -> Done:
    """Of each worker its own, so that it can be seen whose result stands; a real one has the same digest everywhere."""
    return Done(hashlib.sha256(doing.name.encode()).hexdigest())


if __name__ == "__main__":
    gc.freeze()  # as both services do once they have started
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    main(submit, work)
