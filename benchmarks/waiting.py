"""What workers that have nothing to do cost a job that comes: time until it starts, and CPU of the server.

The workers are many in one other process, each with connections of its own; the jobs come one at a time.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from statistics import median

from docugen_core.adapters.redis_queue import RedisQueue

from benchmarks.jobs import new_jobs
from benchmarks.measurement import Bound, Curve, Measurement, in_turns, point
from benchmarks.stage import Child, Stage, awake, server_cpu_us
from benchmarks.working import stamped

WORKERS_AT = (4, 16, 64)
JOBS_PER_SECOND = 50
JOBS = 100
"""Two seconds, in which each worker looks once by itself."""
WAITING_S = 0.2
"""Until all of them wait."""
FLAT = Bound(2.0, at_most=True)
ALONE = "beside one"


async def measure(stage: Stage) -> list[Measurement]:
    points, names = (1, *WORKERS_AT), count()
    cpu: dict[int, list[float]] = {workers: [] for workers in points}
    async with stage.redis() as redis:

        async def start_beside(workers: int) -> float:
            name, jobs = f"queue-{next(names)}", new_jobs(0, JOBS)
            queue = RedisQueue(redis, name)
            async with Child("starts-queue", redis.address.public(), name, JOBS, workers) as child:
                child.go()
                await asyncio.sleep(WAITING_S)
                before_us = await server_cpu_us(redis)
                for job in jobs:
                    await asyncio.sleep(1 / JOBS_PER_SECOND)
                    await queue.submit([stamped(job)])
                starts = [float(word) for word in await child.line("starts")]
                cpu[workers].append((await server_cpu_us(redis) - before_us) / JOBS)
            return median(starts)

        with awake():
            alone, *beside = await in_turns(stage.rounds, *(partial(start_beside, workers) for workers in points))
    rows = []
    for workers, starts in zip(WORKERS_AT, beside, strict=True):
        name, facts = f"lone job beside {workers} workers that wait", point(Curve.WAITING, workers)
        rows.append(Measurement(f"{name}: start, p50", "us", starts, ALONE, alone, FLAT, facts=facts))
        spent = (tuple(cpu[workers][1:]), ALONE, tuple(cpu[1][1:]))
        rows.append(Measurement(f"{name}: CPU of the server", "us", *spent, FLAT))
    return rows
