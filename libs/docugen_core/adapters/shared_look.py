"""Many looks at files, few threads: all that are asked for while one look is under way are read by the next, in one thread.

Every submit looks whether its run is finished already, and nearly always there is no such file. To wake a thread for that, and
to be woken by it, costs a scheduler a quarter of the whole call. A lone caller waits for nobody.

For a local disk, where a look takes microseconds. Behind a slow or a hanging request everybody else would wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

LOOK_MAX = 256
"""Looks in one thread. How many wait is bounded by who asks: a call each."""

P = TypeVar("P")
A = TypeVar("A")


@dataclass(slots=True, eq=False)
class _Asked(Generic[P, A]):
    """A place, and who waits for what is there."""

    place: P
    answer: asyncio.Future[A] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class SharedLook(Generic[P, A]):
    """Calls `read`, which blocks, for one place after the other. Use it on one event loop; it has a task only while somebody
    waits."""

    def __init__(self, read: Callable[[P], A]) -> None:
        self._read = read
        self._asked: deque[_Asked[P, A]] = deque()
        self._looking: asyncio.Task[None] | None = None

    async def at(self, place: P) -> A:
        """What `read(place)` returns or raises, to each about its own place. Cancelling it gives up the answer alone."""
        asked = _Asked[P, A](place)
        self._asked.append(asked)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="shared look")
        return await asked.answer

    async def _look(self) -> None:
        together: list[_Asked[P, A]] = []
        try:
            while self._asked:
                some = [self._asked.popleft() for _ in range(min(len(self._asked), LOOK_MAX))]
                if together := [asked for asked in some if not asked.answer.done()]:
                    _tell(together, await self._found([asked.place for asked in together]))
        finally:
            self._looking = None
            for asked in (*together, *self._asked):  # there are none, unless the loop is being closed
                asked.answer.cancel()

    async def _found(self, places: list[P]) -> Sequence[A | Exception]:
        try:
            return await asyncio.to_thread(self._read_all, places)
        except Exception as error:  # noqa: BLE001 - no thread to be had: raised again, to everybody
            return [error] * len(places)

    def _read_all(self, places: list[P]) -> list[A | Exception]:
        return [self._read_one(place) for place in places]

    def _read_one(self, place: P) -> A | Exception:
        try:
            return self._read(place)
        except Exception as error:  # noqa: BLE001 - raised again, to the one who waits for it
            return error


def _tell(together: list[_Asked[P, A]], found: Sequence[A | Exception]) -> None:
    for asked, one in zip(together, found, strict=True):
        if asked.answer.done():
            continue
        if isinstance(one, Exception):
            asked.answer.set_exception(one)
        else:
            asked.answer.set_result(one)
