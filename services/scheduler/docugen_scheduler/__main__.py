"""`docugen-scheduler`, or `python -m docugen_scheduler`: settings from the environment, one server, until SIGTERM.

    0         ended by a signal, gracefully
    75        a part it needs does not answer (store); starting it again may help
    78        a setting is wrong; the message on standard error names it and the remedy
    128 + n   ended at once, by a second signal n

Standard output gets one JSON line, `scheduler_started`, with the address in fact. Logs go to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from docugen_core import __version__
from docugen_core.adapters.logs import configure_logs
from docugen_core.config import Settings, load
from docugen_core.errors import DocugenError

from docugen_scheduler.app import Served, serve

EX_TEMPFAIL = 75
EX_CONFIG = 78


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the scheduler and exit the process."""
    parser = argparse.ArgumentParser(
        prog="docugen-scheduler",
        description="The DocuGen scheduler: renders document bundles, over gRPC.",
        epilog="Settings are environment variables named DOCUGEN_...; `docugen config` lists them.",
    )
    parser.add_argument("--version", action="version", version=f"docugen-scheduler {__version__}")
    parser.parse_args(arguments)
    try:
        settings = load()
        configure_logs(settings.log_level, settings.log_format)
        code = run(settings)
    except DocugenError as error:
        remedy = f"\n{error.hint}" if error.hint else ""
        sys.stderr.write(f"docugen-scheduler: {error.message}{remedy}\n")
        code = EX_TEMPFAIL if error.retryable else EX_CONFIG
    sys.exit(code)


def run(settings: Settings) -> int:
    """Serve on an event loop of its own, uvloop's where that is installed. Returns the exit code."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve(settings, _announce))


def _announce(served: Served) -> None:
    started = {
        "event": "scheduler_started",
        "address": served.address,
        "mode": served.core.executor.mode.value,
        "store": served.core.settings.store_url,
        "version": __version__,
        "process_id": os.getpid(),
    }
    sys.stdout.write(json.dumps(started) + "\n")
    sys.stdout.flush()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        return import_module("uvloop").new_event_loop  # type: ignore[no-any-return]
    except ImportError:  # the extra [fast] is not installed
        return None


if __name__ == "__main__":
    main()
