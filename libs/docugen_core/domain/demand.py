"""How much there is for workers to do: what a fleet of them is sized by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """Jobs that need a worker, now or soon.

    waiting: not handed out yet. in_flight: leased; were they left out, a fleet that has just taken every job would look idle,
    and be stopped in the middle of it. due_soon: parked for a retry or a start time that comes within the time asked for; a
    retry of five seconds should find its worker still there, a start of next week need not keep one.
    """

    waiting: int
    in_flight: int
    due_soon: int

    @property
    def jobs(self) -> int:
        return self.waiting + self.in_flight + self.due_soon
