"""Showing how far a run is, on stderr: a live bar on a terminal, one plain line per finished document elsewhere.

Takes snapshots from a local executor and from a server alike: both call these fields by the same names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from docugen.cli.output import size_text, wants_colour, warn

_ENDED = ("rendered", "omitted", "failed")
_SHOWN_AT_ONCE = 3


class DocumentSnapshot(Protocol):
    """One document: `state` is an enum whose value is `pending`, `rendering`, `rendered`, `omitted` or `failed`."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> Enum: ...
    @property
    def pages(self) -> int: ...
    @property
    def size(self) -> int: ...


class RunSnapshot(Protocol):
    """One run: `attempt` counts from 1; documents of a new attempt begin anew."""

    @property
    def state(self) -> Enum: ...
    @property
    def attempt(self) -> int: ...
    @property
    def documents(self) -> Sequence[DocumentSnapshot]: ...


Show = Callable[[RunSnapshot], None]


@contextmanager
def progress(*, quiet: bool) -> Iterator[Show]:
    """Gives a function that shows a snapshot. Call it with every one that comes."""
    if quiet:
        yield lambda _: None
    elif wants_colour(sys.stderr):
        with _live() as show:
            yield show
    else:
        yield _Ended(warn, _ENDED).show


class _Ended:
    """Says each document's end once an attempt, where it is one of `worth_saying`, and that an attempt is repeated."""

    def __init__(self, say: Callable[[str], None], worth_saying: Sequence[str]) -> None:
        self._say = say
        self._worth_saying = worth_saying
        self._said: set[tuple[int, str]] = set()

    def show(self, run: RunSnapshot) -> None:
        for document in run.documents:
            if document.state.value in self._worth_saying and (run.attempt, document.name) not in self._said:
                self._said.add((run.attempt, document.name))
                self._say(_line(document))
        if run.state.value == "retrying" and (run.attempt, "") not in self._said:
            self._said.add((run.attempt, ""))
            self._say(f"attempt {run.attempt} failed for a reason that may pass; there will be another one")


@contextmanager
def _live() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        # The bar counts what goes well, and the table of artefacts follows: only the rest deserves lines that stay.
        ended = _Ended(lambda text: bar.console.print(text, highlight=False, markup=False), ("omitted", "failed"))

        def show(run: RunSnapshot) -> None:
            ended.show(run)
            done = sum(d.state.value in _ENDED for d in run.documents)
            bar.update(task, total=len(run.documents), completed=done, description=_now(run))

        yield show


def _now(run: RunSnapshot) -> str:
    """What is being rendered at this moment, or the run's state where nothing is."""
    names = [d.name for d in run.documents if d.state.value == "rendering"]
    more = f" and {len(names) - _SHOWN_AT_ONCE} more" if len(names) > _SHOWN_AT_ONCE else ""
    return ", ".join(names[:_SHOWN_AT_ONCE]) + more or run.state.value


def _line(document: DocumentSnapshot) -> str:
    if document.state.value != "rendered":
        return f"{document.state.value:<9} {document.name}"
    pages = f", {document.pages} page{'s' if document.pages > 1 else ''}" if document.pages else ""
    return f"{document.state.value:<9} {document.name}  {size_text(document.size)}{pages}"
