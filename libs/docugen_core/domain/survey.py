"""A closer look at the queue than its numbers: lane by lane, and what is due next. Plain values, stdlib only."""

from __future__ import annotations

from dataclasses import dataclass

UPCOMING_MAX = 10
"""Runs that a survey names."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane. name: a priority, or `later` for jobs with a start time. waiting: undelivered; parked: until a time is due."""

    name: str
    waiting: int
    in_flight: int
    parked: int


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A parked run. due_time_ms: of its retry or start. attempt: how many it had. reason: code of the last failure; empty for a
    start time."""

    run_id: str
    due_time_ms: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class QueueSurvey:
    """entered: jobs that ever entered the lanes; it only grows, so two surveys make a rate. lanes: by urgency. upcoming: the
    soonest first, at most UPCOMING_MAX."""

    entered: int
    lanes: tuple[Lane, ...]
    upcoming: tuple[Upcoming, ...]
