"""What one call of each script costs the server, alone and in a batch: the two numbers that the simulation needs of each.

CPU of the server's process as INFO tells it, over many calls, on an otherwise unused server. A call of n jobs is then taken to
cost `call + n * job` microseconds: a straight line through the two points.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.lease import Delivery, Done, Settlement

from benchmarks.capacity.parameters import Cost
from benchmarks.jobs import MANIFEST, new_jobs
from benchmarks.stage import Stage, emptied, server_cpu_us

JOBS = 2_048
BATCH = 64
EMPTY_TAKES = 1_000
RULES = QueueRules(max_depth=10_000_000, runs_max=10_000_000)


async def measured(stage: Stage) -> dict[str, Cost]:
    """The cost of submit, take, settle, beat and of a take that finds nothing: of each, that of the least disturbed round."""
    async with stage.redis() as redis:
        rounds = [await _round(redis) for _ in range(stage.rounds + 1)][1:]
    return {name: min((one[name] for one in rounds), key=lambda cost: cost.us(1)) for name in rounds[0]}


async def _round(redis: RedisConnection) -> dict[str, Cost]:
    alone, batched = await _costs(redis, 1), await _costs(redis, BATCH)
    costs = {name: _line(alone[name], batched[name]) for name in batched}
    return costs | {"empty": Cost(alone["empty"] * JOBS / EMPTY_TAKES, 0.0)}


def _line(alone_us: float, batched_us: float) -> Cost:
    """From the cost of a job in calls of one, and in calls of BATCH."""
    call_us = max(0.0, (alone_us - batched_us) / (1 - 1 / BATCH))
    return Cost(call_us, max(0.0, alone_us - call_us))


async def _costs(redis: RedisConnection, batch: int) -> dict[str, float]:
    """Microseconds of the server a job."""
    await emptied(redis)
    jobs = new_jobs(0, JOBS)
    deliveries: list[Delivery] = []
    queue = RedisQueue(redis, "capacity", RULES)
    source = RedisJobSource(redis, "capacity", consumer="capacity-1", rules=RULES)

    async def submit() -> None:
        for at in range(0, JOBS, batch):
            await queue.submit(jobs[at : at + batch])

    async def take() -> None:
        for _ in range(0, JOBS, batch):
            deliveries.extend((await source.take(batch)).deliveries)

    async def beat() -> None:
        for at in range(0, JOBS, batch):
            await source.beat([delivery.lease for delivery in deliveries[at : at + batch]])

    async def settle() -> None:
        for at in range(0, JOBS, batch):
            await source.settle(_done(deliveries[at : at + batch]))

    async def empty() -> None:
        for _ in range(EMPTY_TAKES if batch == 1 else 0):
            await source.take(1)

    steps: dict[str, Callable[[], Awaitable[None]]] = {"submit": submit, "take": take, "beat": beat, "settle": settle}
    if batch == 1:
        steps["empty"] = empty
    return {name: await _server_us(redis, step) / JOBS for name, step in steps.items()}


async def _server_us(redis: RedisConnection, step: Callable[[], Awaitable[None]]) -> float:
    before = await server_cpu_us(redis)
    await step()
    return await server_cpu_us(redis) - before


def _done(deliveries: Sequence[Delivery]) -> list[Settlement]:
    return [Settlement(delivery.lease, Done(MANIFEST)) for delivery in deliveries]
