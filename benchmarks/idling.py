"""What a stack that has nothing to do costs: its start, a scrape, what it asks of Redis, and the memory of its worker.

One round is a whole life: a scheduler with a queue, then a worker beside it, left alone for some seconds. Round trips are the
server's count of what it read from its clients; what a script does inside the server is none.
"""

from __future__ import annotations

import asyncio
import sys
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docugen_core.adapters.redis_connection import RedisConnection

from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.services import SCHEDULER, WORKER, family, ready, service, share_mb
from benchmarks.stage import Stage, emptied, now_us

START_MS_MAX, SCRAPE_MS_MAX, ROUND_TRIPS_MAX = 1_000, 50, 5
RSS_MB_MAX = 160
SETTLING_S, IDLE_S, SCRAPES = 2.0, 4.0, 5


async def measure(stage: Stage) -> list[Measurement]:
    if sys.platform != "linux":
        return []  # memory is read from /proc
    taken: dict[str, list[float]] = {"start": [], "scrape": [], "scheduler": [], "worker": [], "memory": []}
    async with stage.redis() as redis:

        async def life() -> float:
            await emptied(redis)
            with TemporaryDirectory() as folder:
                for name, value in (await _life(redis, Path(folder))).items():
                    taken[name].append(value)
            return 0.0

        await in_turns(stage.rounds, life)
    rows = (
        ("scheduler: start to ready", "ms", "start", START_MS_MAX, "process, imports and Redis included"),
        ("scrape of a scheduler", "ms", "scrape", SCRAPE_MS_MAX, ""),
        ("idle scheduler: round trips to Redis", "per s", "scheduler", ROUND_TRIPS_MAX, ""),
        ("idle worker: round trips to Redis", "per s", "worker", ROUND_TRIPS_MAX, ""),
        (
            "idle worker: memory",
            "MB",
            "memory",
            RSS_MB_MAX,
            "PSS before its first document, its render processes included",
        ),
    )
    return [
        Measurement(name, unit, tuple(taken[key][1:]), bound=Bound(limit, at_most=True, of_value=True), note=note)
        for name, unit, key, limit, note in rows
    ]


async def _life(redis: RedisConnection, folder: Path) -> dict[str, float]:
    begin = now_us()
    async with service(SCHEDULER, redis, folder) as (_, scheduler):
        await ready(scheduler["address"])
        start_ms = (now_us() - begin) / 1_000
        alone = await _round_trips(redis)
        scrape_ms = min([await asyncio.to_thread(_scrape_ms, scheduler["metrics_address"]) for _ in range(SCRAPES)])
        async with service(WORKER, redis, folder) as (worker, _):
            both = await _round_trips(redis)
            memory_mb = sum(share_mb(pid) for pid in family(worker.pid))
    return {
        "start": start_ms,
        "scrape": scrape_ms,
        "scheduler": alone,
        "worker": both - alone,
        "memory": memory_mb,
    }


async def _round_trips(redis: RedisConnection) -> float:
    """A second, once what a start asks for is over. Our own question is not counted."""
    await asyncio.sleep(SETTLING_S)
    before, begin = await _reads(redis), now_us()
    await asyncio.sleep(IDLE_S)
    return (await _reads(redis) - before - 1) / ((now_us() - begin) / 1e6)


async def _reads(redis: RedisConnection) -> int:
    info: dict[str, Any] = await redis.commands.info("stats")
    return int(info["total_reads_processed"])


def _scrape_ms(address: str) -> float:
    begin = now_us()
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        answer.read()
    return (now_us() - begin) / 1_000
