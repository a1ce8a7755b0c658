"""What it costs to ask: calls a second beside an echo, one caller alone, batches.

The echo is a bare server of grpc.aio on the same event loop, with requests and answers of the same size, called by the same
client (`wire`) from a process of its own. The scheduler checks every bundle, logs every call to nowhere, keeps its metrics, and
has its queue on the stage's Redis; server, client and Redis share the cores. Every call makes a new run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from docugen_core.adapters.redis_connection import RedisConnection

from benchmarks.callers import Level, called
from benchmarks.measurement import Bound, Curve, Measurement, in_turns, point
from benchmarks.services import SCHEDULER, cpu_us, ready, service
from benchmarks.stage import Child, Stage, awake

BUNDLE = "certificate"
CALLS_AT = {1: 200, 4: 500, 16: 1_000, 64: 1_600}
"""Calls in flight, and how many are made in one round."""
BUSIEST = max(CALLS_AT)
CALLS = sum(CALLS_AT.values())
BATCH, BATCHES, BATCHES_IN_FLIGHT = 100, 30, 4
ALONE_MS_MAX, JOBS_PER_S_MIN = 1.5, 25_000
ROOM = {"queue_max_depth": 10_000_000}


async def measure(stage: Stage) -> list[Measurement]:
    async with stage.redis() as redis:
        rows = await _calls(stage, redis)
    async with stage.redis() as redis:
        rows.append(await _batches(stage, redis))
    return rows


async def _calls(stage: Stage, redis: RedisConnection) -> list[Measurement]:
    ours, floor = _Taken(), _Taken()
    with TemporaryDirectory() as folder, awake():
        async with service(SCHEDULER, redis, Path(folder), **ROOM) as (process, said):
            await ready(said["address"])
            (probe,) = await called(said["address"], BUNDLE, first=10_000_000, levels={1: 1})
            async with Child("echo", probe.answer_bytes) as echo:
                echo.go()
                address, pid = await echo.line("address")
                numbers = iter(range(0, 10_000_000, CALLS))

                async def echoed() -> float:
                    return await floor.round(address, int(pid), first=0)

                async def created() -> float:
                    return await ours.round(said["address"], process.pid, first=next(numbers))

                await in_turns(stage.rounds, echoed, created)
    against = "bare grpc.aio echo"
    rows = [
        Measurement(
            f"CreateBundleRun, {in_flight} in flight",
            "calls/s",
            ours.of(in_flight, lambda c: c.per_s),
            against,
            floor.of(in_flight, lambda c: c.per_s),
            Bound(0.8) if in_flight == BUSIEST else None,
            note=_clients_note(ours, floor, in_flight),
            facts=point(Curve.CALLS, in_flight),
        )
        for in_flight in CALLS_AT
    ]
    p50 = (ours.of(1, lambda c: c.p50_us / 1_000), against, floor.of(1, lambda c: c.p50_us / 1_000))
    late = (ours.of(BUSIEST, lambda c: c.p50_us / 1_000), against, floor.of(BUSIEST, lambda c: c.p50_us / 1_000))
    return [
        *rows,
        Measurement("CreateBundleRun alone, p50", "ms", *p50, Bound(ALONE_MS_MAX, at_most=True, of_value=True)),
        Measurement(f"CreateBundleRun, {BUSIEST} in flight, p50", "ms", *late),
        Measurement(
            "CreateBundleRun: CPU of the scheduler",
            "us/call",
            tuple(ours.server_us[1:]),
            against,
            tuple(floor.server_us[1:]),
            note=f"of one call, all of a round's {CALLS} taken together",
        ),
    ]


async def _batches(stage: Stage, redis: RedisConnection) -> Measurement:
    per_job: list[float] = []
    with TemporaryDirectory() as folder, awake():
        async with service(SCHEDULER, redis, Path(folder), **ROOM) as (process, said):
            await ready(said["address"])
            numbers = iter(range(0, 100_000_000, BATCH * BATCHES))

            async def batches() -> float:
                before = cpu_us(process.pid)
                (level,) = await called(
                    said["address"], BUNDLE, first=next(numbers), levels={BATCHES_IN_FLIGHT: BATCHES}, batch=BATCH
                )
                per_job.append((cpu_us(process.pid) - before) / BATCH / BATCHES)
                return level.per_s * BATCH

            (values,) = await in_turns(stage.rounds, batches)
    return Measurement(
        f"BatchCreateBundleRuns of {BATCH}",
        "jobs/s",
        values,
        bound=Bound(JOBS_PER_S_MIN, of_value=True),
        note=f"{BATCHES_IN_FLIGHT} in flight; {median(per_job[1:]):.0f} us of the scheduler's CPU a job",
    )


class _Taken:
    """The rounds of one server."""

    def __init__(self) -> None:
        self.rounds: list[dict[int, Level]] = []
        self.server_us: list[float] = []

    async def round(self, address: str, pid: int, *, first: int) -> float:
        before = cpu_us(pid)
        levels = await called(address, BUNDLE, first=first, levels=CALLS_AT)
        self.server_us.append((cpu_us(pid) - before) / CALLS)
        self.rounds.append(dict(zip(CALLS_AT, levels, strict=True)))
        return 0.0

    def of(self, in_flight: int, read: Callable[[Level], float]) -> tuple[float, ...]:
        return tuple(read(levels[in_flight]) for levels in self.rounds[1:])


def _clients_note(ours: _Taken, floor: _Taken, in_flight: int) -> str:
    mine, theirs = (median(taken.of(in_flight, lambda c: c.client_us)) for taken in (ours, floor))
    return f"CPU of the client {mine:.0f} us a call, {theirs:.0f} us with the echo"
