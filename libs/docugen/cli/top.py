"""`docugen top`: a server at work, on one screen."""

from __future__ import annotations

import shutil
import sys
from contextlib import aclosing
from typing import Any

import click

from docugen.cli.options import json_option, server_option
from docugen.cli.output import emit
from docugen.cli.remote import ask
from docugen.cli.top_board import Board
from docugen.client import DocugenClient, to_json

FILE_COLUMNS = 160
"""Where there is no terminal, and COLUMNS says nothing."""


@click.command()
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 60.0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="From look to look. Workers and dead letters are asked for every 2 and 5 s at most.",
)
@click.option("--once", is_flag=True, help="Print one look, after one interval, which the rates need.")
@server_option
@json_option
def top(interval: float, once: bool, server: str | None, as_json: bool) -> None:
    """Watch a server at work: queue, lanes, workers and what they render, retries, dead letters.

    `q` or Ctrl-C ends it. It comes back by itself when the scheduler does. Servers without a queue are shown by their runs.
    Without a terminal, or with --json, it is --once.

    \b
    --json: {top: {server, mode, observe_time, waiting, parked, in_flight, dead, oldest_age, paused, rates: {entered, left},
            lanes: [{name, waiting, in_flight, parked}], workers: [{id, host, slots, silent, draining, jobs: [{bundle_run,
            attempt, age, documents, documents_ended, document}]}], upcoming: [{bundle_run, attempt, due_in, reason}],
            letters: [{bundle_run, ago, reason, message}], capped}}
    mode: queue or inline. Times are in seconds, rates a second.
    """
    if once or as_json or not sys.stdout.isatty():
        board = ask(server, lambda client: _look(client, interval))
        emit({"top": to_json(board)}, lambda _: _text(board), as_json=as_json)
        return
    ask(server, lambda client: _watch(client, interval))


async def _look(client: DocugenClient, interval: float) -> Board:
    """The first board with rates."""
    from docugen.cli.top_feed import boards

    async with aclosing(boards(client, interval)) as found:
        async for board in found:
            if board.rates.entered is not None:
                return board
    raise AssertionError("boards end with an error only")


async def _watch(client: DocugenClient, interval: float) -> None:
    from docugen.cli.top_feed import lasting
    from docugen.cli.top_terminal import show

    await show(lasting(client, interval), interval)


def _text(board: Board) -> Any:
    from docugen.cli.top_screen import as_text

    return as_text(board, shutil.get_terminal_size((FILE_COLUMNS, 0)).columns)
