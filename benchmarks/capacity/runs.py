"""The simulation at work: under a backlog, and with jobs that arrive by chance. Equal arguments, equal results."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from random import Random

from benchmarks.capacity.clock import Clock
from benchmarks.capacity.model import TAKE_MAX, Job, Node, Outcome, Partition
from benchmarks.capacity.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was, measured after its warm-up. busy: part of the time that the partitions' servers worked, on average."""

    per_s: float
    busy: float
    starts: tuple[float, ...]
    empty_takes: int
    again: tuple[float, ...] = ()
    wasted_s: float = 0.0


def backlog(parameters: Parameters, partitions: int, nodes: int, work_ms: float) -> Run:
    """Throughput when there is always work, and as many jobs are submitted as are done."""
    seconds = max(0.4, 6 * work_ms / 1e3)
    clock, outcome, parts, crew = _stage(parameters, partitions, nodes)
    enough = int(TAKE_MAX * nodes + 2 * 1e6 / parameters.server["take"].job_us * seconds)
    for part in parts:
        part.fill(enough, work_ms * 1e3)
    for number, node in enumerate(crew):  # not all at once
        clock.after(number / nodes * work_ms * 1e3, node.fetch)
    _submissions(clock, parts, outcome, parameters.server["submit"].us(1))
    warm = max(100e3, 2 * work_ms * 1e3)
    clock.run(warm)
    before, busy = outcome.done, sum(part.server.busy for part in parts)
    clock.run(warm + seconds * 1e6)
    spent = sum(part.server.busy for part in parts) - busy
    return Run((outcome.done - before) / seconds, spent / partitions / seconds / 1e6, (), outcome.empty_takes)


def _submissions(clock: Clock, parts: list[Partition], outcome: Outcome, cost: float) -> None:
    """As many are submitted as are done: the backlog stays as it is."""
    told = 0
    turn = count()

    def look() -> None:
        nonlocal told
        for _ in range(outcome.done - told):
            parts[next(turn) % len(parts)].server.serve(cost, _nothing)
        told = outcome.done
        clock.after(1_000.0, look)

    look()


def arrivals(parameters: Parameters, partitions: int, nodes: int, work_ms: float, per_s: float, **more: float) -> Run:
    """Jobs that arrive by chance, per_s in all. more: seconds (2); dies_at_s, when the first node gets SIGKILL."""
    seconds = more.get("seconds", 2.0)
    clock, outcome, parts, crew = _stage(parameters, partitions, nodes)
    chance, turn = Random(1), count()  # noqa: S311 - arrivals of a simulation

    def arrive() -> None:
        parts[next(turn) % partitions].submit(Job(clock.now, work_ms * 1e3))
        clock.after(chance.expovariate(per_s / 1e6), arrive)

    for node in crew:
        clock.after(0.0, node.fetch)
    clock.after(1_000.0, arrive)
    if "dies_at_s" in more:
        clock.after(more["dies_at_s"] * 1e6, crew[0].die)
    warm = seconds / 4 * 1e6
    clock.run(warm)
    outcome.starts.clear()
    before, busy = outcome.done, sum(part.server.busy for part in parts)
    clock.run(warm + seconds * 1e6)
    spent = sum(part.server.busy for part in parts) - busy
    return Run(
        (outcome.done - before) / seconds,
        spent / partitions / seconds / 1e6,
        tuple(outcome.starts),
        outcome.empty_takes,
        tuple(outcome.again),
        outcome.wasted / 1e6,
    )


def _stage(parameters: Parameters, partitions: int, nodes: int) -> tuple[Clock, Outcome, list[Partition], list[Node]]:
    clock, outcome = Clock(), Outcome()
    parts = [Partition(clock, parameters, outcome) for _ in range(partitions)]
    crew = [Node(clock, parts[number % partitions], parameters, outcome) for number in range(nodes)]
    _beats(clock, parts, parameters)
    return clock, outcome, parts, crew


def _beats(clock: Clock, parts: list[Partition], parameters: Parameters) -> None:
    """Each node renews what it holds, in one call each third of a lease."""

    def beat(part: Partition, node: Node) -> None:
        if node.dead:
            return
        if node.leases:
            part.server.serve(parameters.server["beat"].us(node.leases), _nothing)
        clock.after(parameters.beat_s * 1e6, lambda: beat(part, node))

    for part in parts:
        for number, node in enumerate(part.nodes):
            clock.after(parameters.beat_s * 1e6 * (number + 1) / len(part.nodes), lambda p=part, n=node: beat(p, n))  # type: ignore[misc]


def _nothing() -> None:
    """What follows a call that nobody waits for."""
