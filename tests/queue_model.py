"""The queue in a hundred lines of Python: what test_model.py expects of the scripts. No Redis, no cleverness.

A run is in one place: `new` (in a lane, undelivered), `parked` (due at a time), `held` (by a consumer, until a time) or
`gone` (ended).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from docugen_core.domain.lease import Lease, Settled
from docugen_core.domain.run import TERMINAL, RunState


@dataclass
class ModelRun:
    """count: deliveries as Redis counts them; attempt: as the record does; the two differ after a group was lost. due: None
    while the index is lost. failures: failed attempts so far."""

    run_id: str
    digest: str
    priority: str
    entry: str = ""
    state: RunState = RunState.QUEUED
    place: str = "new"
    owner: str = ""
    count: int = 0
    attempt: int = 0
    due: int | None = None
    next_ms: int = 0
    not_before: int = 0
    redrives: int = 0
    failures: int = 0
    settled: tuple[Lease, Settled] | None = None
    letter: str = ""
    redrove: str = ""
    payload_kept: bool = True

    @property
    def lane(self) -> str:
        return self.entry.partition(":")[0]

    @property
    def is_live(self) -> bool:
        return self.state not in TERMINAL

    def is_held_under(self, lease: Lease) -> bool:
        return (
            self.place == "held"
            and (self.owner, self.count) == (lease.consumer, lease.attempt)
            and self.entry == lease.entry
        )

    def park(self, due: int, count: int) -> None:
        self.place, self.owner, self.due, self.count = "parked", "~retry", due, count

    def end(self, state: RunState) -> None:
        self.state, self.place, self.owner, self.due, self.next_ms = state, "gone", "", None, 0


@dataclass
class Model:
    """All runs by id, and the time."""

    now: int
    lease_ms: int
    horizon_ms: int
    redrives_max: int
    runs: dict[str, ModelRun] = field(default_factory=dict)
    paused: bool = False

    def late(self) -> list[ModelRun]:
        """Runs that a take must serve first, in order of their due times."""
        due = [(r.due, r.entry, r) for r in self.runs.values() if r.place in ("parked", "held") and r.due is not None]
        return [r for when, _, r in sorted(due, key=lambda d: d[:2]) if when <= self.now]

    def fresh(self) -> list[ModelRun]:
        """Undelivered runs that a take may serve; of one lane, in stream order."""
        waiting = [r for r in self.runs.values() if r.place == "new" and r.lane != "later"]
        return sorted(waiting, key=lambda r: stream_id(r.entry))

    def deliver(self, run: ModelRun, consumer: str) -> Lease:
        """The lease that a delivery of `run` must give."""
        if run.state is RunState.RUNNING:
            run.failures += 1
        if run.state is not RunState.CANCELLING:
            run.state = RunState.RUNNING
        run.attempt = max(run.count, run.attempt) + 1
        run.place, run.owner, run.count, run.due, run.next_ms = (
            "held",
            consumer,
            run.attempt,
            self.now + self.lease_ms,
            0,
        )
        return Lease(run.run_id, run.entry, consumer, run.attempt)

    def settle(self, lease: Lease, outcome: str, delay_ms: int) -> Settled:
        run = self.runs[lease.run_id]
        if run.settled is not None and run.settled[0] == lease:
            return run.settled[1]
        if not run.is_held_under(lease):
            return Settled.STALE
        if run.state is RunState.CANCELLING and outcome != "done":
            outcome = "cancelled"
        match outcome:
            case "done":
                run.end(RunState.SUCCEEDED)
                answer = Settled.DONE
            case "retry":
                run.state, run.next_ms, run.failures = RunState.RETRYING, self.now + delay_ms, run.failures + 1
                run.park(self.now + delay_ms, lease.attempt)
                answer = Settled.PARKED
            case "bury":
                run.failures += 1
                run.end(RunState.FAILED)
                answer = Settled.BURIED
            case _:
                run.end(RunState.CANCELLED)
                answer = Settled.CANCELLED
        run.settled = (lease, answer)
        return answer

    def hand_back(self, run: ModelRun, delay_ms: int | None) -> None:
        """Release (with a delay) or recover (delay None): unspent."""
        if run.state is not RunState.CANCELLING:
            run.state = RunState.QUEUED
        run.attempt = run.count - 1
        run.park(self.now + (delay_ms or 0), run.count - 1)
        if delay_ms is not None:
            run.next_ms = self.now + delay_ms

    def requeue(self, run: ModelRun, entry: str) -> None:
        run.state, run.place, run.entry = RunState.QUEUED, "new", entry
        run.count = run.attempt = run.next_ms = 0
        run.letter = ""

    def lose_group(self, lane: str) -> None:
        for run in self.runs.values():
            if run.is_live and run.lane == lane:
                run.place, run.owner, run.count, run.due = "new", "", 0, None

    def lose_index(self) -> None:
        for run in self.runs.values():
            run.due = None

    def park_later(self) -> None:
        """What a submit with a start time and a sweep do first; both find again what a lost group left in the lane."""
        for run in self.runs.values():
            if run.place == "new" and run.lane == "later":
                run.park(run.not_before, 0)

    def sweep(self) -> None:
        self.park_later()
        for run in self.runs.values():
            if run.place not in ("parked", "held"):
                continue
            if run.due is None:
                run.due = run.next_ms if run.place == "parked" and run.next_ms > 0 else self.now + self.lease_ms
            if run.due > self.now + self.horizon_ms and not (run.lane == "later" and run.due == run.not_before):
                run.due = self.now + self.lease_ms


def stream_id(entry: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry.partition(":")[2].partition("-")
    return int(milliseconds), int(sequence)
