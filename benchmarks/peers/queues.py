"""Queues beside DocuGen's: what they take, what they hand out, how soon a job starts, what is left of two cores.

All on one server, one after the other, each round in the same order; the first round is dropped. Each keeps the state of a
finished job for some minutes, as DocuGen does; each acknowledges after the work. Workers and submitters are processes of
their own, new for each round.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from statistics import quantiles

from docugen_core.adapters.redis_connection import RedisConnection

from benchmarks.measurement import Bound, Measurement
from benchmarks.peers.catalogue import Peer
from benchmarks.peers.subject import DOCUGEN, DOCUGEN_LOOP, PeerFailed, Program, Subject
from benchmarks.peers.turns import Turns, in_turns
from benchmarks.stage import Child, Stage, awake, emptied, now_us
from benchmarks.working import BURN_US, burnt_per_s, iterations_of

FIRST, ONE, BULK = 50, 200, 1_750
"""The first connect and load scripts."""
PACED, PER_SECOND, WARM = 30, 20, 3
BURNT, WORKERS, BURN_SLOTS = 300, 2, 2
LEASE_MS = 15_000
WORKER_STARTS_S = 1.0
"""How long all workers get to connect and to wait for jobs before there are any."""
BARE = Subject("bare", "without a queue", 1)
BOUNDS = {"drain": {"bullmq": Bound(1.25)}}


Rows = tuple[list[Measurement], list[str]]
"""Rows beside each peer, and a line for each that dropped out."""


async def carry(stage: Stage, peers: Sequence[Peer]) -> Rows:
    """What is submitted and what is drained in a second."""
    async with stage.redis() as redis:
        with awake():
            turns = await in_turns(stage.rounds, [DOCUGEN_LOOP, *_subjects(peers)], lambda s: _carried(s, redis))
    rows = _rates(turns, "drain", f"drain of {FIRST + ONE + BULK} no-op jobs, one worker")
    rows += _rates(turns, "one", "submit, one at a time")
    return rows + _rates(turns, "bulk", "submit, in bulk"), turns.failures


async def begin(stage: Stage, peers: Sequence[Peer]) -> Rows:
    """How soon a job starts when there are few."""
    async with stage.redis() as redis:
        with awake():
            turns = await in_turns(stage.rounds, _subjects(peers), lambda s: _begun(s, redis))
    rows = _latencies(turns, "p50", f"submit to start at {PER_SECOND} jobs/s, p50")
    return rows + _latencies(turns, "p99", f"submit to start at {PER_SECOND} jobs/s, p99 of {PACED}"), turns.failures


async def burn(stage: Stage, peers: Sequence[Peer]) -> Rows:
    """What is left of two cores for the jobs themselves."""
    async with stage.redis() as redis:
        return await _burnt(stage, _subjects(peers), redis)


def _subjects(peers: Sequence[Peer]) -> list[Subject]:
    return [DOCUGEN, *(Subject(peer.name, peer.label, peer.slots, peer) for peer in peers)]


def _rates(turns: Turns, measure: str, name: str) -> list[Measurement]:
    """DocuGen's over each other's, of the same rounds: above 1, DocuGen does more."""
    if DOCUGEN not in turns.values:
        return []
    ours, bounds = turns.of(DOCUGEN, measure), BOUNDS.get(measure, {})
    return [
        Measurement(name, "jobs/s", ours, subject.label, turns.of(subject, measure), bounds.get(subject.name))
        for subject in turns.values
        if subject is not DOCUGEN and (subject is not DOCUGEN_LOOP or measure == "drain")
    ]


def _latencies(turns: Turns, measure: str, name: str) -> list[Measurement]:
    """Each other's over DocuGen's: above 1, DocuGen is quicker."""
    others = [subject for subject in turns.values if subject is not DOCUGEN]
    if DOCUGEN not in turns.values:
        return []
    ours = turns.of(DOCUGEN, measure)
    return [Measurement(f"{name}: {s.label}", "us", turns.of(s, measure), DOCUGEN.label, ours) for s in others]


async def _carried(subject: Subject, redis: RedisConnection) -> dict[str, float]:
    """Submit one at a time, then in bulk, then drain all of it."""
    await emptied(redis)
    url = redis.address.public()
    async with subject.program("submit", url) as submitter:
        await submitter.ask(f"one {FIRST}", "took")
        (one,) = await submitter.ask(f"one {ONE}", "took")
        (bulk,) = await submitter.ask(f"bulk {BULK}", "took")
    jobs = FIRST + ONE + BULK
    async with subject.program("work", url, subject.mode, jobs, 0, subject.slots, LEASE_MS, "a") as worker:
        worker.go()
        first, last = map(float, await worker.line("drained"))
    rates = {"one": ONE / float(one), "bulk": BULK / float(bulk), "drain": jobs * 3 / 4 / (last - first)}
    return {name: per_us * 1e6 for name, per_us in rates.items()}


async def _begun(subject: Subject, redis: RedisConnection) -> dict[str, float]:
    await emptied(redis)
    url = redis.address.public()
    async with (
        subject.program("work", url, "stamp", 0, 0, subject.slots, LEASE_MS, "a") as worker,
        subject.program("submit", url) as submitter,
    ):
        worker.go()
        for _ in range(WARM):  # the first one waits for the worker's start
            await submitter.ask(f"paced 1 {PER_SECOND}", "sent")
            await worker.line("late")
        await submitter.ask(f"paced {PACED} {PER_SECOND}", "sent")
        late = [float((await worker.line("late"))[0]) for _ in range(PACED)]
    parts = quantiles(late, n=100, method="inclusive")
    return {"p50": parts[49], "p99": parts[98]}


async def _burnt(stage: Stage, subjects: Sequence[Subject], redis: RedisConnection) -> Rows:
    """Beside the same work in as many processes without a queue, in the same language, of the same round."""
    iterations = {False: iterations_of(BURN_US)}
    floors = {False: BARE}
    if node := next((subject for subject in subjects if _is_node(subject)), None):
        floors[True] = replace(node, label="without a queue, Node", mode="bare")
        async with node.program("calibrate", "", BURN_US) as calibrating:
            iterations[True] = int((await calibrating.line("iterations"))[0])

    async def take(subject: Subject) -> dict[str, float]:
        of = iterations[_is_node(subject)]
        if subject is BARE:
            return {"rate": await _bare_python(of)}
        return {"rate": await (_bare_node if subject.mode == "bare" else _worked)(subject, of, redis)}

    turns = await in_turns(stage.rounds, [*floors.values(), *subjects], take)
    name = f"{BURN_US // 1_000} ms CPU-bound jobs, {WORKERS} workers"
    rows = []
    for subject in turns.values:
        floor = floors[_is_node(subject)]
        if subject in subjects and floor in turns.values:
            of = turns.of(floor, "rate")
            rows.append(Measurement(f"{name}: {subject.label}", "jobs/s", turns.of(subject, "rate"), floor.label, of))
    return rows, turns.failures


def _is_node(subject: Subject) -> bool:
    return subject.peer is not None and subject.peer.tool == "npm"


async def _bare_python(iterations: int) -> float:
    return await burnt_per_s([Child("burn-bare", BURNT // WORKERS, iterations) for _ in range(WORKERS)], BURNT)


async def _bare_node(subject: Subject, iterations: int, _: RedisConnection) -> float:
    async with AsyncExitStack() as stack:
        programs = [subject.program("bare", "", BURNT // WORKERS, iterations) for _ in range(WORKERS)]
        for program in programs:
            await stack.enter_async_context(program)
        begin = now_us()
        for program in programs:
            program.go()
        spans = await _ended(programs, BURNT)
    return BURNT / (max(end for _, end in spans) - begin) * 1e6


async def _worked(subject: Subject, iterations: int, redis: RedisConnection) -> float:
    """From the start of the first job to the end of the last: how long a worker takes to start is no part of it."""
    await emptied(redis)
    url = redis.address.public()
    slots = 1 if subject.slots == 1 else BURN_SLOTS
    async with _several(subject, url, iterations, slots) as workers, subject.program("submit", url) as submitter:
        for worker in workers:
            worker.go()
        await asyncio.sleep(WORKER_STARTS_S)
        await submitter.ask(f"bulk {BURNT}", "took")
        spans = await _ended(workers, BURNT)
    return BURNT / (max(end for _, end in spans) - min(begin for begin, _ in spans)) * 1e6


@asynccontextmanager
async def _several(subject: Subject, url: str, iterations: int, slots: int) -> AsyncIterator[list[Program]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                subject.program("work", url, "burn", 0, iterations, slots, LEASE_MS, f"w{n}")
            )
            for n in range(WORKERS)
        ]


async def _ended(programs: Sequence[Program], jobs: int) -> list[tuple[float, float]]:
    """Begin and end of each job, whoever had it. Raises PeerFailed."""
    spans: list[tuple[float, float]] = []
    enough = asyncio.Event()

    async def read(program: Program) -> None:
        while True:
            begin, end = await program.line("burnt")
            spans.append((float(begin), float(end)))
            if len(spans) >= jobs:
                enough.set()

    readers = [asyncio.create_task(read(program)) for program in programs]
    waiting: list[asyncio.Task[object]] = [*readers, asyncio.create_task(enough.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    while not enough.is_set() and any(not reader.done() for reader in readers):
        await asyncio.wait([task for task in waiting if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    failures = [r for r in await asyncio.gather(*waiting, return_exceptions=True) if isinstance(r, PeerFailed)]
    if not enough.is_set():
        raise failures[0] if failures else PeerFailed(f"{len(spans)} of {jobs} jobs")
    return spans
