"""What a full queue costs: submitting beside ever more jobs that wait, and taking beside ever more that are parked.

Each point of a curve stands beside the same work on an empty queue of the same server, in turns with it.
"""

from __future__ import annotations

from itertools import count

from docugen_core.adapters.keys import LANES
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue

from benchmarks.jobs import new_jobs, submit_all
from benchmarks.measurement import Bound, Curve, Measurement, in_turns, point
from benchmarks.stage import Stage, now_us

PARKED_AT = (1_000, 10_000, 100_000)
PARKED_START_MS = 4_102_444_800_000  # the year 2100
PROBE, TAKES = 2_000, 300
FILLED_AT_ONCE = 10_000
RULES = QueueRules(max_depth=100_000_000, runs_max=100_000_000)
FLAT = Bound(2.0, at_most=True)


async def measure(stage: Stage) -> list[Measurement]:
    async with stage.redis() as redis:
        rows = await _submits(stage, redis)
    async with stage.redis() as redis:
        rows += await _takes(stage, redis)
    return rows


async def _submits(stage: Stage, redis: RedisConnection) -> list[Measurement]:
    short, long = RedisQueue(redis, "short", RULES), RedisQueue(redis, "long", RULES)
    filled, numbers = 0, count(stage.queued_max, PROBE)

    async def into(queue: RedisQueue) -> float:
        jobs = new_jobs(next(numbers), PROBE)
        begin = now_us()
        await submit_all(queue, jobs, 100)
        return (now_us() - begin) / PROBE

    async def into_short() -> float:
        # FLUSHALL would empty the long one too.
        await redis.commands.delete(*(short.keys.lane(lane) for lane in LANES))
        return await into(short)

    rows = []
    for queued in (stage.queued_max // 100, stage.queued_max // 10, stage.queued_max):
        await _fill(long, filled, queued)
        filled = queued
        floor, values = await in_turns(stage.rounds, into_short, lambda: into(long))
        name, facts = f"submit with {_spaced(queued)} queued", point(Curve.SUBMITS, queued)
        rows.append(Measurement(name, "us/job", values, "with none queued", floor, FLAT, facts=facts))
    return rows


async def _takes(stage: Stage, redis: RedisConnection) -> list[Measurement]:
    """Jobs that wait for a retry and jobs that wait for their start are parked alike."""
    empty, full = RedisQueue(redis, "empty", RULES), RedisQueue(redis, "full", RULES)
    filled, numbers = 0, count(PARKED_AT[-1], TAKES)

    async def take_from(queue: RedisQueue) -> float:
        await submit_all(queue, new_jobs(next(numbers), TAKES), 200)
        source = RedisJobSource(redis, queue.keys.name, consumer="bench", rules=RULES)
        begin = now_us()
        for _ in range(TAKES):
            await source.take(1)
        return (now_us() - begin) / TAKES

    rows = []
    for parked in PARKED_AT:
        await _fill(full, filled, parked, not_before_ms=PARKED_START_MS)
        filled = parked
        floor, values = await in_turns(stage.rounds, lambda: take_from(empty), lambda: take_from(full))
        name, facts = f"take of one job with {_spaced(parked)} parked", point(Curve.TAKES, parked)
        rows.append(Measurement(name, "us", values, "with none parked", floor, FLAT, facts=facts))
    return rows


async def _fill(queue: RedisQueue, first: int, until: int, *, not_before_ms: int = 0) -> None:
    """Jobs numbered from `first` up to `until` in `queue`, never many of them in our own memory."""
    for begin in range(first, until, FILLED_AT_ONCE):
        jobs = new_jobs(begin, min(FILLED_AT_ONCE, until - begin), not_before_ms=not_before_ms)
        await submit_all(queue, jobs, 200)


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")
