"""What it costs to accept a job: in bulk, one at a time, and in memory."""

from __future__ import annotations

from itertools import count
from typing import Any

from docugen_core.adapters.keys import QueueKeys
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.scripts import Call, load_scripts
from redis.asyncio import Redis

from benchmarks.jobs import bare_submit, new_jobs, submit_all
from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.stage import Stage, awake, emptied, now_us, plain_client

JOBS = 6_000
SINGLE_JOBS = 300
SINGLE_TURNS = 4
MEMORY_JOBS = 20_000
MEMORY_BYTES_MAX = 500
RULES = QueueRules(max_depth=10_000_000, runs_max=10_000_000)

# One XADD: the least that an accepted job costs the server, in a script as ours are.
_XADD_SCRIPT = "return redis.call('XADD', KEYS[1], '*', 'payload', ARGV[1])"


async def measure(stage: Stage) -> list[Measurement]:
    async with stage.redis() as redis, plain_client(redis) as plain:
        rows = [await _bulk(stage, redis, plain, batch) for batch in (100, 500)]
        rows += await _one_at_a_time(stage, redis, plain)
    async with stage.redis() as redis, plain_client(redis) as plain:
        rows.append(await _memory(stage, redis, plain))
    return rows


async def _bulk(stage: Stage, redis: RedisConnection, plain: Redis, batch: int) -> Measurement:
    jobs = new_jobs(0, JOBS)

    async def through_the_queue() -> float:
        await emptied(redis)
        begin = now_us()
        await submit_all(RedisQueue(redis, "bench", RULES), jobs, batch)
        return JOBS / (now_us() - begin) * 1e6

    async def bare() -> float:
        await emptied(redis)
        begin = now_us()
        await bare_submit(plain, "bare", jobs, batch)
        return JOBS / (now_us() - begin) * 1e6

    floor, values = await in_turns(stage.rounds, bare, through_the_queue)
    return Measurement(f"submit, batches of {batch}", "jobs/s", values, "pipelined XADD", floor, Bound(0.40))


async def _one_at_a_time(stage: Stage, redis: RedisConnection, client: Redis) -> list[Measurement]:
    """Beside our own script sent by hand, which leaves Python's part, and beside a script that does one XADD and no more."""
    queue = RedisQueue(redis, "bench", RULES)
    numbers = count(0, SINGLE_JOBS)
    sha = await client.script_load(_XADD_SCRIPT)

    async def through_the_queue() -> float:
        jobs = new_jobs(next(numbers), SINGLE_JOBS)
        begin = now_us()
        for job in jobs:
            await queue.submit([job])
        return SINGLE_JOBS / (now_us() - begin) * 1e6

    async def bare() -> float:
        jobs = new_jobs(0, SINGLE_JOBS)
        begin = now_us()
        for job in jobs:
            await client.evalsha(sha, 1, "bare", job.payload)
        return SINGLE_JOBS / (now_us() - begin) * 1e6

    async def own_script() -> float:
        calls = _prepared(next(numbers))
        begin = now_us()
        for call in calls:
            await call.run(client)
        return SINGLE_JOBS / (now_us() - begin) * 1e6

    with awake():
        floor, own, values = await in_turns(stage.rounds * SINGLE_TURNS, bare, own_script, through_the_queue)
    name = "submit, one at a time"
    return [
        Measurement(name, "jobs/s", values, "awaited EVALSHA, same script", own, Bound(0.80)),
        Measurement(name, "jobs/s", values, "awaited EVALSHA of one XADD", floor),
    ]


def _prepared(first: int) -> list[Call]:
    """The calls of submit.lua that submitting these jobs one at a time makes."""
    script, keys = load_scripts()["submit"], QueueKeys("bench")
    rows = (
        (j.run_id, j.spec_digest, j.priority.value, j.not_before_ms, j.payload_version, j.payload, j.about)
        for j in new_jobs(first, SINGLE_JOBS)
    )
    return [script.call(keys, max_depth=RULES.max_depth, runs_max=RULES.runs_max, jobs=[row]) for row in rows]


async def _memory(stage: Stage, redis: RedisConnection, plain: Redis) -> Measurement:
    jobs = new_jobs(0, MEMORY_JOBS)
    queue = RedisQueue(redis, "bench", RULES)
    given = sum(len(job.payload) + len(job.about) for job in jobs) / MEMORY_JOBS

    async def through_the_queue() -> float:
        await emptied(redis)
        before = await _memory_bytes(redis)
        await submit_all(queue, jobs, 200)
        events: int = await redis.execute("MEMORY", "USAGE", queue.keys.key("events"))
        return (await _memory_bytes(redis) - events - before) / MEMORY_JOBS - given

    async def bare() -> float:
        await emptied(redis)
        before = await _memory_bytes(redis)
        await bare_submit(plain, "bare", jobs, 200)
        return (await _memory_bytes(redis) - before) / MEMORY_JOBS - len(jobs[0].payload)

    floor, values = await in_turns(1, bare, through_the_queue)
    return Measurement(
        "memory of a queued job beyond its payload",
        "bytes",
        values,
        "bare stream",
        floor,
        Bound(MEMORY_BYTES_MAX, at_most=True, of_value=True),
        note=f"payload and `about`: {given:.0f} bytes; the capped event stream is left out; one round: it does not vary",
    )


async def _memory_bytes(redis: RedisConnection) -> float:
    """What the data takes: buffers of clients and of the append-only file come and go."""
    info: dict[str, Any] = await redis.commands.info("memory")
    return float(info["used_memory"] - info["mem_clients_normal"] - info["mem_aof_buffer"])
