"""`docugen serve`: become the scheduler. This process is replaced, so signals and exit code are the scheduler's own."""

from __future__ import annotations

import os
import sys

import click

from docugen.cli import local
from docugen.cli.failures import CommandFailed, Problem


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Report errors of the settings as JSON.")
def serve(as_json: bool) -> None:
    """Run the scheduler in the foreground until SIGTERM or Ctrl-C.

    The same as `python -m docugen_scheduler`; settings come from the environment (`docugen config`). It logs to stderr.
    """
    local.settings()  # a wrong setting is reported here, in the words of the command line
    try:
        os.execv(sys.executable, [sys.executable, "-m", "docugen_scheduler"])  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise CommandFailed(Problem(f"the scheduler cannot be started: {error.strerror}", "NOT_STARTED")) from None
