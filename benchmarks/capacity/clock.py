"""What every simulation of queues is made of: a clock that goes from one event to the next, and a server with one thread."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Then = Callable[[], None]


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
