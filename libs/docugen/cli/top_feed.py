"""Where the boards of `docugen top` come from: a server, asked again and again, at a pace that does not burden it.

With a queue the numbers are watched (one stream); workers and dead letters are asked for every few seconds. Without one, runs
are listed: five short lists a look, none without a bound.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from docugen_core.adapters.system_clock import SystemClock

from docugen.cli.top_board import Board, InlineRuns, RateMeter, inline_board, queue_board
from docugen.client import BundleRun, DocugenClient, Refused, TryAgain
from docugen.client.queue_results import DeadLetter, Worker

WORKERS_S = 2.0
LETTERS_S = 5.0
INLINE_S = 2.0
RECONNECT_S = 1.0
LETTERS_MAX = 20
RUNS_MAX = 200
SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Away:
    """The server does not answer; it is asked again in a moment."""

    message: str


async def lasting(client: DocugenClient, interval_s: float) -> AsyncGenerator[Board | Away, None]:
    """Boards for ever, and an Away for every time that the server did not answer. It may come back with a queue, or without.

    Raises Refused: this server will not answer.
    """
    while True:
        try:
            async with aclosing(boards(client, interval_s)) as found:
                async for board in found:
                    yield board
        except TryAgain as error:
            yield Away(error.message)
        await asyncio.sleep(RECONNECT_S)


async def boards(client: DocugenClient, interval_s: float) -> AsyncGenerator[Board, None]:
    """Boards until the server ends it, about `interval_s` apart. Raises TryAgain, Refused."""
    try:
        async with aclosing(_queue(client, interval_s)) as found:
            async for board in found:
                yield board
    except Refused as error:
        if error.reason != "QUEUE_DISABLED":
            raise
        while True:
            yield await _inline(client)
            await asyncio.sleep(max(interval_s, INLINE_S))


async def _queue(client: DocugenClient, interval_s: float) -> AsyncGenerator[Board, None]:
    meter = RateMeter()
    clock = asyncio.get_running_loop().time
    workers: tuple[Worker, ...] = ()
    letters: list[DeadLetter] = []
    workers_due_s = letters_due_s = 0.0
    async with aclosing(client.queue.watch_stats(interval_s)) as watched:  # type: ignore[type-var]
        async for stats in watched:
            if clock() >= workers_due_s:
                workers, workers_due_s = await client.queue.workers(), clock() + WORKERS_S
            if not stats.dead_letters:
                letters, letters_due_s = [], 0.0
            elif clock() >= letters_due_s:
                letters, letters_due_s = await _oldest(client), clock() + LETTERS_S
            yield queue_board(client.address, stats, meter.add(stats), workers, letters)


async def _oldest(client: DocugenClient) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    async with aclosing(client.queue.dead_letters(page_size=LETTERS_MAX)) as letters:  # type: ignore[type-var]
        async for letter in letters:
            found.append(letter)
            if len(found) == LETTERS_MAX:
                break
    return found


async def _inline(client: DocugenClient) -> Board:
    runs = InlineRuns(
        waiting=await _newest(client, "state = QUEUED", RUNS_MAX + 1),
        running=await _newest(client, "state = RUNNING", SHOWN_MAX),
        retrying=await _newest(client, "state = RETRYING", SHOWN_MAX),
        failed=await _newest(client, "state = FAILED", RUNS_MAX + 1),
        recent=await _newest(client, "", RUNS_MAX),
        most=RUNS_MAX,
    )
    return inline_board(client.address, runs, dt.datetime.fromtimestamp(SystemClock().now_ms() / 1_000, dt.UTC))


async def _newest(client: DocugenClient, condition: str, most: int) -> tuple[BundleRun, ...]:
    found: list[BundleRun] = []
    async with aclosing(client.list(condition, page_size=most)) as runs:  # type: ignore[type-var]
        async for run in runs:
            found.append(run)
            if len(found) == most:
                break
    return tuple(found)
