"""A command in a terminal of its own: a pty of any size, its screen as text, its keyboard.

What the command writes is read by a terminal emulator (pyte), so `lines` is what a person would see.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyte

WAIT_S = 60.0
CTRL_C = "\x03"
# The child makes the pty its own terminal, so that Ctrl-C typed there is a signal, as it is for people.
_OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(slots=True)
class Terminal:
    """A running command. written: every byte that came."""

    process: subprocess.Popen[bytes]
    keyboard: int
    screen: pyte.Screen
    stream: pyte.ByteStream
    modes_before: list[Any]
    written: bytearray = field(default_factory=bytearray)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def type(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """As if its window had been drawn larger or smaller: what was on it is gone until it is drawn anew."""
        self.screen.reset()
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, what: str, holds: Callable[[str], bool]) -> str:
        """The text of the screen, once `holds` is true of it."""
        deadline = time.monotonic() + WAIT_S
        while not holds(self.text):
            assert time.monotonic() < deadline, f"never seen: {what}, but\n{self.text}"
            self._read(0.1)
        return self.text

    def shows(self, *words: str) -> str:
        """The text of the screen, once all the words are on it."""
        return self.until(f"all of {words}", lambda text: all(word in text for word in words))

    def ended(self) -> int:
        """The exit code, once it has ended."""
        deadline = time.monotonic() + WAIT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
            self._read(0.05)
        while self._read(0.05):
            pass  # what it wrote last may be more than one read brings
        return self.process.returncode

    def is_as_before(self) -> bool:
        """Whether the terminal's modes are what they were before the command."""
        return termios.tcgetattr(self.keyboard) == self.modes_before

    def _read(self, wait_s: float) -> bool:
        """Whether anything came within this time."""
        if not select.select([self.keyboard], [], [], wait_s)[0]:
            return False
        found = os.read(self.keyboard, 1 << 16)
        self.written += found
        self.stream.feed(found)
        return True


@contextmanager
def terminal(command: Sequence[str], env: Mapping[str, str], columns: int = 80, lines: int = 24) -> Iterator[Terminal]:
    """`command` (an absolute path first) in a terminal of this size. Killed at the end, unless it has ended."""
    keyboard, its_end = os.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    screen = pyte.Screen(columns, lines)
    modes = termios.tcgetattr(keyboard)
    words = [sys.executable, "-c", _OWN_TERMINAL, *command]
    with subprocess.Popen(words, stdin=its_end, stdout=its_end, stderr=its_end, env=dict(env)) as process:
        try:
            yield Terminal(process, keyboard, screen, pyte.ByteStream(screen), modes)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            os.close(its_end)
            os.close(keyboard)
