"""What the simulation is held against: two laws of queueing that it must obey, and rows that were measured on one machine.

Utilisation law: a server's busy part is its throughput times what one job costs it. M/D/1 (Poisson arrivals, one thread, a
constant time s, busy part r): the mean wait is s * r / (2 * (1 - r)), after Pollaczek and Khinchine; r = 0.5 gives s / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benchmarks.capacity.clock import Clock, Server
from benchmarks.capacity.parameters import Parameters
from benchmarks.capacity.runs import backlog

ARRIVALS = 200_000


@dataclass(frozen=True, slots=True)
class Check:
    """off: how far the simulation is from what was expected, as a part of that."""

    what: str
    expected: float
    simulated: float

    @property
    def off(self) -> float:
        return self.simulated / self.expected - 1


def md1_wait_us(service_us: float, busy: float) -> float:
    """Mean wait before service, without the service itself."""
    return service_us * busy / (2 * (1 - busy))


def waits(service_us: float, busy: float, arrivals: int = ARRIVALS) -> Check:
    """A server of the simulation beside the formula."""
    clock, chance = Clock(), Random(2)  # noqa: S311 - arrivals of a simulation
    server, waited = Server(clock), 0.0

    def arrive() -> None:
        nonlocal waited
        waited += server.serve(service_us, lambda: None)

    at = 0.0
    for _ in range(arrivals):
        at += chance.expovariate(busy / service_us)
        clock.after(at, arrive)
    clock.run(at)
    return Check(f"M/D/1, {busy:.0%} busy: mean wait, us", md1_wait_us(service_us, busy), waited / arrivals)


def utilisation(parameters: Parameters, work_ms: float, nodes: int) -> Check:
    """Where calls are about one job each: long jobs on one core a node."""
    run = backlog(parameters, 1, nodes, work_ms)
    cost_us = parameters.server_us_alone()
    return Check(f"utilisation law, {work_ms:g} ms jobs, {nodes} nodes: busy", run.per_s * cost_us / 1e6, run.busy)


def cores_bound(parameters: Parameters, work_ms: float, nodes: int) -> Check:
    """Far below saturation nothing but cores limits: nodes * cores / (work + the worker's own)."""
    each_us = work_ms * 1e3 + parameters.worker.us(1)
    return Check(
        f"cores alone, {work_ms:g} ms jobs, {nodes} nodes: jobs/s",
        nodes * parameters.cores / each_us * 1e6,
        backlog(parameters, 1, nodes, work_ms).per_s,
    )
