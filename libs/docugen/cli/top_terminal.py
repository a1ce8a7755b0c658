"""The screen and the keys of `docugen top`: a terminal, taken and given back, however it ends."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

from rich.console import Console, ConsoleDimensions, Group
from rich.live import Live

from docugen.cli.top_board import Board
from docugen.cli.top_feed import Away
from docugen.cli.top_screen import News, lines

TICK_S = 1.0
LATE_FACTOR = 4
"""A board so many intervals old is old news, even if the connection says nothing."""
QUIT = frozenset("qQ")
KEYS = "q quits"


class _Seen:
    """The latest board, and how things stand since."""

    def __init__(self, interval_s: float) -> None:
        self.board: Board | None = None
        self._patience_s = LATE_FACTOR * max(interval_s, TICK_S)
        self._clock = asyncio.get_running_loop().time
        self._seen_s = self._clock()
        self._problem = ""

    def add(self, found: Board | Away) -> None:
        if isinstance(found, Board):
            self.board, self._seen_s, self._problem = found, self._clock(), ""
        else:
            self._problem = found.message

    def news(self) -> News:
        age_s = self._clock() - self._seen_s
        late = "the connection is silent" if self.board and age_s > self._patience_s else ""
        return News(age_s, self._problem or late)


async def show(found: AsyncGenerator[Board | Away, None], interval_s: float) -> None:
    """Show what comes until `q` is pressed. Ctrl-C ends it too, as a KeyboardInterrupt. Raises what `found` raises."""
    console = Console()
    seen, changed, quitting = _Seen(interval_s), asyncio.Event(), asyncio.Event()

    async def follow() -> None:
        async with aclosing(found) as boards:
            async for one in boards:
                seen.add(one)
                changed.set()

    with _keys(quitting), _screen(console) as draw:
        following = asyncio.create_task(follow())
        leaving = asyncio.create_task(quitting.wait())
        try:
            while not leaving.done() and not following.done():
                draw(seen)
                changing = asyncio.create_task(changed.wait())
                await asyncio.wait([following, leaving, changing], timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
                changed.clear()
        finally:
            leaving.cancel()
            following.cancel()
            ended = await asyncio.gather(following, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


@contextmanager
def _screen(console: Console) -> Iterator[Callable[[_Seen], None]]:
    """A function that draws; on a screen of its own where the terminal has one, else one board below the other."""

    def scroll(seen: _Seen) -> None:
        console.size = _size()
        for line in lines(seen.board, seen.news(), console.size.width):
            console.print(line, no_wrap=True, crop=True)
        console.print()

    if console.is_dumb_terminal:
        yield scroll
        return

    with Live(console=console, screen=True, auto_refresh=False) as live:

        def redraw(seen: _Seen) -> None:
            console.size = _size()
            width, height = console.size
            live.update(Group(*lines(seen.board, seen.news(), width, height, KEYS)), refresh=True)

        yield redraw


def _size() -> ConsoleDimensions:
    """What the terminal says at this moment. COLUMNS and LINES, which rich believes, are those of when the shell set them."""
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return ConsoleDimensions(columns or 80, rows or 24)


@contextmanager
def _keys(quitting: asyncio.Event) -> Iterator[None]:
    """Sets `quitting` at a key of QUIT, where stdin is a terminal. Its modes are put back at the end."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def read() -> None:
        typed = os.read(descriptor, 64)
        if not typed or QUIT & set(typed.decode(errors="replace")):
            loop.remove_reader(descriptor)
            quitting.set()

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
