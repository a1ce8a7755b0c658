"""DocuGen's services as processes, as deployments start them, on a queue of the stage; and what they use of the machine."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from docugen_core.adapters.redis_connection import RedisConnection
from grpc_health.v1 import health_pb2, health_pb2_grpc

SCHEDULER, WORKER = "docugen_scheduler", "docugen_worker"
FREE = "127.0.0.1:0"
READY_S = 60.0


@asynccontextmanager
async def service(
    module: str, redis: RedisConnection, folder: Path, **settings: object
) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    """A service with a queue, and what it said when it had started. settings: by their names without DOCUGEN_, in lower case.

    Nothing of our own environment reaches it; it logs, to nowhere, and serves its metrics.
    """
    given: dict[str, object] = {
        "queue_enabled": "true",
        "redis_url": redis.address.public(),
        "store_url": f"file://{folder}/store",
        **dict.fromkeys(("grpc_address", "metrics_address", "worker_grpc_address", "worker_metrics_address"), FREE),
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env={f"DOCUGEN_{name.upper()}": str(value) for name, value in given.items()},
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def ready(address: str) -> None:
    """Return when the service at `address` says that it is ready."""
    async with asyncio.timeout(READY_S), grpc.aio.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        async for told in health.Watch(health_pb2.HealthCheckRequest(service="readiness")):
            if told.status == health_pb2.HealthCheckResponse.SERVING:
                return


def family(pid: int) -> list[int]:
    """A process and all below it. Linux only, as what follows."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [pid, *(one for child in children for one in family(child))]


def cpu_us(pid: int) -> float:
    """CPU that a process, all its threads, has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6


def share_mb(pid: int) -> float:
    """The process's proportional share of memory (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1_024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss")


def resident_mb(pid: int) -> float:
    """The process's resident memory (RSS)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
