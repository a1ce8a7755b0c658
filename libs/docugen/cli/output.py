"""Where words go: results to stdout, everything else to stderr; colour only on a terminal that wants it.

A command makes one JSON document. `emit` prints it as it is, or the text a view makes of it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import click

Document = Mapping[str, Any]


class ReaderGone(Exception):
    """Whoever reads our stdout has seen enough (`| head`)."""


def emit(document: Document, view: Callable[[Any], str], *, as_json: bool) -> None:
    """The result of a command, on stdout."""
    say(json.dumps(document, ensure_ascii=False, indent=2) if as_json else view(document))


def say(text: str) -> None:
    """A result, on stdout. Raises ReaderGone, which click, unlike BrokenPipeError, leaves to `entry`."""
    try:
        click.echo(text, color=wants_colour(sys.stdout))
    except BrokenPipeError:
        raise ReaderGone from None


def warn(text: str) -> None:
    """Anything that is no result, on stderr."""
    click.echo(text, err=True, color=wants_colour(sys.stderr))


def wants_colour(stream: TextIO | None) -> bool:
    """stream: None where it was closed from the start."""
    # NO_COLOR (no-color.org) is a convention of terminals, not a setting of DocuGen.
    return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")  # noqa: TID251


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[int] = ()) -> str:
    """Aligned columns two spaces apart; `numbers` are the indexes of columns that align right. Empty rows: headings only."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(click.unstyle(c)) for c in column) for column in zip(headings, *cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - len(click.unstyle(cell)))
            padded.append(space + cell if index in numbers else cell + space)
        return "  ".join(padded).rstrip()

    return "\n".join([click.style(line(headings), bold=True), *(line(row) for row in cells)])


def size_text(size: int) -> str:
    """Bytes for people: `812 B`, `83.1 KiB`, `4.0 MiB`."""
    if size < 1_024:
        return f"{size} B"
    amount, unit = size / 1_024, "KiB"
    for larger in ("MiB", "GiB"):
        if amount < 1_024:
            break
        amount, unit = amount / 1_024, larger
    return f"{amount:.1f} {unit}"
