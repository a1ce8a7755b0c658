"""What is simulated: partitions, each one server with one thread; worker nodes with cores; calls that travel between them.

A partition is a queue of its own name: all its keys lie in one hash slot, and its scripts run one after the other. Nodes are
dealt out to partitions evenly, and each serves the one it was dealt to, as a worker serves the one queue it is configured for.
A node does what a worker does: it asks for as many jobs as it has free slots, one call at a time; a job takes a core for its
time and for the worker's own; what ends meanwhile is settled in the next call; an idle node waits at the bell of its partition,
and a new job wakes the one that has waited longest; what falls due wakes all. Times are microseconds. Deterministic: the same
arguments, the same result.

Not in it: schedulers, the artefact store, watchers, retries, failing Redis. See docs/explanation/scaling.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from benchmarks.capacity.clock import Clock, Server, Then
from benchmarks.capacity.parameters import Parameters

TAKE_MAX = 256
"""What one take may ask for, as in the queue's client."""


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
