"""The end of a service, as events that handlers and actors can wait for.

closing   no more waiting: watchers and waiters end with UNAVAILABLE and come back to another server
drained   what was running has ended or was handed back: CreateBundleRun answers with the state there is
hurried   a second signal: nothing is waited for any more

`ended_by_signals` ties the first and the last to SIGTERM and SIGINT.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from docugen_core.errors import Unavailable

T = TypeVar("T")

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)

COME_BACK_MS = 1_000


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One service's end. The events are set once, in the order above, and never cleared."""

    closing: asyncio.Event = field(default_factory=asyncio.Event)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    hurried: asyncio.Event = field(default_factory=asyncio.Event)

    async def while_open(self, work: Awaitable[T]) -> T:
        """The result of `work`. Raises Unavailable (SHUTTING_DOWN) once closing; `work` is cancelled then."""
        result = await unless(self.closing, work)
        if result is None:
            raise shutting_down()
        return result[0]

    async def follow(self, snapshots: AsyncIterator[T]) -> AsyncIterator[T]:
        """What `snapshots` yields. Raises Unavailable (SHUTTING_DOWN) once closing."""
        while True:
            try:
                snapshot = await self.while_open(anext(snapshots))
            except StopAsyncIteration:
                return
            yield snapshot


@dataclass(slots=True)
class Stop:
    """What signals asked for. asked: set by the first one. exit_code: 0, or 128 + n after a second signal n."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    exit_code: int = 0


def ended_by_signals(lifetime: Lifetime) -> Stop:
    """Listen for SIGTERM and SIGINT on the running loop: the first asks to stop, a second one sets lifetime.hurried."""
    stop = Stop()

    def on_signal(number: signal.Signals) -> None:
        if stop.asked.is_set():
            stop.exit_code = 128 + number
            lifetime.hurried.set()
        stop.asked.set()

    loop = asyncio.get_running_loop()
    for number in END_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    return stop


async def unless(event: asyncio.Event, work: Awaitable[T]) -> tuple[T] | None:
    """(result of `work`,), or None if `event` is set first; `work` is then cancelled and has ended. Raises what it raises."""
    doing = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((doing, stopped), return_when=asyncio.FIRST_COMPLETED)
        return (doing.result(),) if doing.done() else None
    finally:
        for task in (doing, stopped):
            task.cancel()
        await asyncio.gather(doing, stopped, return_exceptions=True)


def shutting_down() -> Unavailable:
    return Unavailable(
        "this server is shutting down",
        code="SHUTTING_DOWN",
        hint="Ask again: the run goes on here after a restart, or on another server.",
        retry_after_ms=COME_BACK_MS,
    )
