"""Bundles from the call to the store: how much of two cores is left for rendering, and what a finished bundle costs again.

The whole way, with the services as deployments start them: gRPC, checks, queue, two render processes of one worker, files and
directories fsynced, manifest last. The floor renders the same documents in a loop, in two processes, and keeps nothing.
"""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.assembly import assemble_intake
from docugen_core.bundle_rendering import BundleRenderer
from docugen_core.config import Settings
from docugen_core.domain.manifest import Engine
from docugen_core.rendering.engine import engine
from docugen_core.rendering.task import Rendering, RenderLimits, Task
from docugen_core.submission import SubmitRequest, prepare_generation_job

from benchmarks.bundles import bundle
from benchmarks.callers import called
from benchmarks.measurement import Bound, Measurement, in_turns
from benchmarks.services import SCHEDULER, WORKER, ready, service
from benchmarks.stage import Stage, awake, children_of, now_us

BUNDLES = {"invoice": 60, "quarterly-account-pack": 12}
"""Example bundles, and how many of each are made in one round: some seconds of two cores."""
PROCESSES = 2
SLOTS = 4
"""Bundles in the worker's hands: while two are rendered, others are being written or settled."""
SUBMITTED_AT_ONCE = 8
ENDED_S_MAX = 120.0
LOOK_S = 0.01
AGAIN = 200
AGAIN_MS_MAX = 2.0
QUEUE = Settings().queue_name


async def measure(stage: Stage) -> list[Measurement]:
    rows = []
    for name in BUNDLES:
        async with stage.redis() as redis:
            rows += await _whole_way(stage, redis, name)
    return rows


async def render_tasks(name: str, number: int) -> list[Task]:
    """Everything that the renderer is asked for on the way to this bundle, in order."""
    intake = assemble_intake(Settings())
    renderer = _Noting()
    bundles = BundleRenderer(intake.catalogue, intake.generators, renderer, RenderLimits())
    await bundles.render(prepare_generation_job(SubmitRequest(bundle(name, number)), intake).bundle, _nowhere)
    return renderer.tasks


async def _whole_way(stage: Stage, redis: RedisConnection, name: str) -> list[Measurement]:
    bundles, numbers = BUNDLES[name], count(0, BUNDLES[name])
    queue = RedisQueue(redis, QUEUE)
    with TemporaryDirectory() as folder:
        async with service(SCHEDULER, redis, Path(folder)) as (_, scheduler):
            await ready(scheduler["address"])
            workers = {"render_processes": PROCESSES, "queue_concurrency": SLOTS}
            async with service(WORKER, redis, Path(folder), **workers) as (_, worker):
                await ready(worker["address"])

                async def submitted() -> float:
                    levels = {SUBMITTED_AT_ONCE: bundles}
                    (level,) = await called(scheduler["address"], name, first=next(numbers), levels=levels)
                    await _ended(queue)
                    return bundles / (now_us() - level.begun_us) * 1e6

                floor, values = await in_turns(stage.rounds, lambda: _rendered(name, bundles), submitted)
            # The worker is gone: what is answered now has been rendered before, or is not answered as finished.
            again = await _again(stage, scheduler["address"], name) if name == "invoice" else []
    row = Measurement(
        f"{name}: bundles from call to store",
        "bundles/s",
        values,
        f"the renderer in a loop, {PROCESSES} processes",
        floor,
        Bound(0.9),
        note=f"{bundles} bundles a round; one worker with {PROCESSES} render processes and {SLOTS} slots",
    )
    return [row, *again]


async def _rendered(name: str, bundles: int) -> float:
    share = bundles // PROCESSES
    async with children_of([("render-loop", name, share * n, share) for n in range(PROCESSES)]) as children:
        begin = now_us()
        for child in children:
            child.go()
        ends = [float((await child.line("done"))[0]) for child in children]
    return share * PROCESSES / (max(ends) - begin) * 1e6


async def _ended(queue: RedisQueue) -> None:
    """Return when the queue holds nothing any more and nobody has anything in hand."""
    async with asyncio.timeout(ENDED_S_MAX):
        while True:  # asked and not followed: nothing of ours should be busy while bundles are rendered
            stats = await queue.stats()
            if not (stats.depth or stats.in_flight):
                return
            await asyncio.sleep(LOOK_S)


async def _again(stage: Stage, address: str, name: str) -> list[Measurement]:
    rendered = BUNDLES[name] * (stage.rounds + 1)
    times = min(AGAIN, rendered)

    async def asked() -> float:
        (level,) = await called(address, name, first=0, levels={1: times})
        if level.known != times:
            raise RuntimeError(f"{times - level.known} of {times} finished bundles were not known as such")
        return level.p50_us / 1_000

    with awake():
        (values,) = await in_turns(stage.rounds, asked)
    return [
        Measurement(
            "a finished bundle submitted again, p50",
            "ms",
            values,
            bound=Bound(AGAIN_MS_MAX, at_most=True, of_value=True),
            note=f"{times} of them, one at a time, each answered as SUCCEEDED with no worker running",
        )
    ]


class _Noting:
    """Implements ports.Renderer by noting what it is asked for. Nothing is rendered: an engine remembers what it rendered."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    @property
    def engine(self) -> Engine:
        return engine()

    async def render(self, task: Task) -> Rendering:
        self.tasks.append(task)
        return Rendering(task.document.encode(), pages=1)


async def _nowhere(_: bytes) -> None:
    """Where the documents go that nobody wants."""
