"""Workers side by side: does twice as many do twice as much, and what is the limit.

Jobs that only wait need no core, so what is seen is the queue: workers take, keep and settle as the worker service does. At
last jobs that do nothing at all, as many a second as this machine's workers and Redis can carry together; who of them is busy
says who the limit is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from statistics import median

from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue

from benchmarks.jobs import new_jobs, submit_all
from benchmarks.measurement import Bound, Curve, Measurement, in_turns, point
from benchmarks.stage import Stage, children_of, now_us, server_cpu_us

WORKERS_AT = (1, 2, 4, 8)
SLOTS, SLEEP_MS = 8, 100
JOBS_A_SLOT = 15
IDLE_JOBS = 8_000
LINEAR = 0.9


async def measure(stage: Stage) -> list[Measurement]:
    async with stage.redis() as redis:
        rows = await _sleeping(stage, redis)
    async with stage.redis() as redis:
        rows.append(await _limit(stage, redis))
    return rows


async def _sleeping(stage: Stage, redis: RedisConnection) -> list[Measurement]:
    names = count()

    async def rate(workers: int) -> float:
        return (await _worked(redis, f"sleep-{next(names)}", workers, workers * SLOTS * JOBS_A_SLOT, SLEEP_MS)).per_s

    taken = await in_turns(stage.rounds, *(lambda n=n: rate(n) for n in WORKERS_AT))
    rows = []
    for workers, values in zip(WORKERS_AT, taken, strict=True):
        alone = workers == WORKERS_AT[0]
        rows.append(
            Measurement(
                f"jobs of {SLEEP_MS} ms that wait, {workers} worker process{'' if alone else 'es'}",
                "jobs/s",
                values,
                "" if alone else "one worker process",
                () if alone else taken[0],
                None if alone else Bound(LINEAR * workers),
                note=f"{SLOTS} slots each, which cannot do more than {workers * SLOTS * 1_000 // SLEEP_MS} jobs/s",
                facts=point(Curve.WORKERS, workers),
            )
        )
    return rows


class _Worked:
    """What workers did: jobs a second, and the cores that they and the server used meanwhile."""

    def __init__(self, jobs: int, took_us: float, workers_us: float, server_us: float) -> None:
        self.per_s = jobs / took_us * 1e6
        self.worker_cores, self.server_cores = workers_us / took_us, server_us / took_us


async def _limit(stage: Stage, redis: RedisConnection) -> Measurement:
    names, seen = count(), list[_Worked]()

    async def nothing_to_do() -> float:
        seen.append(await _worked(redis, f"idle-{next(names)}", WORKERS_AT[-1], IDLE_JOBS, 0))
        return seen[-1].per_s

    (values,) = await in_turns(stage.rounds, nothing_to_do)
    return Measurement(
        f"jobs that do nothing, {WORKERS_AT[-1]} worker processes",
        "jobs/s",
        values,
        note=_cause(seen[1:]),
        facts={
            "worker_cores": median(w.worker_cores for w in seen[1:]),
            "server_cores": median(w.server_cores for w in seen[1:]),
        },
    )


def _cause(seen: Sequence[_Worked]) -> str:
    workers, server = (median(values) for values in zip(*((w.worker_cores, w.server_cores) for w in seen), strict=True))
    limit = "Redis, one thread, is the limit" if server > 0.9 else "the cores are the limit and not Redis"
    return f"the workers used {workers:.2f} cores, the server {server:.2f}: {limit}"


async def _worked(redis: RedisConnection, name: str, workers: int, jobs: int, sleep_ms: int) -> _Worked:
    """Let `workers` processes empty a queue of `jobs`, from the go to the end of the last job."""
    await submit_all(RedisQueue(redis, name), new_jobs(0, jobs), 200)
    command = ("sleep-queue", redis.address.public(), name, SLOTS, sleep_ms)
    async with children_of([command] * workers) as children:
        server, begin = await server_cpu_us(redis), now_us()
        for child in children:
            child.go()
        ends = [[float(word) for word in await child.line("done")] for child in children]
        took = max(end for end, _ in ends) - begin
        return _Worked(jobs, took, sum(cpu for _, cpu in ends), await server_cpu_us(redis) - server)
