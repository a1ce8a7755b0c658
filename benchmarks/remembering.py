"""Memory over many jobs: scheduler, worker and render processes, after every twentieth of the way.

Only when named (`--only remembering`), since it takes as long as everything else: 100 000 letters, a page of text each,
go the whole way, from the call to the store. `--jobs` asks for fewer. What a service needs once (imports, pools,
bounded caches) it has after a tenth; from there on nothing should grow.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.config import Settings

from benchmarks.callers import called
from benchmarks.measurement import Bound, Curve, Measurement, point
from benchmarks.services import SCHEDULER, WORKER, family, ready, resident_mb, service
from benchmarks.stage import Stage

STEPS, WARM_STEPS = 20, 2
BUNDLE, BATCH, IN_FLIGHT = "letter", 50, 2
GROWTH_MAX = 1.05
STEP_S_MAX = 600.0
LOOK_S = 0.05


async def measure(stage: Stage) -> list[Measurement]:
    step = max(stage.jobs // STEPS // BATCH, 1) * BATCH
    seen: dict[str, list[float]] = {"scheduler": [], "worker": [], "render processes": []}
    async with stage.redis() as redis:
        with TemporaryDirectory() as folder:
            async with (
                service(SCHEDULER, redis, Path(folder), queue_max_depth=10_000_000) as (scheduler, said),
                service(WORKER, redis, Path(folder)) as (worker, told),
            ):
                await ready(said["address"])
                await ready(told["address"])
                for number in range(STEPS):
                    await _through(redis, said["address"], number * step, step)
                    seen["scheduler"].append(resident_mb(scheduler.pid))
                    seen["worker"].append(resident_mb(worker.pid))
                    seen["render processes"].append(sum(resident_mb(pid) for pid in family(worker.pid)[1:]))
    return [row for name, values in seen.items() for row in _rows(name, values, step)]


async def _through(redis: RedisConnection, address: str, first: int, jobs: int) -> None:
    """Submit so many, and return when none is left."""
    await called(address, BUNDLE, first=first, levels={IN_FLIGHT: jobs // BATCH}, batch=BATCH)
    queue = RedisQueue(redis, Settings().queue_name)
    async with asyncio.timeout(STEP_S_MAX):
        while True:
            stats = await queue.stats()
            if not (stats.depth or stats.in_flight):
                return
            await asyncio.sleep(LOOK_S)


def _rows(name: str, values: list[float], step: int) -> list[Measurement]:
    """The last state beside the one after warming up, and every step as a point of the curve."""
    jobs = f"{step * STEPS:,}".replace(",", " ")
    warm, last = values[WARM_STEPS - 1], values[-1]
    points = [
        Measurement(
            f"memory of the {name} after {step * number:,} jobs".replace(",", " "),
            "MB",
            (value,),
            facts=point(Curve.MEMORY, step * number, name) | {"only_in_curve": True},
        )
        for number, value in enumerate(values, start=1)
    ]
    bound = None if name == "render processes" else Bound(GROWTH_MAX, at_most=True)
    row = Measurement(f"memory of the {name} after {jobs} jobs", "MB", (last,), "after a tenth", (warm,), bound, "RSS")
    return [row, *points]
