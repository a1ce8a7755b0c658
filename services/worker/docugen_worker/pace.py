"""How quick the jobs here are of late, and by that how many to take before there is a slot for them.

Where jobs take milliseconds, a call to the queue for each costs as much as the job. Where they take longer, a call is nothing,
and a job that waits in one worker while another is idle is late for no reason. So some are taken ahead only while all of them
together will have begun within AHEAD_S.

Pure: no clock, no I/O. Times are seconds.
"""

from __future__ import annotations

AHEAD_S = 0.1
AHEAD_MIN, AHEAD_MAX = 4, 8
"""For each slot. Fewer would save too few calls to be worth their waiting; more would save little more."""

_AT_FIRST_S = 1.0
_WEIGHT = 0.2
"""Of the newest job in the mean: a single slow one ends the taking ahead, some twenty quick ones begin it."""


class Pace:
    """A mean of how long jobs held their slots, the last ones most."""

    def __init__(self) -> None:
        self._mean_s = _AT_FIRST_S

    def took(self, seconds: float) -> None:
        """A job has left its slot."""
        self._mean_s += _WEIGHT * (seconds - self._mean_s)

    def forget(self) -> None:
        """It was wrong: nothing is taken ahead until jobs have proved quick again."""
        self._mean_s = _AT_FIRST_S

    @property
    def ahead(self) -> int:
        """How many jobs to take ahead for each slot: 0, or AHEAD_MIN to AHEAD_MAX."""
        fitting = int(AHEAD_S / max(self._mean_s, AHEAD_S / AHEAD_MAX))
        return fitting if fitting >= AHEAD_MIN else 0
