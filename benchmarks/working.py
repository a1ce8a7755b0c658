"""The queue between processes: how soon a job starts, how well two workers use two cores, how soon a dead one's job goes on.

The workers are those of `child`: small loops over the worker service's RedisJobSource, and for work that takes time its actors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from statistics import quantiles

from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.job import NewJob

from benchmarks.child import burn
from benchmarks.jobs import GROUP, new_jobs, submit_all
from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.stage import Child, Stage, awake, now_us

JOBS_PER_SECOND = 20
LATENCY_JOBS = 60
BURN_JOBS = 700
BURN_TURNS = 2
BURN_US = 5_000
WORKERS = 2
LEASE_MS = 3_000
RECOVERY_MS_MAX = LEASE_MS + 1_000


async def measure(stage: Stage) -> list[Measurement]:
    async with stage.redis() as redis:
        rows = await _starts(stage, redis)
    async with stage.redis() as redis:
        rows.append(await _cpu_bound(stage, redis))
    async with stage.redis() as redis:
        rows.append(await _recovery(stage, redis))
    return rows


async def _starts(stage: Stage, redis: RedisConnection) -> list[Measurement]:
    """Time from the moment a submitter has the job in hand to the moment the worker has."""
    p99: dict[str, list[float]] = {"bare": [], "queue": []}
    names = count()

    async def bare() -> float:
        stream = f"bare-{next(names)}"
        await redis.commands.xgroup_create(stream, GROUP, "0", mkstream=True)
        return await _percentiles(
            "bare", stream, lambda _: redis.execute("XADD", stream, "*", "payload", repr(now_us()))
        )

    async def through_the_queue() -> float:
        name = f"queue-{next(names)}"
        queue, jobs = RedisQueue(redis, name), new_jobs(0, LATENCY_JOBS)
        return await _percentiles("queue", name, lambda number: queue.submit([stamped(jobs[number])]))

    async def _percentiles(kind: str, name: str, send: Callable[[int], Awaitable[object]]) -> float:
        one = (1,) if kind == "queue" else ()
        async with Child(f"starts-{kind}", _url(redis), name, LATENCY_JOBS, *one) as child:
            child.go()
            for number in range(LATENCY_JOBS):
                await asyncio.sleep(1 / JOBS_PER_SECOND)
                await send(number)
            latencies = [float(word) for word in await child.line("starts")]
        parts = quantiles(latencies, n=100, method="inclusive")
        p99[kind].append(parts[98])
        return parts[49]

    with awake():
        floor, values = await in_turns(stage.rounds, bare, through_the_queue)
    name, against = f"submit to start at {JOBS_PER_SECOND} jobs/s", "bare stream wake-up"
    late = (tuple(p99["queue"][1:]), against, tuple(p99["bare"][1:]))
    return [
        Measurement(f"{name}, p50", "us", values, against, floor, Bound(2.0, at_most=True)),
        Measurement(f"{name}, p99", "us", *late, Bound(4.0, at_most=True), note=f"of {LATENCY_JOBS} jobs a round"),
    ]


def stamped(job: NewJob) -> NewJob:
    """The job with the present time as its payload."""
    return NewJob(job.run_id, job.spec_digest, repr(now_us()).encode(), about=job.about)


async def _cpu_bound(stage: Stage, redis: RedisConnection) -> Measurement:
    iterations = iterations_of(BURN_US)
    names = count()

    async def bare() -> float:
        children = [Child("burn-bare", BURN_JOBS // WORKERS, iterations) for _ in range(WORKERS)]
        return await burnt_per_s(children, BURN_JOBS)

    async def through_the_queue() -> float:
        name = f"queue-{next(names)}"
        await submit_all(RedisQueue(redis, name), new_jobs(0, BURN_JOBS), 200)
        children = [Child("burn-queue", _url(redis), name, iterations) for _ in range(WORKERS)]
        return await burnt_per_s(children, BURN_JOBS)

    floor, values = await in_turns(stage.rounds * BURN_TURNS, bare, through_the_queue)
    name = f"{BURN_US // 1_000} ms CPU-bound jobs, {WORKERS} worker processes"
    return Measurement(name, "jobs/s", values, "the same work without a queue", floor, Bound(0.95))


async def burnt_per_s(children: list[Child], jobs: int) -> float:
    """Jobs per second of all children together, which do so many, from the go to the end of the last."""
    async with AsyncExitStack() as stack:
        for child in children:
            await stack.enter_async_context(child)
        begin = now_us()
        for child in children:
            child.go()
        ends = [float((await child.line("done"))[0]) for child in children]
    return jobs / (max(ends) - begin) * 1e6


def iterations_of(duration_us: float) -> int:
    """How much of `burn` takes that long here: of several tries the quickest, the least disturbed."""
    probe = 2_000
    times = []
    for _ in range(20):
        begin = now_us()
        burn(probe)
        times.append(now_us() - begin)
    return round(probe * duration_us / min(times))


async def _recovery(stage: Stage, redis: RedisConnection) -> Measurement:
    """From SIGKILL, right after a take, which is the worst moment, to the start of the next attempt."""
    rules = QueueRules(lease_ms=LEASE_MS)
    names = count()

    async def recover() -> float:
        name = f"queue-{next(names)}"
        queue = RedisQueue(redis, name, rules)
        async with Child("hold", _url(redis), name, LEASE_MS) as child:
            child.go()
            await queue.submit(new_jobs(0, 1))
            await child.line("held")
            child.kill()
            begin = now_us()
            source = RedisJobSource(redis, name, consumer="heir", rules=rules)
            while not (await source.take(1)).deliveries:
                if (await source.wait()).deliveries:
                    break
        return (now_us() - begin) / 1_000

    (values,) = await in_turns(stage.rounds, recover)
    return Measurement(
        "SIGKILL to the next attempt",
        "ms",
        values,
        bound=Bound(RECOVERY_MS_MAX, at_most=True, of_value=True),
        note=f"lease {LEASE_MS} ms here, 15 000 ms by default; the bound is lease + 1 s",
    )


def _url(redis: RedisConnection) -> str:
    """The servers of a stage need no password, so the public form is the whole one."""
    return redis.address.public()
