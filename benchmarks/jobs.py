"""Jobs as a scheduler would submit them, and the two loops every theme compares: the queue's and the bare stream's.

The floor does with plain redis-py what no queue on streams can avoid: XADD, XREADGROUP, XACK, XDEL. It keeps no status, no
lease, no events, and recognises no repetition.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.identity import derive_bundle_run_id
from docugen_core.domain.job import NewJob
from docugen_core.domain.lease import Delivery, Done, Settlement
from redis.asyncio import Redis

PAYLOAD_BYTES = 400
ABOUT = b'{"labels":{"team":"billing"},"templates":["invoice/invoice"],"documents":["invoice.pdf"]}'
MANIFEST = hashlib.sha256(b"a manifest").hexdigest()
GROUP = "floor"
FLOOR_COUNT = 64
SETTLING_MAX = 3


def new_jobs(first: int, count: int, *, not_before_ms: int = 0) -> list[NewJob]:
    """Jobs numbered from `first`; equal numbers are equal jobs. Payload and `about` are of the size of a small bundle's."""
    return [_new_job(number, not_before_ms) for number in range(first, first + count)]


def _new_job(number: int, not_before_ms: int) -> NewJob:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    payload = (digest.encode() * (PAYLOAD_BYTES // len(digest) + 1))[:PAYLOAD_BYTES]
    run_id = derive_bundle_run_id("default", digest)
    return NewJob(run_id, digest, payload, not_before_ms=not_before_ms, about=ABOUT)


async def submit_all(queue: RedisQueue, jobs: Sequence[NewJob], batch: int) -> None:
    """Submit in calls of `batch` jobs, one call after the other."""
    for at in range(0, len(jobs), batch):
        await queue.submit(jobs[at : at + batch])


async def drain(source: RedisJobSource, count: int, want: int) -> None:
    """Take and settle `count` jobs. As in a worker, settling goes on while more is taken, SETTLING_MAX batches behind."""
    behind = asyncio.Semaphore(SETTLING_MAX)

    async def settle(deliveries: Sequence[Delivery]) -> None:
        try:
            await source.settle(_done(deliveries))
        finally:
            behind.release()

    async with asyncio.TaskGroup() as settling:
        while count > 0:
            takings = await source.take(min(want, count))
            count -= len(takings.deliveries)
            await behind.acquire()
            settling.create_task(settle(takings.deliveries))


def _done(deliveries: Sequence[Delivery]) -> list[Settlement]:
    return [Settlement(delivery.lease, Done(MANIFEST)) for delivery in deliveries]


async def bare_submit(client: Redis, stream: str, jobs: Sequence[NewJob], batch: int) -> None:
    """The floor of submitting: pipelined XADD."""
    for at in range(0, len(jobs), batch):
        pipeline = client.pipeline(transaction=False)
        for job in jobs[at : at + batch]:
            pipeline.xadd(stream, {"payload": job.payload})
        await pipeline.execute()


async def bare_drain(client: Any, stream: str, count: int) -> None:
    """The floor of draining: XREADGROUP COUNT 64, then one XACK and one XDEL a batch."""
    while count > 0:
        ((_, entries),) = await client.xreadgroup(GROUP, "floor", {stream: ">"}, count=FLOOR_COUNT)
        ids = [entry_id for entry_id, _ in entries]
        await client.xack(stream, GROUP, *ids)
        await client.xdel(stream, *ids)
        count -= len(ids)
