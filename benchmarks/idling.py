"""What a stack that has nothing to do costs: its start, a scrape, what it asks of Redis, and the memory of its worker.

One round is a whole life: a scheduler with a queue, then a worker beside it, left alone for some seconds. Round trips are the
server's count of what it read from its clients; what a script does inside the server is none.
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from docugen_core.adapters.redis_connection import RedisConnection
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.stage import Stage, emptied, now_us

START_MS_MAX, SCRAPE_MS_MAX, ROUND_TRIPS_MAX = 1_000, 50, 5
RSS_MB_MAX = 160
SETTLING_S, IDLE_S, SCRAPES = 6.0, 10.0, 5
FREE = "127.0.0.1:0"


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
    async with _service("docugen_scheduler", redis, folder) as (_, scheduler):
        await _ready(scheduler["address"])
        start_ms = (now_us() - begin) / 1_000
        alone = await _round_trips(redis)
        scrape_ms = min([await asyncio.to_thread(_scrape_ms, scheduler["metrics_address"]) for _ in range(SCRAPES)])
        async with _service("docugen_worker", redis, folder) as (worker, _):
            both = await _round_trips(redis)
            memory_mb = sum(_share_mb(pid) for pid in _family(worker.pid))
    return {
        "start": start_ms,
        "scrape": scrape_ms,
        "scheduler": alone,
        "worker": both - alone,
        "memory": memory_mb,
    }


@asynccontextmanager
async def _service(module: str, redis: RedisConnection, folder: Path) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    """A service with a queue, and what it said when it had started."""
    settings = {
        "QUEUE_ENABLED": "true",
        "REDIS_URL": redis.address.public(),
        "STORE_URL": f"file://{folder}/store",
        **dict.fromkeys(("GRPC_ADDRESS", "METRICS_ADDRESS", "WORKER_GRPC_ADDRESS", "WORKER_METRICS_ADDRESS"), FREE),
    }
    environment = {f"DOCUGEN_{name}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, env=environment, stdout=PIPE, stderr=DEVNULL
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def _ready(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        async for told in health.Watch(health_pb2.HealthCheckRequest(service="readiness")):
            if told.status == health_pb2.HealthCheckResponse.SERVING:
                return


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


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [pid, *(one for child in children for one in _family(child))]


def _share_mb(pid: int) -> float:
    """The process's proportional share of memory (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1_024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss")
