"""The simulation: partitions, each one server with one thread; worker nodes with cores; calls that travel between them.

A partition is a queue of its own name: all its keys lie in one hash slot, and its scripts run one after the other. Nodes are
dealt out to partitions evenly, and each serves the one it was dealt to, as a worker serves the one queue it is configured for.
A node does what a worker does: it asks for as many jobs as it has free slots, one call at a time; a job takes a core for its
time and for the worker's own; what ends meanwhile is settled in the next call; an idle node waits at the bell of its partition,
and a new job wakes the one that has waited longest; what falls due wakes all. Times are microseconds. Deterministic: the same
arguments, the same result.

Not in it: schedulers, the artefact store, watchers, retries, failing Redis. See docs/explanation/scaling.md.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from benchmarks.capacity.parameters import Parameters

Then = Callable[[], None]
TAKE_MAX = 256
"""What one take may ask for, as in the queue's client."""


class Clock:
    """What happens next. Things of one moment happen in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._waiting: list[tuple[float, int, Then]] = []

    def after(self, delay: float, then: Then) -> None:
        heapq.heappush(self._waiting, (self.now + delay, next(self._order), then))

    def run(self, until: float) -> None:
        while self._waiting and self._waiting[0][0] <= until:
            self.now, _, then = heapq.heappop(self._waiting)
            then()
        self.now = until


class Server:
    """One thread that serves in order of arrival."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at = 0.0
        self._charged = 0.0

    @property
    def busy(self) -> float:
        """How long it has worked until now."""
        return self._charged - max(0.0, self._free_at - self._clock.now)

    def serve(self, cost: float, then: Then) -> float:
        """Returns how long it has to wait for its turn."""
        begin = max(self._clock.now, self._free_at)
        self._free_at = begin + cost
        self._charged += cost
        self._clock.after(self._free_at - self._clock.now, then)
        return begin - self._clock.now


@dataclass(slots=True)
class Job:
    submitted: float
    work: float
    attempt: int = 1


@dataclass(slots=True)
class Outcome:
    """starts: microseconds from submit to the start of each job that started after the warm-up."""

    done: int = 0
    starts: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    """Of jobs of a node that died: from its death to their next start."""
    wasted: float = 0.0
    """Core time spent on attempts that died."""
    empty_takes: int = 0


class Partition:
    def __init__(self, clock: Clock, parameters: Parameters, outcome: Outcome) -> None:
        self.server = Server(clock)
        self.nodes: list[Node] = []
        self._clock, self._parameters, self._outcome = clock, parameters, outcome
        self._lane: deque[Job] = deque()
        self._waiting: deque[Node] = deque()
        self._rings = 0

    def submit(self, job: Job) -> None:
        """A scheduler's call: it is queued when the script has run, and one of those that wait hears of it."""

        def queued() -> None:
            self._lane.append(job)
            self._rings += 1
            self._ring()

        self.server.serve(self._parameters.server["submit"].us(1), queued)

    def fill(self, jobs: int, work: float) -> None:
        """A backlog that was there before."""
        self._lane.extend(Job(0.0, work) for _ in range(jobs))

    def again(self, job: Job) -> None:
        """A lease has lapsed: what is due goes first."""
        self._lane.appendleft(job)
        if not self._waiting:
            self._rings += 1  # whoever is about to wait has been told when it is due
        while self._waiting:
            self._waiting.popleft().looks()

    def wait(self, node: Node) -> None:
        """At the bell, until there is a ring for this node."""
        self._waiting.append(node)
        self._ring()

    def _ring(self) -> None:
        while self._rings and self._waiting:
            node = self._waiting.popleft()
            if not node.dead:  # Redis knows that its connection is closed
                self._rings -= 1
                node.rung()

    def take(self, want: int, then: Callable[[list[Job]], None]) -> None:
        have = min(want, len(self._lane))
        taken = [self._lane.popleft() for _ in range(have)]
        if not self._lane:
            self._rings = 0
        self._outcome.empty_takes += not taken
        cost = self._parameters.server["take"].us(have) if taken else self._parameters.server["empty"].us(0)
        self.server.serve(cost, lambda: then(taken))


class Node:
    """A worker service: `slots` jobs at once, as many as cores; its event loop is one more thing that can be the limit."""

    def __init__(self, clock: Clock, partition: Partition, parameters: Parameters, outcome: Outcome) -> None:
        self.dead = False
        self._clock, self._partition, self._parameters, self._outcome = clock, partition, parameters, outcome
        self._loop = Server(clock)
        self._running: dict[int, tuple[Job, float]] = {}
        self._free = parameters.cores
        self._way = parameters.round_trip_us / 2
        self._ids = count()
        self._fetching = False
        self._ended = 0
        self._settling = False
        partition.nodes.append(self)

    @property
    def leases(self) -> int:
        return len(self._running)

    def fetch(self) -> None:
        """Ask for what there is room for, unless that is being asked."""
        if self._fetching or self.dead or not self._free:
            return
        self._fetching = True
        want = min(self._free, TAKE_MAX)
        self._clock.after(self._way, lambda: self._partition.take(want, lambda jobs: self._answered(jobs, self._wait)))

    def rung(self) -> None:
        """The take behind the wait, of one job, which lies ready at the server. Whoever gets none asks for what is there."""
        self._partition.take(1, lambda jobs: self._answered(jobs, self.fetch))

    def looks(self) -> None:
        """The wait is over without a ring."""
        self._fetching = False
        self.fetch()

    def _wait(self) -> None:
        self._fetching = True  # a job that ends meanwhile asks for none: the wait goes on
        self._clock.after(self._way, lambda: self._partition.wait(self))

    def _answered(self, jobs: list[Job], without: Then) -> None:
        def taken() -> None:
            self._fetching = False
            if self.dead:
                self._lost(jobs)
            elif jobs:
                self._free -= len(jobs)
                self._loop.serve(self._parameters.worker.us(len(jobs)) / 2, lambda: self._start(jobs))
            else:
                without()

        self._clock.after(self._way, taken)

    def die(self) -> None:
        """SIGKILL: nothing is settled or handed back; leases lapse one by one, at most a lease after their last beat."""
        self.dead = True
        jobs = list(self._running.values())
        self._running.clear()
        self._outcome.wasted += sum(self._clock.now - begin for _, begin in jobs)
        self._lost([job for job, _ in jobs])

    def _lost(self, jobs: list[Job]) -> None:
        died = self._clock.now
        for job in jobs:
            job.attempt += 1
            job.submitted = died
            self._clock.after(self._parameters.lease_s * 1e6, lambda job=job: self._partition.again(job))  # type: ignore[misc]

    def _start(self, jobs: list[Job]) -> None:
        if self.dead:
            self._lost(jobs)
            return
        for job in jobs:
            number = next(self._ids)
            self._running[number] = (job, self._clock.now)
            late = self._clock.now - job.submitted
            (self._outcome.starts if job.attempt == 1 else self._outcome.again).append(late)
            self._clock.after(job.work + self._parameters.worker.us(1), lambda number=number: self._end(number))  # type: ignore[misc]
        self.fetch()

    def _end(self, number: int) -> None:
        if self.dead or number not in self._running:
            return
        del self._running[number]
        self._free += 1
        self._ended += 1
        self._settle()
        self.fetch()

    def _settle(self) -> None:
        if self._settling or not self._ended or self.dead:
            return
        self._settling = True
        batch, self._ended = min(self._ended, TAKE_MAX), max(0, self._ended - TAKE_MAX)
        way, cost = self._parameters.round_trip_us / 2, self._parameters.server["settle"].us(batch)

        def settled() -> None:
            self._outcome.done += batch
            self._clock.after(way, answered)

        def answered() -> None:
            self._settling = False
            self._settle()

        def at_server() -> None:
            self._partition.server.serve(cost, settled)

        self._loop.serve(self._parameters.worker.us(batch) / 2, lambda: self._clock.after(way, at_server))


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
