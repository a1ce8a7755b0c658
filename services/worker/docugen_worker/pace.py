"""How quick the jobs here are of late, and by that how many to take before there is a slot for them.

Where jobs take milliseconds, a call to the queue for each costs as much as the job. Where they take longer, a call is nothing,
and a job that waits in one worker while another is idle is late for no reason. So jobs are taken ahead only while they hold
their slots for QUICK_S at most, and as many as end here within AHEAD_S: those that are stuck in a slot bring none.

Pure: no clock, no I/O. Times are seconds.
"""

from __future__ import annotations

QUICK_S = 0.025
AHEAD_S = 0.1
AHEAD_PER_SLOT_MAX = 8
AHEAD_MIN, AHEAD_MAX = 4, 64
"""Of a whole worker. Fewer would save too few calls to be worth their waiting; so many more would share its end if it died."""

_AT_FIRST_S = 1.0
_WEIGHT = 0.2
"""Of the newest job in the means: a single slow one ends the taking ahead, some twenty quick ones begin it."""


class Pace:
    """Two means, the last jobs counting most: how long a job holds its slot, and how long it is from one end to the next."""

    def __init__(self) -> None:
        self._held_s = self._between_s = _AT_FIRST_S
        self._ended_s: float | None = None

    def ended(self, begun_s: float, now_s: float) -> None:
        """A job that had its slot since begun_s has left it now."""
        last_s = now_s - _AT_FIRST_S if self._ended_s is None else self._ended_s
        self._ended_s = now_s
        self._held_s += _WEIGHT * (now_s - begun_s - self._held_s)
        self._between_s += _WEIGHT * (now_s - last_s - self._between_s)

    def forget(self) -> None:
        """It was wrong: nothing is taken ahead until jobs have proved quick again."""
        self._held_s = self._between_s = _AT_FIRST_S

    def ahead(self, slots: int) -> int:
        """How many jobs a worker with so many slots takes ahead: none, or AHEAD_MIN to AHEAD_MAX."""
        if self._held_s > QUICK_S:
            return 0
        bound = min(AHEAD_MAX, AHEAD_PER_SLOT_MAX * slots)
        fitting = min(bound, int(AHEAD_S / max(self._between_s, AHEAD_S / AHEAD_MAX)))
        return fitting if fitting >= AHEAD_MIN else 0
