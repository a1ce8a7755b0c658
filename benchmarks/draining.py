"""What it costs to hand out a job and to settle it: the rate beside the bare stream."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from redis.asyncio import Redis

from benchmarks.jobs import GROUP, bare_drain, bare_submit, drain, new_jobs, submit_all
from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.stage import Stage, emptied, now_us, plain_client, server_cpu_us

JOBS = 6_000
WANT = 128
CONSUMERS = 2
"""In one process: while one waits for its jobs, the other settles, so that server and worker both have something to do."""
RULES = QueueRules(max_depth=10_000_000, runs_max=10_000_000)


async def measure(stage: Stage) -> list[Measurement]:
    async with stage.redis() as redis, plain_client(redis) as plain:
        return await _no_ops(stage, redis, plain)


async def _no_ops(stage: Stage, redis: RedisConnection, plain: Redis) -> list[Measurement]:
    jobs = new_jobs(0, JOBS)
    round_trips: list[float] = []
    worker_us: list[float] = []
    server_us: list[float] = []
    floor_server_us: list[float] = []

    async def through_the_queue() -> float:
        await emptied(redis)
        await submit_all(RedisQueue(redis, "bench", RULES), jobs, 200)
        sources = [RedisJobSource(redis, "bench", consumer=f"bench-{n}", rules=RULES) for n in range(CONSUMERS)]
        await redis.commands.config_resetstat()
        server, process, begin = await server_cpu_us(redis), time.process_time_ns(), now_us()
        await asyncio.gather(*(drain(source, JOBS // CONSUMERS, WANT) for source in sources))
        took = now_us() - begin
        worker_us.append((time.process_time_ns() - process) / 1_000 / JOBS)
        server_us.append((await server_cpu_us(redis) - server) / JOBS)
        round_trips.append(await _script_calls(redis) / JOBS)
        return JOBS / took * 1e6

    async def bare() -> float:
        await emptied(redis)
        await bare_submit(plain, "bare", jobs, 200)
        await redis.commands.xgroup_create("bare", GROUP, "0")
        server, begin = await server_cpu_us(redis), now_us()
        await bare_drain(plain, "bare", JOBS)
        took = now_us() - begin
        floor_server_us.append((await server_cpu_us(redis) - server) / JOBS)
        return JOBS / took * 1e6

    floor, values = await in_turns(stage.rounds, bare, through_the_queue)
    note = "status, lease and events kept; two consumers in one process; settling goes on behind the takes"
    return [
        Measurement("drain of no-op jobs", "jobs/s", values, "bare stream, COUNT 64", floor, Bound(0.30), note=note),
        _of_value("drain: round trips", "per job", round_trips, 0.1),
        _of_value("drain: CPU of the worker", "us/job", worker_us, 70),
        Measurement(
            "drain: CPU of the server", "us/job", tuple(server_us[1:]), "bare stream", tuple(floor_server_us[1:])
        ),
    ]


def _of_value(name: str, unit: str, values: list[float], limit: float) -> Measurement:
    return Measurement(name, unit, tuple(values[1:]), bound=Bound(limit, at_most=True, of_value=True))


async def _script_calls(redis: RedisConnection) -> float:
    """Scripts called since CONFIG RESETSTAT; the queue's client sends nothing else while it drains."""
    statistics: dict[str, Any] = await redis.commands.info("commandstats")
    names = ("cmdstat_evalsha", "cmdstat_eval")
    return float(sum(statistics[name]["calls"] for name in names if name in statistics))
