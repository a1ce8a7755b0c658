"""The queue as a whole: how full it is, whether it is paused, what housekeeping found. Times: milliseconds by its clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when nothing is handed out, and why."""

    since_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The queue at one moment. depth: undelivered and parked; parked: waiting for a retry or a start time; in_flight: leased.
    oldest_age_ms: how long the oldest job waits that could run; 0 when there is none.
    """

    observe_time_ms: int
    depth: int
    in_flight: int
    parked: int
    dead_letters: int
    oldest_age_ms: int
    pause: Pause | None


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one pass of housekeeping mended: entries without a due time, due times too far ahead, and what it forgot."""

    adopted: int = 0
    clamped: int = 0
    workers_forgotten: int = 0
    consumers_forgotten: int = 0
    letters_dropped: int = 0
    index_entries_removed: int = 0
